"""Webhooks: what Apex, Flow and others post, the real change events, odd bodies and hostile ones."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common import codec
from common.change import MODSTAMP, UNSTAMPED, Op, Side
from common.errors import Misconfigured, Terminal
from common.events import Lost
from common.salesforce import webhook
from tests.fakes.factories import NOON, WHOLE, a_mapping

ORG = "00D5w000004qGTOEA2"
RECORD = "001000000000001AAA"
MAX_REFUSAL = 1000  #: characters


def parse(held, org=ORG, now=NOON):
    body = held if isinstance(held, bytes) else json.dumps(held).encode()
    return webhook.parse(body, org, now)


def an_account(**fields):
    return {"Id": RECORD, "Name": "Acme", "SystemModstamp": "2026-01-31T10:00:00.000+0000", **fields}


def told(payload, **envelope):
    return parse({"object_name": "Account", "payload": payload, **envelope})


def only(payload, **envelope):
    (change,) = told(payload, **envelope).changes
    return change


def refusal(held, org=ORG):
    """The whole request's refusal, or the only record's; in few words, with what to do next."""
    with pytest.raises(Terminal) as caught:
        for _, exc in parse(held, org).refused:
            raise exc
    assert len(str(caught.value)) < MAX_REFUSAL
    assert caught.value.hint
    return caught.value.reason


# -- records ---------------------------------------------------------------------------------------------


def test_a_record_becomes_a_change():
    """Values as they were written, numbers with every digit; what is nested is left out."""
    account = b"""{"object_name": "Account", "payload": {"attributes": {"type": "Account"}, "Id": "001000000000001",
        "SystemModstamp": "2026-01-31T10:00:00.000+0000", "AnnualRevenue": 12345678901234567890.120, "Score__c": 9.12E8,
        "Active__c": true, "Phone": null, "Owner": {"Name": "Kim"}, "Contacts": [{"Id": "003"}]}}"""

    (change,) = parse(account).changes

    assert (Side.SALESFORCE, "Account", RECORD, Op.UPSERT, False) == (
        change.source, change.sobject, change.record_id, change.op, change.buried,
    )  # fmt: skip
    assert datetime(2026, 1, 31, 10, tzinfo=UTC) == change.stamp
    assert {
        "SystemModstamp": "2026-01-31T10:00:00.000+0000", "AnnualRevenue": "12345678901234567890.120",
        "Score__c": "9.12E8", "Active__c": True, "Phone": None,
    } == change.fields  # fmt: skip


@pytest.mark.parametrize("absent", ["", *sorted(set(WHOLE) - {MODSTAMP})])
def test_only_a_record_with_every_mapped_field_is_complete(absent):
    """A field that is absent says nothing: the record is read."""
    change = only({"Id": RECORD} | {name: value for name, value in WHOLE.items() if name != absent})

    assert (absent == "") == (a_mapping().completed(change) is not None)


@pytest.mark.parametrize(
    ("fields", "stamp"),
    [
        ({"LastModifiedDate": "2026-01-31T11:00:00Z", "CreatedDate": "2020-01-01T00:00:00Z"}, NOON - timedelta(hours=1)),
        ({"CreatedDate": "2026-01-31T10:00:00Z"}, NOON - timedelta(hours=2)), ({}, UNSTAMPED),
    ],
)  # fmt: skip
def test_a_record_without_its_modstamp_is_a_hint(fields, stamp):
    """It expects no later version than it knows of."""
    change = only({"Id": RECORD} | {name: value for name, value in WHOLE.items() if name != MODSTAMP} | fields)

    assert stamp == change.stamp
    assert a_mapping().completed(change) is None


@pytest.mark.parametrize(
    ("operation", "op", "buried"),
    [
        ("upsert", Op.UPSERT, False), ("create", Op.UPSERT, False), ("UPDATE", Op.UPSERT, False),
        ("delete", Op.DELETE, True), ("undelete", Op.UPSERT, True),
    ],
)  # fmt: skip
def test_operations(operation, op, buried):
    """What may be dead is read with deleted records included."""
    change = only(an_account(), operation=operation)

    assert (op, buried) == (change.op, change.buried)


def test_one_or_many_records_of_one_or_many_objects():
    """A payload is a record or a list of them, a request is an envelope or a list of them."""
    body = [
        {"object_name": "Contact", "payload": {"Id": "003000000000001"}},
        {
            "payload": [
                an_account(attributes={"type": "Account"}),
                {"Id": "003000000000002", "attributes": {"type": "Contact"}},
            ]
        },
    ]

    got = parse(body)

    assert 3 == got.received
    assert [["Account"], ["Contact", "Contact"]] == [[c.sobject for c in part] for part in got.by_object()]


def test_the_same_request_tells_the_same_events():
    """However often it is sent; another record's event has another name."""
    one, two = (parse({"object_name": "Account", "payload": [an_account(), an_account()]}) for _ in range(2))

    assert [c.event_id for c in one.changes] == [c.event_id for c in two.changes]
    assert 2 == len({c.event_id for c in one.changes})
    assert only(an_account(Name="Other")).event_id not in [c.event_id for c in one.changes]


