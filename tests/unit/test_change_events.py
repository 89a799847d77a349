"""Captured change events and those of the documentation, decoded."""

import io
import json
import re
from base64 import b64decode
from datetime import UTC, datetime

import fastavro
import pytest

from common.change import Op
from common.events import Lost
from common.salesforce.events import event, topics
from common.salesforce.events.avro import Schema
from common.salesforce.events.bitmaps import places
from common.salesforce.events.fields import told

SCHEMA_2026 = "schema_2026a_AccountChangeEvent_86f.avsc"
CREATED = ("events_account_create_x3__schema_2023b.json", "schema_2023b_AccountChangeEvent_86f.avsc")
UPDATED = ("fetch_account_update__schema_2026a.json", SCHEMA_2026)
MOVED = ("fetch_account_address_update__schema_2026a.json", SCHEMA_2026)

#: Of the documentation's examples: what each says that has to be read, and what it tells of its fields.
DOCUMENTED = {
    "01_Account_CREATE.json": (1, {"Name": "Acme", "Phone": None}),
    "02_Account_UPDATE_merged.json": (3, {"Industry": "Apparel", "LastModifiedDate": "2024-04-26T22:21:42.000+0000"}),
    "03_Account_GAP_CREATE.json": (1, {}),
    "04_Account_GAP_OVERFLOW.json": (0, {}),
    "07_Account_UPDATE.json": (
        1,
        {"BillingStreet": "415 Mission Street Suite B", "LastModifiedDate": "2024-04-26T18:38:23.000+0000"},
    ),
    "09_Account_DELETE.json": (1, {}),
    "23_Lead_UPDATE.json": (
        1,
        {
            "Status": "Closed - Converted",
            "IsConverted": True,
            "ConvertedDate": "2024-04-26T00:00:00.000+0000",
            "ConvertedAccountId": "0015f00002JUX1JAAX",
            "ConvertedContactId": "0035f00002EztxDAAR",
            "ConvertedOpportunityId": "0065f00000UloqVAAR",
            "LastModifiedDate": "2024-04-26T17:49:40.000+0000",
        },
    ),
}


@pytest.fixture
def captured(samples):
    """A capture's events: schema, event, what it tells."""

    def read(file, schema):
        found = json.loads((samples / "cdc" / file).read_text())
        known = Schema((samples / "cdc" / schema).read_text())
        decoded = []
        for one in found if isinstance(found, list) else found["events"]:
            record = known.record(b64decode(one["event"]["payload"]))
            decoded.append((event.read(one["event"]["id"], record), told(known, record)))
        return decoded

    return read


def test_captured_updates_tell_what_changed(captured):
    """By REST's names: parts of an address one by one, numbers, times; nothing else."""
    ((changed, revenue),) = captured(*UPDATED)
    (street_event, street), (place_event, place) = captured(*MOVED)

    assert {"Amount_Owed__c", "LastModifiedDate"} == set(revenue)
    assert "3233.0" == revenue["Amount_Owed__c"]
    assert {"ShippingStreet": "101 California St"} == {k: v for k, v in street.items() if k != "LastModifiedDate"}
    assert {"ShippingLatitude": "37.793113", "ShippingLongitude": "-122.398524"} == place
    assert "com/salesforce/api/soap/66.0;client=SfdcInternalAPI/" == street_event.origin
    assert "" == place_event.origin
    assert street_event.modified == street_event.committed and place_event.modified is None
    assert ("Account", "UPDATE") == (changed.sobject, changed.kind)


def test_captured_creations_tell_the_whole_record(captured):
    """Three records of one transaction: every field by REST's name, null where it is empty."""
    events = captured(*CREATED)

    assert ["Bulk Acc1", "Bulk Acc2", "Bulk Acc3"] == [fields["Name"] for _, fields in events]
    first = events[0][1]
    assert ("United States", "US", None) == (first["BillingCountry"], first["BillingCountryCode"], first["BillingCity"])
    assert "2023" == first["CreatedDate"][:4]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+0000", first["CreatedDate"])
    assert not [name for name in first if name.endswith(("Address", "Xyz", "Header"))]
    assert {Op.UPSERT} == {c.op for found, _ in events for c in found.changes()}


def _schema(record):
    """A schema in whose order the example's fields stand; their kinds are those of the examples."""
    fields = [_field(name, value) for name, value in record.items() if name != "ChangeEventHeader"]
    header = {"name": "ChangeEventHeader", "type": {"type": "record", "name": "H", "fields": []}}
    return Schema(json.dumps({"type": "record", "name": "Example", "fields": [header, *fields]}))


