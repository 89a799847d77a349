"""Hints of what a row says already cost no read: repeated events, and echoes of our own writes once they were read."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from common.change import UNSTAMPED, Change, Op, Outcome
from common.flows import to_postgres
from common.mapping import Mapping
from common.ports import Read
from common.postgres.connect import Database
from common.postgres.dead_letters import DeadLetters
from common.postgres.mappings import MappingBook
from common.postgres.table import PostgresTable
from tests.fakes.factories import NOON, a_change, at
from tests.fakes.org import FakeOrg
from tests.integration.accounts import FIELDS, insert, map_table, record, row, sfid


class Watched(FakeOrg):
    """An org that remembers which records were read."""

    def __init__(self, answer: Sequence[Change] = ()) -> None:
        super().__init__(lambda: NOON)
        self.asked: list[str] = []
        self.answer = answer

    def read(self, mapping: Mapping, ids: Sequence[str], *, deleted: bool = False) -> Read:
        self.asked += ids
        return Read([c for c in self.answer if c.record_id in ids])


class Silent:
    def publish(self, changes: Sequence[Change], *, trace: str = "") -> None:
        """Repeated reads are not this test's matter."""


@pytest.fixture
def table(database: Database) -> PostgresTable:
    map_table(database, fields=FIELDS)
    return PostgresTable(database)


def arrive(database: Database, table: PostgresTable, org: FakeOrg, hint: Change, now: Any = at(30)) -> list[Outcome]:
    world = to_postgres.World(
        MappingBook(database), table, org, DeadLetters(database), Silent(), lambda: now
    )  # fmt: skip
    return to_postgres.apply([hint], world)


def a_hint(**bent: Any) -> Change:
    return a_change(**({"record_id": sfid(1), "fields": {}, "stamp": NOON, "origin": "client=isthmus"} | bent))


def stands(database: Database, **columns: Any) -> None:
    """The row as it was read at NOON's version, five seconds later."""
    insert(database, "a", 1, **({"name": "here", "system_modstamp": NOON, "isthmus_read_at": at(5)} | columns))


@pytest.mark.parametrize("seconds", [0, -1, -3600])
def test_what_the_row_has_reached_is_not_read(database: Database, table: PostgresTable, seconds: int) -> None:
    """Its second is the row's, read once that was over; or the row is newer."""
    stands(database)
    org = Watched()

    (outcome,) = arrive(database, table, org, a_hint(stamp=at(seconds)))

    assert ("stale", []) == (outcome.ending, org.asked)


@pytest.mark.parametrize(
    ("columns", "bent"),
    [
        ({}, {"stamp": at(1)}),  # newer than the row
        ({"isthmus_read_at": at(1)}, {}),  # the row was read while that second ran
        ({"isthmus_read_at": NOON}, {}),  # it was pushed, not read
        ({"isthmus_written_at": at(6)}, {}),  # we have written it since it was read
        ({}, {"buried": True}),  # somebody wants it read
        ({}, {"op": Op.DELETE}),  # it may have died in that second
        ({}, {"stamp": UNSTAMPED}),  # nobody knows when it changed
        ({"sfid": sfid(2)}, {}),  # there is no row of it
    ],
)
def test_what_the_row_may_lack_is_read(
    database: Database, table: PostgresTable, columns: dict[str, Any], bent: dict[str, Any]
) -> None:
    """Whatever the least doubt: a read costs little, a missed edit much."""
    stands(database, **columns)
    org = Watched([record(1, stamp=at(2), read_at=at(30), Name="there")])

    (outcome,) = arrive(database, table, org, a_hint(**bent))

    assert ("applied", {sfid(1)}) == (outcome.ending, set(org.asked))


@pytest.mark.parametrize(("seconds", "ending", "name"), [(59, "later", "here"), (60, "applied", "there")])
def test_an_older_answer_stands_after_a_minute(
    database: Database, table: PostgresTable, seconds: int, ending: str, name: str
) -> None:
    """Not every event moves its record's stamp (geocoding, a long transaction's commit): none is waited for for ever."""
    stands(database)
    hint = a_hint(stamp=at(10))
    org = Watched([record(1, stamp=NOON, read_at=at(10 + seconds), Name="there")])

    (outcome,) = arrive(database, table, org, hint, now=at(10) + timedelta(seconds=seconds))

    (found,) = [row(database, "a")]
    assert found is not None
    assert (ending, name) == (outcome.ending, found["name"])


def test_one_of_many_is_known(database: Database, table: PostgresTable) -> None:
    """Each of a batch is judged for itself."""
    stands(database)
    org = Watched([record(2, stamp=NOON, read_at=at(20), Name="new")])
    world = to_postgres.World(
        MappingBook(database), table, org, DeadLetters(database), Silent(), lambda: at(30)
    )  # fmt: skip

    outcomes = to_postgres.apply([a_hint(), replace(a_hint(), record_id=sfid(2)), a_hint()], world)

    assert ["applied", "stale", "stale"] == sorted(o.ending for o in outcomes)
    assert [sfid(2)] == org.asked
