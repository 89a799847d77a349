"""Debezium's envelope, with and without its schema; what it becomes in the change log."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from common.debezium import envelope
from common.errors import Terminal
from common.mapping import Field, Kind
from common.ports import Captured
from common.postgres.captured import still_new
from tests.fakes.factories import NOON, a_mapping

FIELDS = (
    Field("Name", "name", Kind.TEXT), Field("AnnualRevenue", "revenue", Kind.DECIMAL),
    Field("NumberOfEmployees", "employees", Kind.INTEGER), Field("Active__c", "active", Kind.BOOLEAN),
    Field("Founded__c", "founded", Kind.DATE), Field("Opens__c", "opens", Kind.TIME),
    Field("Seen__c", "seen", Kind.DATETIME),
)  # fmt: skip
MAPPING = a_mapping(fields=FIELDS)
ROW: dict[str, Any] = {
    "id": "a", "sfid": None, "system_modstamp": None, "name": "한강", "revenue": "5030396.25", "employees": 7,
    "active": True, "founded": 20484, "opens": 47655123456, "seen": "2026-01-31T03:00:00.500000Z", "unmapped": "x",
}  # fmt: skip
SOURCE = {
    "version": "3.6.3.Final", "connector": "postgresql", "ts_ms": 1795551029529, "ts_us": 1795551029529415,
    "snapshot": "false", "schema": "salesforce", "table": "account", "txId": 760, "lsn": 25145640,
}  # fmt: skip


def message(op="c", before=None, after=None, **source):
    return {"before": before, "after": after, "source": SOURCE | source, "op": op, "ts_ms": 1795551029570}


def captured(op="c", before=None, after=None, schema=None, **source):
    held = message(op, before, after, **source)
    data = json.dumps(held if schema is None else {"schema": schema, "payload": held}).encode()
    return envelope.read(data).captured(MAPPING)


def typed(column, name, **parameters):
    """An envelope's schema in which one column has a type of Kafka Connect's."""
    row = [{"field": column, "name": name, "parameters": parameters}]
    return {"fields": [{"field": "before", "fields": row}, {"field": "after", "fields": row}, {"field": "op"}]}


def test_an_insertion_is_logged_as_the_trigger_would():
    """Every mapped column, values as to_jsonb writes them; when it was committed, where in the log, by whom."""
    got = captured("c", after=ROW)

    assert ("salesforce.account", "a", "INSERT", {}) == (got.table, got.record_id, got.change_type, got.old)
    assert {
        "name": "한강", "revenue": "5030396.25", "employees": 7, "active": True, "founded": "2026-01-31",
        "opens": "13:14:15.123456", "seen": "2026-01-31T03:00:00.500000Z",
    } == got.new  # fmt: skip
    assert (25145640, 760, datetime(2026, 11, 24, 20, 10, 29, 529415, tzinfo=UTC)) == (
        got.position, got.transaction, got.made_at,
    )  # fmt: skip
    assert not got.snapshot


def test_an_update_holds_what_was_edited_before_and_after():
    """Nothing of what stayed; an update of unmapped columns alone is none."""
    edited = ROW | {"name": "b", "founded": None, "unmapped": "y", "system_modstamp": "2026-01-31T00:00:00Z"}

    got = captured("u", before=ROW, after=edited)

    assert ({"name": "한강", "founded": "2026-01-31"}, {"name": "b", "founded": None}) == (got.old, got.new)
    assert captured("u", before=ROW, after=ROW | {"unmapped": "y", "sfid": "001"}) is None


def test_a_deletion_holds_the_row_and_its_records_id():
    """So that the record can be found, and a person can see what was there."""
    got = captured("d", before=ROW | {"sfid": "001000000000001AAA"})

    assert ("DELETE", {}, "001000000000001AAA", "한강", "a") == (
        got.change_type, got.new, got.old["sfid"], got.old["name"], got.old["id"],
    )  # fmt: skip


@pytest.mark.parametrize(("sfid", "has_record"), [(None, False), ("001000000000001AAA", True)])
def test_a_row_of_a_snapshot_tells_whether_salesforce_has_it(sfid, has_record):
    """One that stood there when capture began is new only where it has no record."""
    got = captured("r", after=ROW | {"sfid": sfid}, snapshot="last")

    assert ("INSERT", True, has_record) == (got.change_type, got.snapshot, got.has_record)


def test_a_long_value_that_was_not_edited_is_not_known():
    """Postgres' log leaves it out: the placeholder is never taken for the value."""
    placeholder = "__debezium_unavailable_value"

    assert captured("u", before=ROW, after=ROW | {"name": placeholder}) is None
    got = captured("u", before=ROW | {"name": placeholder}, after=ROW | {"name": "new"})
    assert ({"name": None}, {"name": "new"}) == (got.old, got.new)


def test_a_connector_that_leaves_columns_out_empties_none():
    """column.exclude.list: what is not told of is not edited."""
    got = captured("u", before={"id": "a", "name": "x"}, after={"id": "a", "name": "y"})

    assert {"name": "y"} == got.new


