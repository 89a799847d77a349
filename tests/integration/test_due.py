"""When the drainer is needed next, asked of a real log."""

from datetime import timedelta

import pytest

from common.mapping import Direction, Mapping
from common.postgres import due, mappings
from common.postgres.change_log import ChangeLog
from common.postgres.connect import Database
from common.schedule import Due
from tests.integration.accounts import TABLE, run
from tests.integration.claiming import Hand, claim_and_take, sent, the, waits


def edit(database: Database, key: str = "a") -> None:
    run(database, f"INSERT INTO {TABLE} (id) VALUES ('{key}') ON CONFLICT (id) DO UPDATE SET name = random()::text")


def test_an_empty_log_is_due_never(database: Database, account: Mapping, clock: Hand) -> None:
    """Nothing waits, nothing is under way."""
    assert Due(None, under_way=False) == due.read(database, clock)


def test_new_edits_are_due_now(database: Database, account: Mapping, clock: Hand) -> None:
    """Even while others are under way."""
    edit(database)

    assert Due(clock(), under_way=False) == due.read(database, clock)


def test_what_is_claimed_or_being_sent_is_under_way(database: Database, change_log: ChangeLog, clock: Hand) -> None:
    """It may come back, so somebody looks after it soon; once it is settled nobody need."""
    edit(database)
    (owed,) = claim_and_take(change_log)
    assert Due(None, under_way=True) == due.read(database, clock)

    change_log.settle(the(change_log), [sent(owed, "001000000000001AAA")])

    assert Due(None, under_way=False) == due.read(database, clock)


def test_a_retry_is_due_at_its_time(database: Database, change_log: ChangeLog, clock: Hand) -> None:
    """The earliest of all: a limit that opens tomorrow does not hide a lock that opens in a minute."""
    for key, minutes in (("a", 600), ("b", 7)):
        edit(database, key)
        (owed,) = claim_and_take(change_log)
        change_log.settle(the(change_log), [waits(owed, clock() + timedelta(minutes=minutes))])

    assert Due(clock() + timedelta(minutes=7), under_way=False) == due.read(database, clock)


def test_a_held_record_is_due_when_its_hold_ends(database: Database, account: Mapping, clock: Hand) -> None:
    """An earlier call may still be carried out: until then the drainer would look for nothing."""
    edit(database)
    hold = clock() + timedelta(minutes=12)
    with database.transaction() as tx:
        tx.run("UPDATE isthmus.change_log SET hold_until = :hold", hold=hold)

    assert Due(hold, under_way=False) == due.read(database, clock)


@pytest.mark.parametrize("how", ["paused", "inbound only"])
def test_what_no_active_mapping_sends_wakes_nobody(database: Database, account: Mapping, clock: Hand, how: str) -> None:
    """It would not be claimed: the log of a paused mapping may be long, and the schedule stays slow."""
    edit(database)
    with database.transaction() as tx:
        if how == "paused":
            mappings.set_active(tx, [account.id], False)
        else:
            tx.run("UPDATE isthmus.sync_configurations SET sync_direction = :d", d=Direction.SF_TO_PG)

    assert Due(None, under_way=False) == due.read(database, clock)
