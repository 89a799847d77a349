"""Arrivals meet edits that Salesforce has not got yet, and the dead."""

from datetime import datetime

import pytest

from common import config
from common.change import Change
from common.flows.drain import merge
from common.mapping import Mapping, Policy
from common.postgres.change_log import ChangeLog
from common.postgres.connect import Database
from common.postgres.mappings import MappingBook
from common.postgres.table import PostgresTable
from tests.fakes.factories import at
from tests.integration.accounts import (
    TABLE,
    Background,
    another,
    endings,
    insert,
    log,
    map_table,
    record,
    row,
    rows,
    run,
    wait_for_blocked,
)
from tests.integration.arrivals import LONG_AGO, SEEN, SOON, Apply, conflicts, edited, found, gone, open_edits, the_row

# -- edits that Salesforce has not got yet -------------------------------------------------------


@pytest.mark.parametrize("policy", list(Policy))
def test_a_field_that_salesforce_did_not_touch_keeps_its_edit(
    database: Database, table: PostgresTable, policy: Policy
) -> None:
    """Whatever the policy: there is no conflict."""
    mapping = map_table(database, policy=policy)
    edited(database, name="ours")

    ended = endings(table.apply(mapping, [record(Name="old", Phone="theirs", stamp=SOON)]))

    assert (["merged"], "ours", "theirs") == (ended, the_row(database)["name"], the_row(database)["phone"])
    assert [("UPDATE", {"name": "ours"})] == open_edits(database)
    assert [] == conflicts(database)


@pytest.mark.parametrize(
    ("policy", "stamp", "winner"),
    [
        (Policy.SALESFORCE_WINS, at(0), "salesforce"),
        (Policy.POSTGRES_WINS, SOON, "postgres"),
        (Policy.LAST_WRITER_WINS, SOON, "salesforce"),
        (Policy.LAST_WRITER_WINS, at(0), "postgres"),
    ],
)
def test_a_field_that_both_sides_wrote_goes_by_the_policy(
    database: Database, table: PostgresTable, policy: Policy, stamp: datetime, winner: str
) -> None:
    """The conflict is kept with all three values; a lost edit leaves the log."""
    mapping = map_table(database, policy=policy)
    edited(database, name="ours")

    ended = endings(table.apply(mapping, [record(Name="theirs", Phone="old", stamp=stamp)]))

    kept = "ours" if winner == "postgres" else "theirs"
    assert (["merged"], kept) == (ended, the_row(database)["name"])
    assert [["Name", "old", "ours", "theirs", winner]] == conflicts(database)
    assert ([("UPDATE", {"name": "ours"})] if winner == "postgres" else []) == open_edits(database)


def test_an_edit_that_is_there_already_is_done(database: Database, apply: Apply) -> None:
    """Both sides wrote the same: no conflict, nothing to send."""
    edited(database, name="same", phone="mine")

    assert ["merged"] == apply(record(Name="same", Phone="old"))
    assert [("UPDATE", {"phone": "mine"})] == open_edits(database)
    assert [] == conflicts(database)


def test_a_lost_edit_is_fenced_off_the_road(database: Database, table: PostgresTable) -> None:
    """Its message is out already: it takes nothing, and what is left of its batch is claimed again."""
    mapping = map_table(database, policy=Policy.SALESFORCE_WINS)
    edited(database, name="ours", phone="mine")
    change_log = ChangeLog(database, MappingBook(database), call_seconds=720)
    claimed = change_log.claim(10, merge).changes

    table.apply(mapping, [record(Name="theirs", Phone="old")])

    assert [] == change_log.take(claimed)
    assert [{"Phone": "mine"}] == [dict(c.fields) for c in change_log.claim(10, merge).changes]


def test_a_stale_change_decides_nothing(database: Database, table: PostgresTable) -> None:
    """What the guard refuses retracts no edit and leaves no conflict."""
    mapping = map_table(database, policy=Policy.SALESFORCE_WINS)
    edited(database, name="ours")

    ended = endings(table.apply(mapping, [record(Name="theirs", stamp=LONG_AGO)]))

    assert (["stale"], []) == (ended, conflicts(database))
    assert [("UPDATE", {"name": "ours"})] == open_edits(database)


def test_failed_and_waiting_edits_stand_too(database: Database, apply: Apply) -> None:
    """An edit that Salesforce refused is still the person's wish."""
    edited(database, name="ours")
    run(database, "UPDATE isthmus.change_log SET state = 'failed'")

    assert ["merged"] == apply(record(Name="old", Phone="theirs"))
    assert "ours" == the_row(database)["name"]


def test_edits_that_are_being_sent_are_waited_for(database: Database, apply: Apply) -> None:
    """While a call is under way nobody can tell an echo from a conflict: later."""
    edited(database, name="ours")
    run(database, "UPDATE isthmus.change_log SET state = 'sending', lease_until = now() + interval '1 hour'")

    assert ["later", "applied"] == apply(record(Name="theirs"), record(2))
    assert ["later"] == apply(gone(), read=True)
    assert "ours" == the_row(database)["name"]


def test_an_edit_cannot_be_sent_while_it_is_judged(database: Database, settings: config.Database) -> None:
    """A sender that takes the edit at that moment is waited for: no value is sent that has just lost."""
    mapping = map_table(database, policy=Policy.SALESFORCE_WINS)
    edited(database, name="ours")
    change_log = ChangeLog(database, MappingBook(database), call_seconds=720)
    change_log.claim(10, merge)

    with another(settings) as sender, sender.transaction() as tx:
        tx.run("UPDATE isthmus.change_log SET state = 'sending'")
        judged = Background(lambda: _apply_elsewhere(settings, mapping, record(Name="theirs", Phone="old")))
        wait_for_blocked(database)

    assert ["later"] == judged.result()
    assert [("UPDATE", {"name": "ours"})] == open_edits(database)


