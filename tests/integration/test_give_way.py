"""Deletions against edits, and Salesforce's right of way before a send: the policy decides, the conflict is kept."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from common.change import Ending
from common.flows import to_salesforce
from common.flows.drain import merge
from common.mapping import Mapping, Policy
from common.postgres import mappings
from common.postgres.change_log import ChangeLog
from common.postgres.connect import Database
from common.postgres.mappings import MappingBook
from common.postgres.table import PostgresTable
from tests.fakes.factories import at
from tests.fakes.org import FakeOrg
from tests.integration.accounts import (
    FIELDS,
    TABLE,
    endings,
    insert,
    log,
    map_table,
    row,
    rows,
    run,
    sfid,
    silently,
)
from tests.integration.arrivals import LONG_AGO, SEEN, SOON, conflicts, found, open_edits
from tests.integration.claiming import CALL, Hand, a_log, claim_and_take, sent

THEIRS_LAST = {Policy.LAST_WRITER_WINS: SOON, Policy.SALESFORCE_WINS: LONG_AGO}


def deleted(database: Database, **columns: str) -> None:
    """A row that both sides had, edited here perhaps, and deleted here."""
    insert(database, "a", 1, name="old", phone="old", **SEEN)
    for column, value in columns.items():
        run(database, f"UPDATE {TABLE} SET {column} = :value", value=value)
    run(database, f"DELETE FROM {TABLE}")


# -- deleted here, edited there -------------------------------------------------------------------


@pytest.mark.parametrize("policy", list(THEIRS_LAST))
def test_a_row_deleted_here_comes_back_where_salesforce_wins(
    database: Database, table: PostgresTable, policy: Policy
) -> None:
    """It was changed there after it was read here: the deletion leaves the log, the row returns under its key."""
    mapping = map_table(database, policy=policy)
    deleted(database, phone="unsent")

    ended = endings(table.apply(mapping, [found(Name="theirs", Phone="old", stamp=THEIRS_LAST[policy])], read=True))

    assert ["applied"] == ended
    assert ("a", "theirs", "old") == tuple((row(database, "a") or {})[c] for c in ("id", "name", "phone"))
    assert [] == open_edits(database)
    assert [["IsDeleted", "false", "true", "false", "salesforce"]] == conflicts(database)


@pytest.mark.parametrize(
    ("policy", "stamp", "name"),
    [
        (Policy.POSTGRES_WINS, SOON, "theirs"),
        (Policy.LAST_WRITER_WINS, LONG_AGO, "theirs"),
        (Policy.SALESFORCE_WINS, SOON, "old"),
        (Policy.LAST_WRITER_WINS, SOON, "old"),
    ],
)
def test_a_row_deleted_here_stays_deleted(
    database: Database, table: PostgresTable, policy: Policy, stamp: datetime, name: str
) -> None:
    """Where Postgres wins, or where Salesforce changed nothing that the row did not have."""
    mapping = map_table(database, policy=policy)
    deleted(database, phone="unsent")

    ended = endings(table.apply(mapping, [found(Name=name, Phone="old", stamp=stamp)], read=True))

    assert (["dead"], []) == (ended, rows(database, f"SELECT * FROM {TABLE}"))
    assert "DELETE" == open_edits(database)[-1][0]


@pytest.mark.parametrize(
    ("policy", "moved", "after", "ending"),
    [
        (Policy.LAST_WRITER_WINS, {}, 30, "dead"),
        (Policy.LAST_WRITER_WINS, {"Name": "ours, tidied by a flow"}, 30, "dead"),
        (Policy.LAST_WRITER_WINS, {"Name": "theirs"}, 90, "applied"),
        (Policy.SALESFORCE_WINS, {"Score__c": "7"}, 30, "dead"),
    ],
)
def test_our_own_send_does_not_call_a_row_back(
    database: Database, table: PostgresTable, clock: Hand,
    policy: Policy, moved: dict[str, str], after: int, ending: str,
) -> None:  # fmt: skip
    """An edit is answered when its row is gone already: what Salesforce made of it is nobody's word against the deletion."""
    mapping = map_table(database, policy=policy)
    change_log, began = a_log(database, clock), clock()
    insert(database, "a", 1, name="old", phone="old", **SEEN)
    run(database, f"UPDATE {TABLE} SET phone = 'ours'")
    owed = claim_and_take(change_log)
    run(database, f"DELETE FROM {TABLE}")
    clock.move(60)
    change_log.settle(mapping, [sent(*owed)])

    echo = found(stamp=began + timedelta(seconds=after), **({"Name": "old", "Phone": "ours"} | moved))

    assert [ending] == endings(table.apply(mapping, [echo], read=True))