def _field(name, value):
    if isinstance(value, dict):
        parts = [{"name": part, "type": ["null", "string"], "doc": "Data:Text"} for part in value]
        kind = "PersonName" if "LastName" in value else "Address"
        inner = {"type": "record", "name": f"{name}_record", "fields": parts}
        return {"name": name, "type": ["null", inner], "doc": f"Data:{kind}"}
    return {"name": name, "type": ["null", "string"], "doc": "Data:DateTime" if name.endswith("Date") else "Data:Text"}


def _example(path):
    text = path.read_text()
    return json.loads(text if path.suffix == ".json" else text.replace("\n", " "))


def test_every_documented_example_is_read(samples):
    """All of them: hints for exactly the records that they name; deletions and gaps tell no fields."""
    for path in sorted((samples / "cdc" / "docs-examples").iterdir()):
        record = _example(path)
        found = event.read("e", record)
        header = record["ChangeEventHeader"]
        wanted, some = DOCUMENTED.get(path.name, (len(header["recordIds"]), None))

        changes, fields = found.changes(), told(_schema(record), record)

        assert wanted == len(changes), path.name
        assert header["recordIds"][:wanted] == [c.record_id for c in changes]
        assert {header["entityName"]} >= {c.sobject for c in changes}
        assert [{}] * wanted == [c.fields for c in changes]
        if some == {}:
            assert fields == {}, path.name
        elif some and path.name.startswith(("02", "07", "23")):
            assert some == fields, path.name
        elif some:
            assert some.items() <= fields.items(), path.name


def test_a_difference_is_no_value(samples):
    """A long text that comes as a difference is left out; what changed beside it is told."""
    record = _example(samples / "cdc" / "docs-examples" / "24_Account_UPDATE_diffFields_raw.txt")

    fields = told(_schema(record), record)

    assert {"LastModifiedDate"} == set(fields)


def test_a_captured_platform_event_schema_is_understood(samples):
    """All of its fields, by name; it has no header."""
    schema = Schema((samples / "cdc" / "platform_event_CM_Test_Event_Two__e.avsc").read_text())
    held = json.loads((samples / "cdc" / "platform_event_CM_Test_Event_Two__e.avsc").read_text())
    record = {f["name"]: _made_up(f["type"]) for f in held["fields"]}
    payload = io.BytesIO()
    fastavro.schemaless_writer(payload, fastavro.parse_schema(held), record)

    fields = told(schema, schema.record(payload.getvalue()))

    assert set(record) == set(fields)
    assert "1970-01-01T00:00:00.000+0000" == fields["CreatedDate"]


def _made_up(kind):
    kind = next((k for k in kind if k != "null"), "null") if isinstance(kind, list) else kind
    return {"string": "x", "long": 0, "double": 1.5, "boolean": True, "int": 3}[kind]


@pytest.mark.parametrize("kind", ["CREATE", "UPDATE", "GAP_CREATE", "GAP_UPDATE", "SNAPSHOT"])
def test_a_change_is_a_hint(kind):
    """Whatever it tells, it has no SystemModstamp: its record has to be read, and nothing is said of dead ones."""
    (change,) = event.of("e-1", _header(kind)).changes()

    assert (Op.UPSERT, False, {}) == (change.op, change.buried, change.fields)
    assert ("e-1", "client=isthmus") == (change.event_id, change.origin)


@pytest.mark.parametrize(
    ("kind", "op"),
    [("DELETE", Op.DELETE), ("GAP_DELETE", Op.DELETE), ("UNDELETE", Op.UPSERT), ("GAP_UNDELETE", Op.UPSERT)],
)
def test_deaths_and_revivals_are_read_with_the_dead(kind, op):
    """A deletion may be undone by the time it is read; a revival has to lift the tombstone."""
    (change,) = event.of("e-1", _header(kind)).changes()

    assert (op, True) == (change.op, change.buried)


def test_ids_of_15_characters_get_18():
    """One hint for each record of a merged event, all with the event's id."""
    changes = event.of("e-1", _header("UPDATE", ["001Sb0000000001", "001Sb0000000002IAA"])).changes()

    assert ["001Sb0000000001IAA", "001Sb0000000002IAA"] == [c.record_id for c in changes]


@pytest.mark.parametrize(
    ("kind", "record_ids", "reason"),
    [
        ("GAP_OVERFLOW", ["000000000000000AAA"], "overflow"),
        ("GAP_UPDATE", ["001*"], "wildcard"),
        ("UPDATE", ["001Sb0000000001IAA", "001*"], "wildcard"),
    ],
)
def test_what_names_no_record_means_all_of_them(kind, record_ids, reason):
    """An overflow, or a wildcard: no hint can be made, so the object is to be compared."""
    found = event.of("e-1", _header(kind, record_ids))

    assert ([], Lost("Account", reason)) == (found.changes(), found.lost)