NUMBER = "org.apache.kafka.connect.data.Decimal"
VALUES = [
    ("revenue", "HsI=", typed("revenue", NUMBER, scale="2"), "78.74"),
    ("revenue", "/w==", typed("revenue", NUMBER, scale="0"), "-1"),
    ("revenue", {"scale": 3, "value": "AeJA"}, None, "123.456"),
    ("revenue", 1.10, None, "1.1"),
    ("revenue", "NAN", None, "NaN"),
    ("founded", -25567, None, "1900-01-01"),
    ("founded", "2026-01-31Z", None, "2026-01-31"),
    ("founded", -2147472692, None, "out of range"),
    ("opens", 0, None, "00:00:00"),
    ("opens", 47655123, typed("opens", "io.debezium.time.Time"), "13:14:15.123000"),
    ("opens", "13:14:15.5Z", None, "13:14:15.5"),
    ("seen", 1769828400000, typed("seen", "io.debezium.time.Timestamp"), "2026-01-31T03:00:00+00:00"),
    ("seen", 1769828400000000, None, "2026-01-31T03:00:00+00:00"),
    ("seen", "infinity", None, "infinity"),
    ("employees", None, None, None),
]


@pytest.mark.parametrize(("column", "value", "schema", "expected"), VALUES)
def test_values_of_every_mode(column, value, schema, expected):
    """Days, micro- and milliseconds, ISO text; numbers as text, as bytes with a scale, as doubles."""
    got = captured("c", after=ROW | {column: value}, schema=schema)

    assert expected == got.new[column]


def test_bytes_without_their_scale_are_refused():
    """The connector's setting is named."""
    with pytest.raises(Terminal) as caught:
        captured("c", after=ROW | {"revenue": "HsI="})

    assert ("debezium_numbers", True) == (caught.value.reason, "decimal.handling.mode=string" in caught.value.hint)


def test_without_the_row_before_nobody_knows_what_was_edited():
    """REPLICA IDENTITY FULL is named."""
    with pytest.raises(Terminal) as caught:
        captured("u", after=ROW)

    assert ("replica_identity", True) == (caught.value.reason, "REPLICA IDENTITY FULL" in caught.value.hint)


NO_CHANGE = [
    b"null", b"default", b'{"ts_ms": 1795551029570}', b'{"status": "BEGIN", "id": "760:1"}',
    b'{"schema": {"fields": []}, "payload": null}',
    json.dumps({"op": "m", "source": SOURCE, "message": {"prefix": "isthmus", "content": "eA=="}}).encode(),
]  # fmt: skip


@pytest.mark.parametrize("data", NO_CHANGE)
def test_what_is_no_rows_change_is_left_alone(data):
    """Tombstones, heartbeats, transaction boundaries, logical messages."""
    assert envelope.read(data) is None


@pytest.mark.parametrize("data", [b"", b"?", b"[]", b"7", b"{}", b'{"a": 1}', b'{"op": "c"}', b'{"op": "x", "source": {}}',
                                  b'{"op": "c", "source": {"schema": "s", "table": "t"}}', b"[" * 100_000])  # fmt: skip
def test_what_is_nothing_of_debeziums_is_unreadable(data):
    """It is buried with a reason."""
    with pytest.raises(Terminal) as caught:
        envelope.read(data)

    assert "message_unreadable" == caught.value.reason


def test_a_truncated_table_is_told_to_a_person():
    """It cannot be carried over; the trigger that refuses it was gone."""
    with pytest.raises(Terminal) as caught:
        envelope.read(json.dumps(message("t")).encode())

    assert "truncated" == caught.value.reason


# -- order ---------------------------------------------------------------------------------------


def an_edit(kind="UPDATE", **new):
    return Captured("t", "a", kind, dict.fromkeys(new), new, 1, 1, NOON)


def test_what_was_edited_again_since_is_left_out():
    """A late message brings no old value: of two edits of a column the later one counts, whichever came first."""
    assert ({"b": None}, {"b": 2}) == still_new(an_edit(a=1, b=2), [("UPDATE", {"a": 9}), ("UPDATE", {"c": 9})])
    assert still_new(an_edit(a=1), [("UPDATE", {"a": 9})]) is None


@pytest.mark.parametrize("kind", ["INSERT", "UPDATE", "DELETE"])
@pytest.mark.parametrize("later", ["INSERT", "DELETE"])
def test_what_came_before_another_life_is_history(kind, later):
    """A late insertion revives nothing, a late deletion kills no row that was born again."""
    assert still_new(an_edit(kind, a=1), [(later, {"a": 2})]) is None


def test_a_late_insertion_and_a_late_deletion_are_kept_beside_updates():
    """Their columns may be overtaken; that the row was born, or died, is not."""
    assert ({}, {}) == still_new(Captured("t", "a", "INSERT", {}, {"a": 1}, 1, 1, NOON), [("UPDATE", {"a": 2})])
    old = {"a": 1, "sfid": "001"}
    assert (old, {}) == still_new(Captured("t", "a", "DELETE", old, {}, 1, 1, NOON), [("UPDATE", {"a": 2})])
