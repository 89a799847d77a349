"""Mass deletions wait for a person; everything else goes on."""

from datetime import timedelta

import pytest

from common.desk import Decision
from common.flows.drain import merge
from common.postgres import due
from common.postgres.change_log import ChangeLog
from common.postgres.connect import Database
from common.postgres.guard import HeldDeletions
from tests.integration.accounts import TABLE, log, run, sfid, silently
from tests.integration.claiming import Hand, a_log, claim_and_take, keys, sent, states, the


def fill(database: Database, count: int) -> None:
    """Rows that both sides know."""
    with silently(database) as tx:
        for n in range(count):
            tx.run(f"INSERT INTO {TABLE} (id, sfid, name) VALUES (:id, :sfid, 'x')", id=f"k{n:04d}", sfid=sfid(n))


def delete(database: Database, count: int) -> None:
    run(database, f"DELETE FROM {TABLE} WHERE id IN (SELECT id FROM {TABLE} ORDER BY id LIMIT :n)", n=count)


def guard(database: Database, **settings: float) -> None:
    for name, value in settings.items():
        run(database, f"UPDATE isthmus.sync_configurations SET delete_guard_{name} = {value}")


def by_hand(clock: Hand) -> Decision:
    return Decision("kim", "spring cleaning", clock())


def held(database: Database) -> int:
    return sum(row["deletions"] for row in HeldDeletions(database).by_table())


@pytest.mark.parametrize(("deleted", "waits"), [(100, 0), (101, 101)])
def test_a_hundred_deletions_ask_nobody(database: Database, change_log: ChangeLog, deleted: int, waits: int) -> None:
    """The count comes first: however large the share, up to 100 deletions just go."""
    fill(database, 150)
    delete(database, deleted)

    claimed = change_log.claim(1000, merge)

    assert (deleted - waits, waits) == (len(claimed.changes), held(database))


def test_a_small_share_asks_nobody(database: Database, change_log: ChangeLog) -> None:
    """More than the count, and less than a tenth of the rows there were."""
    fill(database, 1200)
    delete(database, 115)

    claimed = change_log.claim(1000, merge)

    assert (115, 0) == (len(claimed.changes), held(database))


def test_edits_of_other_records_go_on(database: Database, change_log: ChangeLog) -> None:
    """Only the deleted records wait, with all their edits; a record that is inserted again waits too: it is the same one."""
    guard(database, count=2)
    fill(database, 5)
    run(database, f"UPDATE {TABLE} SET name = 'y'")
    delete(database, 3)
    run(database, f"INSERT INTO {TABLE} (id, name) VALUES ('k0000', 'again'), ('new', 'n')")

    claimed = change_log.claim(1000, merge)
    nothing = change_log.claim(1000, merge)

    assert (["k0003", "k0004", "new"], 0) == (keys(claimed.changes), nothing.records)
    assert {"new"} == {state for key, state in states(database) if key < "k0003"}


def test_deletions_of_one_window_are_counted_together(database: Database, change_log: ChangeLog, clock: Hand) -> None:
    """What trickles is counted too: those that are sent already, until the window is over."""
    guard(database, count=3, minutes=60)
    fill(database, 20)

    for _ in range(2):
        delete(database, 2)
        change_log.settle(the(change_log), [sent(o) for o in claim_and_take(change_log)])
    third = held(database)
    clock.move(3700)
    run(database, "UPDATE isthmus.change_log SET decided_at = now() WHERE held_at IS NOT NULL")
    delete(database, 2)
    later = change_log.claim(1000, merge)

    assert 2 == third
    assert 4 == len(later.changes)  # the two that were let go, and two new ones: the first two count no more


def test_deletions_that_gathered_during_a_pause_are_counted_together(
    database: Database, change_log: ChangeLog, clock: Hand
) -> None:
    """However long ago each was made: what matters is that all of them would be sent now."""
    guard(database, count=3)
    fill(database, 10)
    for hours in (9, 6, 3, 0):
        delete(database, 1)
        run(
            database, "UPDATE isthmus.change_log SET created_at = :at WHERE id = (SELECT max(id) FROM isthmus.change_log)",
            at=clock() - timedelta(hours=hours),
        )  # fmt: skip

    change_log.claim(1000, merge)

    assert 4 == held(database)