@pytest.mark.parametrize(
    ("modified_ms", "stamp_ms"),
    [
        (None, 1_714_170_102_000),  # not told: the commit
        (1_714_170_101_999, 1_714_170_101_000),  # saved just before its commit
        (1_714_169_702_500, 1_714_169_702_000),  # saved in a transaction of some minutes
        (1_000_000_000_000, 1_714_170_102_000),  # imported with a date of old
        (1_714_170_999_000, 1_714_170_102_000),  # or of tomorrow
    ],
)
def test_the_expected_stamp_is_no_later_than_the_save(modified_ms, stamp_ms):
    """SystemModstamp is set at the save: to ask for the later commit's second would be to wait for ever."""
    found = event.of("e-1", _header("UPDATE"), modified_ms)

    assert datetime.fromtimestamp(stamp_ms / 1000, UTC) == found.stamp


def _header(kind, record_ids=("001Sb0000000001IAA",)):
    return {
        "entityName": "Account",
        "recordIds": list(record_ids),
        "changeType": kind,
        "changeOrigin": "client=isthmus",
        "commitTimestamp": 1_714_170_102_345,
    }


@pytest.mark.parametrize(
    ("bitmaps", "wanted"),
    [
        ([], []),
        (["0x400800"], [(11, None), (22, None)]),
        (["0x800000", "6-0x01"], [(23, None), (6, 0)]),
        (["6-0x0180"], [(6, 7), (6, 8)]),
        (["0x100000000000800000"], [(23, None), (68, None)]),
    ],
)
def test_captured_bitmaps_are_read(bitmaps, wanted):
    """Bit i, the lowest first, is field i; parts of a compound field stand apart."""
    assert wanted == list(places(bitmaps))


@pytest.mark.parametrize(
    ("name", "kind", "part", "wanted"),
    [
        ("BillingAddress", "Address", "PostalCode", "BillingPostalCode"),
        ("Address", "Address", "Street", "Street"),
        ("Home__c", "Address", "City", "Home__City__s"),
        ("Place__c", "Location", "Latitude", "Place__Latitude__s"),
        ("Name", "PersonName", "LastName", "LastName"),
        ("Name", "Switchable_PersonName", "FirstName", "FirstName"),
    ],
)
def test_parts_have_the_names_of_rest(name, kind, part, wanted):
    """Avro's part of a compound field is a field of its own to everybody else."""
    inner = {"type": "record", "name": "R", "fields": [{"name": part, "type": ["null", "string"], "doc": "Data:Text"}]}
    field = {"name": name, "type": ["null", "string", inner], "doc": f"Data:{kind}"}
    schema = Schema(json.dumps({"type": "record", "name": "X", "fields": [field]}))

    assert {wanted: "v"} == told(schema, {name: {part: "v"}})
    assert {name: "plain"} == told(schema, {name: "plain"})


@pytest.mark.parametrize(
    ("kind", "avro", "value", "wanted"),
    [
        ("DateOnly", "long", -2_208_988_800_000, "1900-01-01"),
        ("DateOnly", "long", 4_133_894_400_000, "2100-12-31"),
        ("DateTime", "long", 1_714_170_102_345, "2024-04-26T22:21:42.345+0000"),
        ("DateTime", "long", -1, "1969-12-31T23:59:59.999+0000"),
        ("TimeOnly", "long", 36_000_001, "10:00:00.001Z"),
        ("Double", "double", 5030396.0, "5030396.0"),
        ("Integer", "int", 7, "7"),
        ("Boolean", "boolean", False, False),
        ("Text", "string", "한강", "한강"),
    ],
)
def test_values_are_written_as_rest_writes_them(kind, avro, value, wanted):
    """Milliseconds become dates and times; numbers text; booleans stay."""
    field = {"name": "F__c", "type": ["null", avro], "doc": f"Data:{kind}:00N000000000001"}
    schema = Schema(json.dumps({"type": "record", "name": "X", "fields": [field]}))

    assert {"F__c": wanted} == told(schema, {"F__c": value})
    assert {"F__c": None} == told(schema, {"F__c": None})


@pytest.mark.parametrize(
    ("sobject", "topic"),
    [("Account", "/data/AccountChangeEvent"), ("Employee__c", "/data/Employee__ChangeEvent")],
)
def test_topics_are_named_after_their_objects(sobject, topic):
    """Case-sensitive; of a custom object without its c."""
    assert topic == topics.of_object(sobject)
