"""Two deliveries at the same moment, on connections of their own."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from common import config
from common.change import Change, Op
from common.mapping import Mapping
from common.ports import Verdict
from common.postgres.connect import Database
from common.postgres.table import PostgresTable
from tests.fakes.factories import at
from tests.integration.accounts import (
    TABLE,
    Background,
    another,
    at_the_same_time,
    endings,
    insert,
    map_table,
    record,
    run,
    wait_for_blocked,
)
from tests.integration.arrivals import SEEN

ROUNDS = 60


def test_of_two_edits_in_one_second_none_is_taken_for_the_others_repetition(settings: config.Database) -> None:
    """A new record's two messages, equal stamps and other contents, at once: one is written, the other asks for a read."""
    with Database(settings) as database:
        mapping = map_table(database)

    def deliver(change: Change) -> Callable[[], list[Verdict]]:
        def work() -> list[Verdict]:
            with Database(settings) as own:
                return PostgresTable(own).apply(mapping, [change])

        return work

    for n in range(ROUNDS):
        first = record(n, Name="first")
        second = replace(first, fields={**first.fields, "Name": "second"}, event_id="second")

        verdicts = [v for found in at_the_same_time(deliver(first), deliver(second)) for v in found]

        assert ["applied", "read"] == sorted(endings(verdicts))


@pytest.mark.parametrize(
    ("meanwhile", "silent", "ended", "name", "phone"),
    [
        (f"system_modstamp = '{at(3)}', isthmus_read_at = '{at(3)}', name = 'newest'", True, "stale", "newest", None),
        ("name = 'edited here'", False, "merged", "edited here", "theirs"),
    ],
)
def test_a_row_born_while_we_took_our_locks_is_guarded_all_the_same(
    database: Database, settings: config.Database, account: Mapping, meanwhile: str, silent: bool, ended: str,
    name: str, phone: str | None,
) -> None:  # fmt: skip
    """Nothing locks it before our statement looks: what commits after that look is newer, or a person's edit."""
    insert(database, "a", 1, **SEEN)
    arriving = [record(1, Name="x"), record(2, Name="born", Phone="theirs", stamp=at(2))]

    with another(settings) as holder, another(settings) as other:
        with other.transaction() as theirs:
            with holder.transaction() as lock:
                lock.run(f"SELECT FROM {TABLE} WHERE id = 'a' FOR UPDATE")
                delivered = Background(lambda: apply_elsewhere(settings, account, arriving))
                wait_for_blocked(database)  # it has looked for the rows to lock; the second is not among them
                insert(database, "b", 2, name="born", system_modstamp=f"{at(1)}", isthmus_read_at=f"{at(1)}")
                if silent:
                    theirs.run("SET LOCAL isthmus.origin = :table", table=TABLE)
                theirs.run(f"UPDATE {TABLE} SET {meanwhile} WHERE id = 'b'")
            wait_for_blocked(database)  # it has judged the second row as it was before `theirs`

    assert ["applied", ended] == delivered.result()
    assert [[name, phone]] == run(database, f"SELECT name, phone FROM {TABLE} WHERE id = 'b'")


def apply_elsewhere(settings: config.Database, mapping: Mapping, changes: list[Change]) -> list[str]:
    with another(settings) as own:
        return endings(PostgresTable(own).apply(mapping, changes))


def test_a_deletion_that_was_read_earlier_does_not_take_a_row_that_came_back(settings: config.Database) -> None:
    """Two reads overtake each other: the older one saw the record deleted, the newer one alive again."""
    with Database(settings) as database:
        mapping = map_table(database)
        table = PostgresTable(database)
        alive = record(1, Name="back", read_at=at(60))
        table.apply(mapping, [alive], read=True)
        deleted = replace(alive, op=Op.DELETE, read_at=at(30))

        (verdict,) = table.apply(mapping, [deleted], read=True)

        assert ["read_buried"] == endings([verdict])
        assert [["back"]] == run(database, "SELECT name FROM salesforce.account")
        assert [[0]] == run(database, "SELECT count(*) FROM isthmus.tombstone")