def test_cascades_count(database: Database, change_log: ChangeLog) -> None:
    """Rows that a foreign key took along are deletions like any other."""
    guard(database, count=3)
    fill(database, 10)
    run(database, "CREATE TABLE tenant (id text PRIMARY KEY)")
    run(database, "INSERT INTO tenant VALUES ('t')")
    with silently(database) as tx:
        tx.run(f"ALTER TABLE {TABLE} ADD tenant text DEFAULT 't' REFERENCES tenant ON DELETE CASCADE")

    run(database, "DELETE FROM tenant")
    claimed = change_log.claim(1000, merge)

    assert ([], 10) == (list(claimed.changes), held(database))


def test_rows_that_salesforce_never_heard_of_do_not_count(database: Database, change_log: ChangeLog) -> None:
    """Inserted and deleted again before anybody looked: there is nothing to ask about."""
    guard(database, count=2)
    for n in range(5):
        run(database, f"INSERT INTO {TABLE} (id) VALUES ('k{n}')")
    delete(database, 5)

    claimed = change_log.claim(1000, merge)

    assert ([], 0, {"merged"}) == (list(claimed.changes), held(database), {s for _, s in states(database)})


def test_what_is_allowed_goes_and_is_never_held_again(database: Database, change_log: ChangeLog, clock: Hand) -> None:
    """With the name of who allowed it, and why."""
    guard(database, count=2)
    fill(database, 10)
    delete(database, 6)
    change_log.claim(1000, merge)

    allowed = HeldDeletions(database).allow(TABLE, by_hand(clock))
    claimed = change_log.claim(1000, merge)

    assert (6, 6, 0) == (allowed, len(claimed.changes), held(database))
    assert {("kim", "spring cleaning")} == {(e["decided_by"], e["decided_why"]) for e in log(database)}


def test_what_is_refused_is_settled(database: Database, change_log: ChangeLog, clock: Hand) -> None:
    """Salesforce never hears of it; the log keeps who said so."""
    guard(database, count=2)
    fill(database, 10)
    delete(database, 6)
    change_log.claim(1000, merge)
    deletions = HeldDeletions(database)
    ids = [row["id"] for row in deletions.records(TABLE, 1000)]

    refused = deletions.refuse(ids, by_hand(clock))

    assert (6, 0, 0) == (refused, change_log.claim(1000, merge).records, held(database))
    assert {("ignored", "kim")} == {(e["state"], e["decided_by"]) for e in log(database)}
    assert 0 == deletions.refuse(ids, by_hand(clock))


def test_another_drainers_deletions_are_left_to_it(database: Database, change_log: ChangeLog, clock: Hand) -> None:
    """Two drainers meet one mass deletion: neither waits for the other, and nothing of it is sent."""
    guard(database, count=3)
    fill(database, 20)
    delete(database, 20)

    with Database(database._settings) as other:
        with other.transaction() as tx:
            tx.run("SELECT FROM isthmus.change_log ORDER BY id LIMIT 5 FOR UPDATE")
            first = change_log.claim(1000, merge)
        second = a_log(other, clock).claim(1000, merge)

    assert ([], [], 20) == (list(first.changes), list(second.changes), held(database))


def test_what_is_held_wakes_nobody(database: Database, change_log: ChangeLog, clock: Hand) -> None:
    """The schedule grows slow while the only work is a person's; a mapping that is paused with everything is none either."""
    guard(database, count=2)
    fill(database, 10)
    delete(database, 6)
    change_log.claim(1000, merge)
    held_only = due.read(database, clock).at
    run(database, f"UPDATE {TABLE} SET name = 'y'")
    edited = due.read(database, clock).at
    run(database, "UPDATE isthmus.identity SET paused_at = now()")

    assert (None, True, None) == (held_only, edited is not None, due.read(database, clock).at)