def test_a_deletion_under_way_is_not_called_back(database: Database, table: PostgresTable) -> None:
    """The call to Salesforce has begun: nobody can stop it."""
    mapping = map_table(database, policy=Policy.SALESFORCE_WINS)
    deleted(database)
    run(database, "UPDATE isthmus.change_log SET state = 'sending', lease_until = now() + interval '1 hour'")

    assert ["dead"] == endings(table.apply(mapping, [found(Name="theirs")], read=True))


def test_a_read_from_before_the_deletion_was_answered_brings_nothing_back(
    database: Database, table: PostgresTable
) -> None:
    """It saw the record before it died: it is read again, with deleted ones; a read that began afterwards counts."""
    mapping = map_table(database)
    deleted(database)
    answered = "UPDATE isthmus.change_log SET state = 'done', processed_at = :at WHERE change_type = 'DELETE'"
    run(database, answered, at=at(3700))
    run(database, "DELETE FROM isthmus.change_log WHERE change_type <> 'DELETE'")

    early = endings(table.apply(mapping, [found(Name="seen alive", read_at=at(3600))], read=True))
    between = rows(database, f"SELECT * FROM {TABLE}")
    late = endings(table.apply(mapping, [found(Name="undeleted", read_at=at(3800))], read=True))

    assert (["read_buried"], [], ["applied"]) == (early, between, late)
    assert ("a", "undeleted") == tuple((row(database, "a") or {})[n] for n in ("id", "name"))


def test_another_life_under_the_same_key_is_left_alone(database: Database, table: PostgresTable) -> None:
    """Deleted and inserted again: the new row is not the old record's."""
    mapping = map_table(database, policy=Policy.SALESFORCE_WINS)
    deleted(database)
    run(database, f"INSERT INTO {TABLE} (id, name) VALUES ('a', 'second life')")

    ended = endings(table.apply(mapping, [found(Name="theirs")], read=True))

    assert (["dead"], "second life") == (ended, (row(database, "a") or {})["name"])


def test_an_undeleted_record_has_its_key_again(database: Database, table: PostgresTable) -> None:
    """The key of a row never changes, though it was away; where the key is taken meanwhile, it gets another one."""
    mapping = map_table(database)
    with silently(database) as tx:
        for n, key in ((1, "a"), (2, "b")):
            tx.run(
                "INSERT INTO isthmus.tombstone (table_name, record_id, sfid, side) "
                "VALUES ('salesforce.account', :key, :sfid, 'salesforce')", key=key, sfid=sfid(n),
            )  # fmt: skip
    insert(database, "b", 7)

    ended = endings(table.apply(mapping, [found(1, Name="x"), found(2, Name="y")], read=True))
    keys = {r["name"]: r["id"] for r in rows(database, f"SELECT * FROM {TABLE} WHERE name IS NOT NULL")}

    assert (["applied", "applied"], "a") == (ended, keys["x"])
    assert "b" != keys["y"]


def test_a_conflict_is_kept_once(database: Database, table: PostgresTable) -> None:
    """A record that is read again, because two edits may share a second, tells nothing new."""
    mapping = map_table(database, policy=Policy.POSTGRES_WINS)
    insert(database, "a", 1, name="old", **SEEN)
    run(database, f"UPDATE {TABLE} SET name = 'ours'")

    for seconds in (10, 20):
        table.apply(mapping, [found(Name="theirs", read_at=at(3600 + seconds))], read=True)

    assert [["Name", "old", "ours", "theirs", "postgres"]] == conflicts(database)


# -- before a send --------------------------------------------------------------------------------


class Road:
    """Road B with an org in memory, and Salesforce's right of way."""

    def __init__(self, database: Database, clock: Hand, mapping: Mapping) -> None:
        self.database = database
        self.org = FakeOrg(clock)
        self.log = a_log(database, clock)
        self.world = to_salesforce.World(
            MappingBook(database), self.log, self.org, clock, CALL, PostgresTable(database, clock)
        )
        fields = {f.name: None for f in FIELDS} | {"Name": "old", "Phone": "old", "External_Id__c": "a"}
        self.record = self.org.create(fields)
        insert(
            database, "a", None, name="old", phone="old", system_modstamp=self.org.records[self.record].stamp,
            isthmus_read_at=clock(),
        )  # fmt: skip
        with silently(database) as tx:
            tx.run(f"UPDATE {TABLE} SET sfid = :sfid", sfid=self.record)
        clock.move(60)

    def send(self) -> list[Ending]:
        """One drain and one send; how each record ended."""
        self.claimed = self.log.claim(10, merge).changes
        return [o.ending for o in to_salesforce.apply(self.claimed, self.world)]

    @property
    def there(self) -> dict[str, Any]:
        return {n: self.org.records[self.record].fields[n] for n in ("Name", "Phone")}


@pytest.fixture
def road(database: Database, clock: Hand) -> Road:
    return Road(database, clock, map_table(database, policy=Policy.SALESFORCE_WINS))