def _apply_elsewhere(settings: config.Database, mapping: Mapping, *changes: Change) -> list[str]:
    with another(settings) as own:
        return endings(PostgresTable(own).apply(mapping, changes))


def test_an_edit_that_commits_during_a_write_is_seen(
    database: Database, settings: config.Database, account: Mapping
) -> None:
    """The rows are locked first: an edit that was not committed when we began is merged, not overwritten."""
    insert(database, "a", 1, name="old", phone="old", **SEEN)

    with another(settings) as person, person.transaction() as tx:
        tx.run(f"UPDATE {TABLE} SET name = 'ours'")
        judged = Background(lambda: _apply_elsewhere(settings, account, record(Name="old", Phone="theirs")))
        wait_for_blocked(database)

    assert ["merged"] == judged.result()
    assert ("ours", "theirs") == tuple(the_row(database)[c] for c in ("name", "phone"))


def test_an_unsendable_edit_buries_no_arrival(database: Database, apply: Apply) -> None:
    """A value that only Postgres can hold stands in one field; what arrives is not at fault."""
    edited(database, seen="infinity", name="ours")

    ended = apply(record(Name="old", Phone="theirs"))

    assert ["merged"] == ended
    assert ("ours", "theirs") == tuple(rows(database, f"SELECT name, phone FROM {TABLE}")[0].values())


# -- the dead ------------------------------------------------------------------------------------


def test_a_deleted_record_takes_its_row_along(database: Database, apply: Apply) -> None:
    """With a tombstone; nothing of it is captured; what comes later is read first, and only the living rise."""
    insert(database, "a", 1)

    deleted = apply(gone(), read=True)
    pushed = apply(record(stamp=at(9)))
    alive = apply(found(Name="undeleted", stamp=at(9)), read=True)

    assert (["deleted"], ["read_buried"], ["applied"]) == (deleted, pushed, alive)
    assert [] == log(database)
    assert [] == run(database, "SELECT FROM isthmus.tombstone")
    assert "undeleted" == the_row(database)["name"]


def test_a_deletion_of_what_is_not_here_leaves_a_tombstone(database: Database, apply: Apply) -> None:
    """Its creation may still be on its way. Twice is as once."""
    assert ["deleted", "deleted"] == [*apply(gone(), read=True), *apply(gone(), read=True)]
    assert ["read_buried"] == apply(record())


def test_a_record_that_we_are_deleting_stays_dead(database: Database, apply: Apply) -> None:
    """A read still finds it alive: our deletion is on its way, and the tombstone stays."""
    insert(database, "a", 1)
    run(database, f"DELETE FROM {TABLE}")

    assert ["read_buried"] == apply(record(External_Id__c="a"))
    assert ["dead"] == apply(found(External_Id__c="a"), read=True)
    run(database, "UPDATE isthmus.change_log SET state = 'done', processed_at = :long_ago", long_ago=LONG_AGO)
    assert ["applied"] == apply(found(External_Id__c="a"), read=True)


def test_a_reborn_row_is_not_adopted_by_its_dead_record(database: Database, apply: Apply) -> None:
    """Deleted and inserted again here: the old record, on its way to deletion, may not give the new row its id."""
    insert(database, "a", 1)
    run(database, f"DELETE FROM {TABLE}")
    run(database, f"INSERT INTO {TABLE} (id, name) VALUES ('a', 'new life')")

    ended = apply(found(External_Id__c="a", Name="old life"), read=True)

    assert ["dead"] == ended
    assert [["a", None, "new life"]] == run(database, f"SELECT id, sfid, name FROM {TABLE}")


@pytest.mark.parametrize(
    ("policy", "stamp", "lives"),
    [
        (Policy.SALESFORCE_WINS, at(0), False),
        (Policy.POSTGRES_WINS, SOON, True),
        (Policy.LAST_WRITER_WINS, SOON, False),
        (Policy.LAST_WRITER_WINS, at(0), True),
    ],
)
def test_a_deletion_against_an_edit_goes_by_the_policy(
    database: Database, table: PostgresTable, policy: Policy, stamp: datetime, lives: bool
) -> None:
    """Either the row goes and its edits with it, or it lives on and is sent whole, as a new record."""
    mapping = map_table(database, policy=policy)
    edited(database, name="ours")
    change_log = ChangeLog(database, MappingBook(database), call_seconds=720)
    claimed = change_log.claim(10, merge).changes

    table.apply(mapping, [gone(stamp=stamp)], read=True)

    assert [["IsDeleted", "false", "false", "true", "postgres" if lives else "salesforce"]] == conflicts(database)
    assert lives == (row(database, "a") is not None)
    assert [["UPDATE", 1]] == run(
        database, "SELECT change_type, count(*) FROM isthmus.change_log WHERE change_type = 'UPDATE' GROUP BY 1"
    )
    late = change_log.take(claimed)
    owed = [*late, *change_log.take(change_log.claim(10, merge).changes)]
    sends = [(o.send.sfid, o.send.external_id, o.send.fields["Name"], o.send.fields["Phone"]) for o in owed]
    assert ([(None, "a", "ours", "old")] if lives else []) == sends
