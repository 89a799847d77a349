"""What arrives from Salesforce, rows that both sides know, and what became of them."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from common.change import Change, Op
from common.postgres.connect import Database
from tests.fakes.factories import a_change, at
from tests.integration.accounts import (
    TABLE,
    insert,
    log,
    record,
    rows,
    run,
    sfid,
)

Apply = Callable[..., list[str]]
SEEN = {"system_modstamp": "2026-01-31T11:00:00Z", "isthmus_read_at": "2026-01-31T11:00:00Z"}  # an hour before NOON
LONG_AGO, SOON = at(-7200), datetime(2100, 1, 1, tzinfo=UTC)


def found(number: int = 1, **fields: Any) -> Change:
    """What a read brought just now: it began well after the record's last edit."""
    return record(number, **({"read_at": at(3600)} | fields))


def gone(number: int = 1, stamp: datetime = at(0)) -> Change:
    """A record that a read found deleted."""
    return a_change(record_id=sfid(number), op=Op.DELETE, fields={}, stamp=stamp, read_at=at(3600), event_id="gone")


def the_row(database: Database, number: int = 1) -> dict[str, Any]:
    (one,) = rows(database, f"SELECT * FROM {TABLE} WHERE sfid = :sfid", sfid=sfid(number))
    return one


def open_edits(database: Database) -> list[tuple[str, Any]]:
    return [(e["change_type"], e["new_data"]) for e in log(database) if e["state"] not in ("done", "merged")]


def conflicts(database: Database) -> list[list[Any]]:
    return run(
        database,
        "SELECT field, old_value, postgres_value, salesforce_value, winner FROM isthmus.conflict ORDER BY id",
    )


def edited(database: Database, **columns: str) -> None:
    """A row that both sides had as `old`, edited here."""
    insert(database, "a", 1, name="old", phone="old", **SEEN)
    for column, value in columns.items():
        run(database, f"UPDATE {TABLE} SET {column} = :value", value=value)
