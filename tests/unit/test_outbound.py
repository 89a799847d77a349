"""Outbound messages: real ones, odd ones and hostile ones."""

import encodings.aliases
import xml.etree.ElementTree as ET
from datetime import UTC, datetime

import pytest

from common.change import Op, Side
from common.errors import Terminal, Transient
from common.salesforce import outbound

ORG = "00D5w000004qGTOEA2"
ACTION = "04k5w000000TSwMAAW"
RECORD = "0065w000023STAmAAO"


def a_notification(fields="<sf:Name>Acme</sf:Name>", *, id="04l5w00005286hAAAQ", record=RECORD, type="sf:Opportunity"):
    return (
        f'<Notification><Id>{id}</Id><sObject xsi:type="{type}" xmlns:sf="urn:sobject.enterprise.soap.sforce.com">'
        f"<sf:Id>{record}</sf:Id>{fields}</sObject></Notification>"
    )


def a_message(*notifications, org=ORG, action=ACTION, head='<?xml version="1.0" encoding="UTF-8"?>'):
    return (
        f'{head}<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" '
        'xmlns:xsd="http://www.w3.org/2001/XMLSchema" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">'
        '<soapenv:Body><notifications xmlns="http://soap.sforce.com/2005/09/outbound">'
        f"<OrganizationId>{org}</OrganizationId><ActionId>{action}</ActionId>"
        f'<SessionId xsi:nil="true"/>{"".join(notifications or [a_notification()])}</notifications></soapenv:Body></soapenv:Envelope>'
    )


def parse(text, org=ORG):
    return outbound.parse(text if isinstance(text, bytes) else text.encode(), org)


def only(text):
    (change,) = parse(text)
    return change


def refusal(body, org=ORG):
    """The refusal's reason; its words become a legal fault of bounded size."""
    with pytest.raises(Terminal) as caught:
        parse(body, org)
    fault = outbound.fault(caught.value, ours=False)
    ET.fromstring(fault)
    assert len(fault) < 2000
    assert len(str(caught.value)) < 1000
    assert caught.value.hint
    return caught.value.reason


# -- the real ones -----------------------------------------------------------------------------------------

T = datetime
REAL = {
    "01_lead_three_notifications_bom.xml": ("0123456789ABCDE", [
        ("Lead1", "0123456789ABCDEEAE", T(2015, 8, 14, 18, 27, 2), "04l37000000L0E5AAK", 27),
        ("Lead2", "1123456789ABCDEEAE", T(2015, 8, 14, 18, 27, 2), "14l37000123L0E5AAK", 27),
        ("Lead3", "2123456789ABCDEEAE", T(2015, 8, 14, 18, 27, 2), "24l37123450L0E5AAK", 27),
    ]),
    "03_opportunity_mulesoft_sample.xml": ("00DQ0000000EB93MAG", [
        ("Opportunity", "006Q0000009N3gfIAC", T(1970, 1, 1), "04lV0000001ALshIAG", 2),
    ]),
    "04_DiscountRule__c_single.xml": ("00DD0000000muCUMAY", [
        ("DiscountRule__c", "a025700000OPgOjAAL", T(2018, 5, 4, 11, 35, 40), "04l570000176YSmAAM", 9),
    ]),
    "05_opportunity_sandbox_all_fields.xml": ("00D5w000004qGTO", [
        ("Opportunity", "0065w000023STAmAAO", T(2020, 5, 9, 3, 4, 32), "04l5w00005286hAAAQ", 25),
    ]),
    "06_contact_every_field_selected_nulls_omitted.xml": ("00Dn00000008y2tEAA", [
        ("Contact", "003n000000NOtUbAAL", T(2017, 11, 3, 17, 24, 20), "04ln0000009JvY4AAK", 93),
    ]),
    "07_State_Province__c_two_notifications_mixed_15_18_ids.xml": ("00De0000000pmu1EAA", [
        ("State_Province__c", "a29e0000000K4P0AAK", T(1970, 1, 1), "04le0000004lnFFAAY", 3),
        ("State_Province__c", "a29e0000000Jz3mAAC", T(1970, 1, 1), "04le0000004lnFFAAZ", 3),
    ]),
    "09_IO__Order__c_id_only_oneline.xml": ("00Dd0000000gzcrEAA", [
        ("IO__Order__c", "a01d0000006qftoAAA", T(1970, 1, 1), "04ld000000E885fAAB", 0),
    ]),
}  # fmt: skip