def test_a_bad_record_holds_nobody_back():
    """It is told of by its number; the good ones are read."""
    got = told([an_account(), {"Id": "1"}, 7, an_account(SystemModstamp="soon"), an_account()])

    assert (5, [RECORD, RECORD]) == (got.received, [c.record_id for c in got.changes])
    assert [(1, "record_unnamed"), (2, "record_unreadable"), (3, "time_unreadable")] == [
        (n, exc.reason) for n, exc in got.refused
    ]


def test_a_stamp_to_come_is_refused():
    """It would end every later change of its record; five minutes are another clock's."""
    assert "time_ahead" == refusal(
        {"object_name": "Account", "payload": an_account(SystemModstamp="9999-12-31T00:00:00Z")}
    )
    assert only(an_account(SystemModstamp=(NOON + timedelta(minutes=5)).isoformat()))


# -- whose it is -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("org", [ORG, ORG[:15], None])
def test_our_org_is_taken(org):
    assert only(an_account(), org_id=org)


@pytest.mark.parametrize(
    ("org", "reason"),
    [("00D000000000001AAA", "other_org"), ("", "org_unreadable"), (7, "org_unreadable"), ({}, "org_unreadable")],
)
def test_another_org_is_refused_whole(org, reason):
    """A refreshed sandbox has the same Apex and the same key."""
    assert reason == refusal([{"object_name": "Account", "payload": an_account(), "org_id": org}])


def test_an_org_is_not_guessed():
    """Who names his org must meet a door that knows its own."""
    with pytest.raises(Misconfigured, match="INBOUND names no org_id"):
        parse({"object_name": "Account", "payload": an_account(), "org_id": ORG}, org="")
    assert 1 == len(parse({"object_name": "Account", "payload": an_account()}, org="").changes)


# -- change events ---------------------------------------------------------------------------------------

OVERFLOWS = {"04_Account_GAP_OVERFLOW.json"}


def an_event(payload, schema="i8wgJwwM-AVcDbFkbRl5Nw"):
    return {"cdc": {"schema": schema, "payload": payload, "event": {"replayId": 7}}}


def header(**bent):
    return {
        "ChangeEventHeader": {
            "entityName": "Account", "changeType": "UPDATE", "recordIds": [RECORD], "commitTimestamp": 1714170102000,
            "changeOrigin": "com/salesforce/api/rest/60.0", "transactionKey": "k", "sequenceNumber": 1, **bent,
        }
    }  # fmt: skip


def test_real_events_are_hints(samples):
    """Of every record they name, stamped with what their commit or their save says; an overflow names none."""
    files = sorted((samples / "cdc" / "docs-examples").glob("*.json"))
    now = datetime(2026, 7, 1, tzinfo=UTC)
    assert len(files) > 20

    for file in files:
        payload = json.loads(file.read_text())
        head = payload["ChangeEventHeader"]
        got = parse(an_event(payload), now=now)
        if file.name in OVERFLOWS:
            assert ([Lost("Account", "overflow")], []) == (list(got.lost), list(got.changes))
            continue
        assert [(head["entityName"], i[:15]) for i in head["recordIds"]] == [
            (c.sobject, c.record_id[:15]) for c in got.changes
        ]
        assert {(head["changeType"].endswith("DELETE") and "UN" not in head["changeType"])} == {
            c.op is Op.DELETE for c in got.changes
        }
        assert [{}] * len(got.changes) == [c.fields for c in got.changes]
        assert {f"{head['transactionKey']}/{head['sequenceNumber']}"} == {c.event_id for c in got.changes}


@pytest.mark.parametrize("modified", [1714170042000, "2024-04-26T22:20:42.000Z", "2024-04-26T22:20:42.000+0000"])
def test_an_events_stamp_is_its_save(modified):
    """Either way of writing LastModifiedDate."""
    (change,) = parse(an_event(header() | {"LastModifiedDate": modified})).changes

    assert datetime(2024, 4, 26, 22, 20, 42, tzinfo=UTC) == change.stamp