def test_an_edit_gives_way_to_one_that_was_never_told(road: Road, database: Database) -> None:
    """Salesforce changed the field and nobody told us: its value stands, ours is in the conflicts, the rest is sent."""
    run(database, f"UPDATE {TABLE} SET name = 'ours', phone = 'ours'")
    road.org.update(road.record, {"Name": "theirs"})

    first, second = road.send(), road.send()

    assert ([Ending.FENCED], [Ending.SENT]) == (first, second)
    assert {"Name": "theirs", "Phone": "ours"} == road.there
    here = row(database, "a") or {}
    assert ("theirs", "ours") == (here["name"], here["phone"])
    assert [["Name", "old", "ours", "theirs", "salesforce"]] == conflicts(database)


def test_an_edit_that_nobody_contests_is_sent_at_once(road: Road, database: Database) -> None:
    """The read finds what the edit found: one message, one send."""
    run(database, f"UPDATE {TABLE} SET name = 'ours'")

    assert ([Ending.SENT], {"Name": "ours", "Phone": "old"}) == (road.send(), road.there)
    assert [] == conflicts(database)


def test_a_deletion_gives_way_to_an_edit_that_was_never_told(road: Road, database: Database) -> None:
    """The record lives on, and so does the row, under its key."""
    run(database, f"DELETE FROM {TABLE}")
    road.org.update(road.record, {"Name": "theirs"})

    ended = road.send()

    assert ([Ending.FENCED], False) == (ended, road.org.records[road.record].deleted)
    assert ("theirs", road.record) == tuple((row(database, "a") or {})[c] for c in ("name", "sfid"))


def test_an_edit_of_a_record_that_was_deleted_there_goes_with_it(road: Road, database: Database) -> None:
    """Salesforce deleted it, and wins: the row goes, the edit leaves the log, the conflict tells."""
    run(database, f"UPDATE {TABLE} SET name = 'ours'")
    road.org.delete(road.record)

    ended = road.send()

    assert ([Ending.FENCED], None) == (ended, row(database, "a"))
    assert [["IsDeleted", "false", "false", "true", "salesforce"]] == conflicts(database)


def test_other_policies_read_nothing_before_they_send(database: Database, clock: Hand) -> None:
    """Only Salesforce's right of way costs a call."""
    road = Road(database, clock, map_table(database, policy=Policy.LAST_WRITER_WINS))
    road.org.read = lambda *a, **k: pytest.fail("it was read")  # type: ignore[assignment]
    run(database, f"UPDATE {TABLE} SET name = 'ours'")

    assert [Ending.SENT] == road.send()


# -- a pause --------------------------------------------------------------------------------------


def test_what_was_claimed_before_a_pause_is_not_sent_in_it(road: Road, database: Database, clock: Hand) -> None:
    """The message is acknowledged and forgotten; after the pause the record is claimed again, with what came meanwhile."""
    run(database, f"UPDATE {TABLE} SET name = 'ours'")
    claimed = road.log.claim(10, merge).changes
    with database.transaction() as tx:
        mappings.pause_all(tx, True, "kim", "maintenance")

    paused = [o.ending for o in to_salesforce.apply(claimed, road.world)]
    run(database, f"UPDATE {TABLE} SET phone = 'later'")
    with database.transaction() as tx:
        mappings.pause_all(tx, False)
    clock.move(200)
    road.world.mappings.refresh()
    road.log._mappings.refresh()

    assert [Ending.FENCED] == paused
    assert ([Ending.SENT], {"Name": "ours", "Phone": "later"}) == (road.send(), road.there)


def test_everything_paused_is_drained_in_its_order_afterwards(
    database: Database, change_log: ChangeLog, clock: Hand
) -> None:
    """Oldest first, in slices; a mapping that was paused for itself stays so."""
    other = map_table(database, sobject="Contact", table="salesforce.contact")
    with database.transaction() as tx:
        mappings.pause_all(tx, True, "kim", "maintenance")
        mappings.set_active(tx, [other.id], False, "lee", "broken")
    for n in range(25):
        run(database, f"INSERT INTO {TABLE} (id, name) VALUES (:key, 'x')", key=f"k{n:02d}")
    run(database, "INSERT INTO salesforce.contact (id, name) VALUES ('c', 'x')")
    change_log._mappings.refresh()
    paused = change_log.claim(10, merge).records

    with database.transaction() as tx:
        mappings.pause_all(tx, False)
    change_log._mappings.refresh()
    slices = [[c.record_id for c in change_log.claim(10, merge).changes] for _ in range(4)]

    assert 0 == paused
    assert [[f"k{n:02d}" for n in part] for part in (range(10), range(10, 20), range(20, 25))] + [[]] == slices
    assert {"new"} == {e["state"] for e in log(database) if e["record_id"] == "c"}