REFUSED = {
    "02_empty_notifications_bom.xml": (ORG, "org_missing"),
    "08_contact_three_notifications_null_tier_omitted.xml": ("organizationId", "record_unnamed"),
    "10_contact_freedom_nozzle_readme.xml": ("00Do0000000xxxxxxx", "record_unnamed"),
    "neg_04_malformed_missing_sobject_open_tag.xml": ("00DD0000000muCUMAY", "xml_unreadable"),
}


@pytest.mark.parametrize("name", REAL)
def test_real_messages(name, samples):
    """Every notification becomes one change: its object, 18-character id, stamp, event and number of fields."""
    org, expected = REAL[name]

    got = parse((samples / "outbound" / name).read_bytes(), org)

    assert [(s, i, t.replace(tzinfo=UTC), e, n) for s, i, t, e, n in expected] == [
        (c.sobject, c.record_id, c.stamp, c.event_id, len(c.fields)) for c in got
    ]
    assert {(Side.SALESFORCE, Op.UPSERT, False)} == {(c.source, c.op, c.buried) for c in got}


@pytest.mark.parametrize("name", REFUSED)
def test_real_messages_that_are_refused(name, samples):
    """Placeholders for ids, no org, torn XML: refused for that very reason."""
    org, reason = REFUSED[name]

    assert reason == refusal((samples / "outbound" / name).read_bytes(), org)


@pytest.mark.parametrize("name", REAL)
def test_a_real_message_of_another_org_is_refused(name, samples):
    assert "other_org" == refusal((samples / "outbound" / name).read_bytes(), "00D000000000001AAA")


def test_no_real_message_is_left_out(samples):
    assert REAL.keys() | REFUSED.keys() == {path.name for path in (samples / "outbound").glob("*.xml")}


def test_values_travel_as_they_were_written(samples):
    """Numbers, dates and escaped markup are not touched."""
    (change,) = parse(
        (samples / "outbound" / "06_contact_every_field_selected_nulls_omitted.xml").read_bytes(), "00Dn00000008y2t"
    )

    expected = {
        "Golfer_Id__c": "208230.0", "Birthdate": "1978-01-01", "CreatedDate": "2017-09-01T16:27:19.000Z",
        "Golfer__c": "true", "npo02__Formula_HouseholdMailingAddress__c": "<br>", "External_Id__c": "G-208230",
    }  # fmt: skip
    assert expected == {name: change.fields[name] for name in expected}
    assert "04kn000000000m5AAA" == change.origin
    assert "MobilePhone" not in change.fields
    assert "Id" not in change.fields


