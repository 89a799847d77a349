"""Legal things for tests to bend by one field."""

from collections.abc import Mapping as Map
from datetime import UTC, datetime, timedelta
from typing import Any

from common.change import MODSTAMP, Change, Ending, Op, Outcome, Side, Value
from common.conflict import Edit
from common.mapping import Direction, Field, Kind, Mapping
from common.ports import Entry

NOON = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)
ACCOUNT = "001000000000001AAA"
ACTION = "04k000000000001AAA"

FIELDS = (
    Field("Name", "name", Kind.TEXT),
    Field("AnnualRevenue", "annual_revenue", Kind.DECIMAL),
    Field("NumberOfEmployees", "number_of_employees", Kind.INTEGER),
    Field("ParentId", "parent_id", Kind.ID),
)
#: Every field that a complete change of `a_mapping()` has.
WHOLE: Map[str, Value] = {
    MODSTAMP: "2026-01-31T12:00:00.000Z",
    "External_Id__c": "a-1",
    "Name": "Acme",
    "AnnualRevenue": "5030396.0",
    "NumberOfEmployees": "12",
    "ParentId": None,
}


def at(seconds: float) -> datetime:
    """So many seconds after noon."""
    return NOON + timedelta(seconds=seconds)


def a_change(**bent: Any) -> Change:
    """A complete upsert of an Account, as a read brings it."""
    plain: dict[str, Any] = {
        "source": Side.SALESFORCE,
        "sobject": "Account",
        "record_id": ACCOUNT,
        "op": Op.UPSERT,
        "stamp": NOON,
        "event_id": "04l000000000001AAA",
        "fields": dict(WHOLE),
    }
    return Change(**(plain | bent))


def an_edit_change(**bent: Any) -> Change:
    """A row's edit on its way to Salesforce."""
    plain = {"source": Side.POSTGRES, "record_id": "a-1", "event_id": "0b6b8c3e-5e0b-4a8e-9d65-2d1f6f9a7d11"}
    return a_change(**({"fields": {"Name": "Acme"}} | plain | bent))


def a_mapping(**bent: Any) -> Mapping:
    """Accounts, both ways."""
    plain: dict[str, Any] = {
        "id": 1,
        "sobject": "Account",
        "table": "salesforce.account",
        "direction": Direction.BIDIRECTIONAL,
        "fields": FIELDS,
    }
    return Mapping(**(plain | bent))


def an_outcome(**bent: Any) -> Outcome:
    """A change that arrived."""
    plain: dict[str, Any] = {"change": a_change(), "ending": Ending.APPLIED}
    return Outcome(**(plain | bent))


def an_edit(**bent: Any) -> Edit:
    """An update of the name that Salesforce has not got yet."""
    plain: dict[str, Any] = {
        "id": 1,
        "change_type": "UPDATE",
        "state": "new",
        "old": {"name": "Old"},
        "new": {"name": "Ours"},
        "made_at": NOON,
    }
    return Edit(**(plain | bent))


def an_entry(row: int, change_type: str = "UPDATE", **bent: Any) -> Entry:
    """A row of the change log."""
    plain: dict[str, Any] = {"id": row, "change_type": change_type, "old": {}, "new": {}, "made_at": at(row)}
    return Entry(**(plain | bent))