def test_an_event_of_all_records_asks_for_a_comparison():
    assert [Lost("Account", "wildcard")] == list(parse(an_event(header(recordIds=["001*"]))).lost)


@pytest.mark.parametrize(
    "bent",
    [
        {"entityName": 7}, {"entityName": "a b"}, {"changeType": None}, {"recordIds": []}, {"recordIds": "001"},
        {"recordIds": [1]}, {"commitTimestamp": "soon"}, {"commitTimestamp": -1}, {"commitTimestamp": "9" * 400},
    ],
)  # fmt: skip
def test_an_event_without_its_header_is_refused(bent):
    assert "event_unreadable" == refusal(an_event(header(**bent)))


# -- what makes no sense ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        b"", b" ", b"\x00", b"\xff\xfe", b"{", b"hello", b'{"a": NaN}', b'{"a": Infinity}', b"[" * 100_000, b'{"a":' * 50_000,
        '{"object_name": "Ä"'.encode("latin-1"), b'"\\ud800', b"\x1f\x8b\x08",
    ],
)  # fmt: skip
def test_what_is_no_json_is_refused(body):
    assert "json_unreadable" == refusal(body)


@pytest.mark.parametrize("held", [None, 7, "x", [], {}, [[]], [7], {"object_name": "Account"}, {"Id": RECORD}])
def test_other_json_is_told_what_there_is(held):
    """The sentence shows every shape that is taken."""
    with pytest.raises(Terminal, match="cdc") as caught:
        parse(held)

    assert "shape_unknown" == caught.value.reason


@pytest.mark.parametrize("name", [None, "", "a b", "Account; DROP", "x" * 81, 7, "계정", "_a"])
def test_an_object_has_an_api_name(name):
    assert "object_unnamed" == refusal({"object_name": name, "payload": {"Id": RECORD}})


@pytest.mark.parametrize("operation", [None, "", "merge", 7, [], {}])
def test_an_unknown_operation_is_refused_whole(operation):
    assert "operation_unknown" == refusal({"object_name": "Account", "payload": an_account(), "operation": operation})


def test_ten_thousand_records_are_enough():
    assert "too_many_records" == refusal({"object_name": "Account", "payload": [{"Id": RECORD}] * 10_001})


def test_a_number_may_have_any_length():
    """Python refuses to convert some thousands of digits: nobody asks it to."""
    assert {"A__c": "1" * 50_000} == only({"Id": RECORD, "A__c": 0}).fields | {"A__c": "1" * 50_000}
    (change,) = parse(b'{"object_name":"A","payload":{"Id":"001000000000001","A__c":' + b"1" * 50_000 + b"}}").changes
    assert "1" * 50_000 == change.fields["A__c"]


KEYS = st.sampled_from(
    [
        "org_id",
        "object_name",
        "operation",
        "payload",
        "cdc",
        "schema",
        "Id",
        "attributes",
        "type",
        "SystemModstamp",
        "ChangeEventHeader",
        "entityName",
        "changeType",
        "recordIds",
        "commitTimestamp",
        "transactionKey",
        "LastModifiedDate",
        "IsDeleted",
        "Name",
    ]
)
LEAVES = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8)
    | st.sampled_from([ORG, RECORD, "Account", "delete", "UPDATE", "GAP_OVERFLOW", "001*", "2026-01-31T10:00:00Z"])
)  # fmt: skip
ANYTHING = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=6), max_leaves=30
)


@given(ANYTHING | st.fixed_dictionaries({"cdc": st.fixed_dictionaries({"payload": ANYTHING})}))
def test_whatever_json_comes_it_is_read_or_refused(held):
    """Never a bug; and what is read can be published, and comes back as it went."""
    try:
        got = parse(held)
    except Terminal as exc:
        assert exc.hint
        return
    for changes in got.by_object():
        assert changes == [c for m in codec.encode(changes, max_changes=2) for c in codec.decode(m)]


@given(st.binary(max_size=40), st.integers(0, 400), st.integers(0, 40))
def test_whatever_bytes_come_they_are_read_or_refused(noise, start, length):
    """A good request with some of its bytes replaced."""
    good = json.dumps([an_event(header()), {"object_name": "Account", "payload": [an_account()]}]).encode()
    try:
        got = parse(good[:start] + noise + good[start + length :])
    except (Terminal, Misconfigured) as exc:
        assert exc.hint
    else:
        assert got.received == len(got.refused) + len(got.changes) + len(got.lost)