@pytest.mark.parametrize("name", REAL)
def test_a_torn_message_is_refused_wherever_it_is_torn(name, samples):
    """A body that was cut says nothing, not even what stood before the cut."""
    org, _ = REAL[name]
    body = (samples / "outbound" / name).read_bytes().rstrip()

    for end in {*range(0, len(body), max(1, len(body) // 40)), len(body) - 1}:
        assert "xml_unreadable" == refusal(body[:end], org)


# -- odd, but legal ----------------------------------------------------------------------------------------


def test_short_ids_are_lengthened():
    """The record's, the action's; the org's may be short on either side."""
    change = only(a_message(a_notification(record="0065w000023STAm"), action=ACTION[:15], org=ORG[:15]))

    assert (RECORD, ACTION) == (change.record_id, change.origin)


def test_a_session_id_and_urls_do_not_travel():
    """They open the org: nothing of the message's head but the action goes on."""
    secret = "00D5w000004qGTO!AQ4AQ.secret"
    change = only(a_message().replace('<SessionId xsi:nil="true"/>', f"<SessionId>{secret}</SessionId>"))

    assert secret not in repr(change)


def test_null_fields_are_told_apart_from_empty_and_absent_ones():
    """`xsi:nil`, `fieldsToNull` and an empty element: null, null, empty text; absence stays absence."""
    change = only(
        a_message(
            a_notification(
                '<sf:fieldsToNull>A__c</sf:fieldsToNull><sf:fieldsToNull> B__c </sf:fieldsToNull><sf:C__c xsi:nil="true"/>'
                '<sf:D__c xsi:nil="1"></sf:D__c><sf:E__c/><sf:F__c></sf:F__c><sf:G__c xsi:nil="false">x</sf:G__c>'
            )
        )
    )

    assert {
        "A__c": None,
        "B__c": None,
        "C__c": None,
        "D__c": None,
        "E__c": "",
        "F__c": "",
        "G__c": "x",
    } == change.fields


def test_blank_fields_to_null_name_nothing():
    assert {} == only(a_message(a_notification('<sf:fieldsToNull/><sf:fieldsToNull xsi:nil="true"/>'))).fields


def test_text_is_kept_whole():
    """Comments, CDATA, references and white space are how XML writes a text; the text is all of it."""
    change = only(
        a_message(
            a_notification("<sf:A__c> a<!-- no -->b<![CDATA[<c> & ]]>&amp;&#x1F680;\n서울 </sf:A__c><?pi x?><!-- c -->")
        )
    )

    assert {"A__c": " ab<c> & &🚀\n서울 "} == change.fields


def test_a_notification_without_a_record_is_left_out():
    """The record was deleted before it was sent: there is nothing to say."""
    gone = [
        "<Notification><Id>04l5w00005286hAAAQ</Id></Notification>",
        '<Notification><Id>04l5w00005286hBAAQ</Id><sObject xsi:nil="true"/></Notification>',
        '<Notification><Id>04l5w00005286hCAAQ</Id><sObject xsi:type="sf:Opportunity"/></Notification>',
    ]

    assert [RECORD] == [c.record_id for c in parse(a_message(*gone, a_notification()))]
    assert [] == parse(a_message(*gone))


def test_a_hundred_notifications_come_in_order():
    notifications = [a_notification(record=f"0065w000023{n:04}") for n in range(100)]

    got = parse(a_message(*notifications))

    assert [f"0065w000023{n:04}" for n in range(100)] == [c.record_id[:15] for c in got]


@pytest.mark.parametrize(
    ("fields", "stamp"),
    [
        ("<sf:SystemModstamp>2026-01-31T12:00:00.000Z</sf:SystemModstamp>", T(2026, 1, 31, 12)),
        ("<sf:SystemModstamp>2026-01-31T12:00:00.000+0000</sf:SystemModstamp>", T(2026, 1, 31, 12)),
        ("<sf:SystemModstamp>\n2026-01-31T21:00:00+09:00 </sf:SystemModstamp>", T(2026, 1, 31, 12)),
        ("<sf:LastModifiedDate>2026-01-31T12:00:00Z</sf:LastModifiedDate>"
         "<sf:CreatedDate>2020-01-31T12:00:00Z</sf:CreatedDate>", T(2026, 1, 31, 12)),
        ("<sf:CreatedDate>2020-01-31T12:00:00Z</sf:CreatedDate>", T(2020, 1, 31, 12)),
        ('<sf:SystemModstamp xsi:nil="true"/>', T(1970, 1, 1)),
        ("", T(1970, 1, 1)),
    ],
)  # fmt: skip
def test_the_stamp_is_the_least_that_it_can_be(fields, stamp):
    """SystemModstamp, else what can only be older: a hint then expects no more than the message knew."""
    assert stamp.replace(tzinfo=UTC) == only(a_message(a_notification(fields))).stamp


def test_the_event_is_the_notification():
    """The same for every redelivery; made of action and record where the notification has no id."""
    assert "04l5w00005286hAAAQ" == only(a_message()).event_id
    assert f"{ACTION}/{RECORD}" == only(a_message(a_notification(id=""))).event_id


@pytest.mark.parametrize(
    ("head", "encoding"),
    [
        ("", "utf-8"), ("", "utf-8-sig"), ('<?xml version="1.0"?>', "utf-8"),
        ('<?xml version="1.0" encoding="utf-8"?>', "utf-8-sig"), ('<?xml version="1.0" encoding="UTF-16"?>', "utf-16"),
        ('<?xml version="1.0" encoding="ISO-8859-1"?>', "latin-1"),
        ('<?xml version="1.0" encoding="windows-1252"?>', "cp1252"),
    ],
)  # fmt: skip
def test_a_declared_encoding_is_read(head, encoding):
    """Whatever XML itself allows, read as declared."""
    body = a_message(a_notification("<sf:A__c>é</sf:A__c>"), head=head).encode(encoding)

    assert {"A__c": "é"} == only(body).fields


# -- refused -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("org", ["", "  ", "<a/>"])
def test_a_message_without_an_org_is_refused(org):
    assert "org_missing" == refusal(a_message(org=org))


@pytest.mark.parametrize(
    "org", ["00D000000000001AAA", "00d5w000004qgtoEA2", ORG[:14], "x" * 100_000, "<![CDATA[</faultstring>]]>"]
)
def test_a_message_of_another_org_is_refused(org):
    """Ids differ by case alone; a fault repeats no more than it needs to."""
    assert "other_org" == refusal(a_message(org=org))


@pytest.mark.parametrize(
    "notification",
    [
        a_notification(record=""), a_notification(record="001"), a_notification(record="'; DROP TABLE x"),
        a_notification(record="y" * 100_000), a_notification(type=""), a_notification(type="sf:"),
        a_notification("<sf:SystemModstamp/>", record=""),
    ],
)  # fmt: skip
def test_a_record_without_a_name_is_refused(notification):
    assert "record_unnamed" == refusal(a_message(notification))


@pytest.mark.parametrize("text", ["yesterday", "2026-02-30T00:00:00Z", "0001-01-01T00:00:00+14:00", "9" * 100_000])
@pytest.mark.parametrize("field", ["SystemModstamp", "LastModifiedDate"])
def test_a_time_that_is_none_is_refused(text, field):
    """It would otherwise overwrite everything, or nothing."""
    assert "time_unreadable" == refusal(a_message(a_notification(f"<sf:{field}>{text}</sf:{field}>")))


@pytest.mark.parametrize(
    "body",
    [
        "<a/>", "<notifications xmlns='http://soap.sforce.com/2005/09/outbound'/>", f"<{'a' * 100_000}/>",
        '<Envelope xmlns="http://schemas.xmlsoap.org/soap/envelope/"/>',
        '<Envelope xmlns="http://schemas.xmlsoap.org/soap/envelope/"><Body/></Envelope>',
        '<Envelope xmlns="http://www.w3.org/2003/05/soap-envelope"><Body><notifications '
        'xmlns="http://soap.sforce.com/2005/09/outbound"/></Body></Envelope>',
        a_message().replace("http://soap.sforce.com/2005/09/outbound", "http://example.com"),
    ],
)  # fmt: skip
def test_other_xml_is_refused(body):
    assert "not_an_outbound_message" == refusal(body)


BOMB = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 12))
HOSTILE = {
    "external entity": '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]>',
    "external over http": '<!DOCTYPE a [<!ENTITY x SYSTEM "http://127.0.0.1:9/x">]>',
    "parameter entity": '<!DOCTYPE a [<!ENTITY % x SYSTEM "http://127.0.0.1:9/x"> %x;]>',
    "external subset": '<!DOCTYPE a SYSTEM "http://127.0.0.1:9/x.dtd">',
    "public subset": '<!DOCTYPE a PUBLIC "-//W3C//DTD XHTML 1.0//EN" "http://127.0.0.1:9/x.dtd">',
    "billion laughs": f'<!DOCTYPE a [<!ENTITY e0 "ha">{BOMB}]>',
    "quadratic": f'<!DOCTYPE a [<!ENTITY x "{"a" * 50_000}">]>',
    "plain": "<!DOCTYPE a>",
    "html": "<!DOCTYPE html>",
    "long": f"<!DOCTYPE {'a' * 100_000}>",
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_document_type_is_refused_at_sight(kind):
    """Everything that entities can do needs one: no entity is expanded, nothing is fetched."""
    references = "&x;" * 1000 if "ENTITY x" in HOSTILE[kind] else "&e11;" if "e11" in HOSTILE[kind] else ""
    body = a_message(a_notification(f"<sf:A__c>{references}</sf:A__c>"), head=f'<?xml version="1.0"?>{HOSTILE[kind]}')

    assert "doctype_refused" == refusal(body)


def test_an_undeclared_entity_is_refused():
    assert "xml_unreadable" == refusal(a_message(a_notification("<sf:A__c>&x;</sf:A__c>")))


@pytest.mark.parametrize(
    "body",
    [
        b"", b" ", b"\x00", b"\xff\xfe", b"\xef\xbb\xbf", b"{}", b"hello", b"<", b"<a", b"<a></b>", b"<a/><b/>",
        a_message().encode() + b"x", a_message().encode() + b"\x00", b"\x1f\x8b\x08" + b"\x00" * 50,
        a_message(a_notification("<sf:A__c>\x00</sf:A__c>")), a_message(a_notification("<sf:A__c>&#0;</sf:A__c>")),
        a_message(a_notification("<sf:A__c>\x01</sf:A__c>")), a_message(a_notification("<sf:A__c>&#xD800;</sf:A__c>")),
        a_message(a_notification("<sf:A__c>\x1b</sf:A__c>")), a_message(a_notification("<other:A__c/>")),
        a_message(a_notification('<sf:A__c a="1" a="2"/>')), a_message(head='<?xml version="2.0"?>').replace("<?", " <?"),
        a_message().encode("utf-16")[2:-1], a_message(a_notification("<sf:A__c>é</sf:A__c>")).encode("latin-1"),
        a_message(head='<?xml version="1.0" encoding="UTF-16"?>').encode("utf-8"),
        a_message(a_notification("<sf:A__c>é</sf:A__c>"), head='<?xml version="1.0" encoding="us-ascii"?>').encode(),
        b'<?xml version="1.0" encoding="' + b"x" * 100_000 + b'"?><a/>',
    ],
)  # fmt: skip
def test_what_is_no_xml_is_refused(body):
    assert "xml_unreadable" == refusal(body)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize(
    "codec", sorted({*encodings.aliases.aliases.values(), "klingon", "../../etc/passwd", "idna", "undefined"})
)
def test_no_encoding_is_a_bug(codec):
    """Whichever of Python's codecs a stranger declares: the message is read, or refused."""
    body = a_message(head=f'<?xml version="1.0" encoding="{codec}"?>').encode()

    try:
        assert [RECORD] == [c.record_id for c in parse(body)]
    except Terminal as exc:
        assert exc.reason in ("xml_unreadable", "not_an_outbound_message", "org_missing", "other_org", "record_unnamed")


@pytest.mark.parametrize("where", ["record", "field", "outside"])
def test_deep_nesting_is_refused(where):
    """A document that is only depth costs no memory to speak of."""
    deep = "<a>" * 200_000 + "</a>" * 200_000
    body = {
        "record": a_message(a_notification(deep)),
        "field": a_message(a_notification(f"<sf:A__c>{deep}</sf:A__c>")),
        "outside": deep,
    }[where]

    assert "xml_too_large" == refusal(body)


def test_depth_below_the_limit_is_read_and_left():
    """A hundred thousand levels overflow no stack, neither when read nor when given up."""
    deep = "<a>" * 100_000 + "</a>" * 100_000

    assert {} == only(a_message(a_notification(deep))).fields


def test_many_elements_are_refused():
    """Ten megabytes of the smallest elements would be a gigabyte of objects."""
    assert "xml_too_large" == refusal(a_message(a_notification("<a/>" * 2_000_000)))


def test_the_largest_real_message_is_no_attack():
    """A hundred notifications with 800 fields each."""
    fields = "".join(f"<sf:F{n}__c>x</sf:F{n}__c>" for n in range(800))

    got = parse(a_message(*[a_notification(fields, record=f"0065w000023{n:04}") for n in range(100)]))

    assert (100, 800) == (len(got), len(got[0].fields))


def test_nested_fields_are_no_values():
    """A related record inside a record is not ours to flatten."""
    assert {"B__c": "x"} == only(
        a_message(a_notification("<sf:A__r><sf:Name>n</sf:Name></sf:A__r><sf:B__c>x</sf:B__c>"))
    ).fields


# -- answers -----------------------------------------------------------------------------------------------


def test_the_ack_is_what_salesforce_expects():
    ack = ET.fromstring(outbound.ACK).find(".//{http://soap.sforce.com/2005/09/outbound}notificationsResponse")

    assert ack is not None
    assert "true" == ack.findtext("{http://soap.sforce.com/2005/09/outbound}Ack")


@pytest.mark.parametrize(("ours", "code"), [(True, "soapenv:Server"), (False, "soapenv:Client")])
def test_a_fault_says_whose_it_is(ours, code):
    """And acknowledges nothing, whatever its words are."""
    fault = ET.fromstring(outbound.fault(Transient("r", "<Ack>true</Ack> & ]]> \x00\x01\ud800\uffff 서울"), ours=ours))

    assert code == fault.findtext(".//faultcode")
    assert "<Ack>true</Ack> & ]]> ???? 서울" in (fault.findtext(".//faultstring") or "")
    assert not list(fault.iter("Ack"))
