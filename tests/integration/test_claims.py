"""The change log under the drainer and the sender: claims, leases, fences, and what a settlement writes down."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from common import config
from common.change import Change, Op, Side
from common.flows.drain import merge
from common.mapping import Direction
from common.postgres import mappings
from common.postgres.change_log import ChangeLog
from common.postgres.connect import Database
from common.postgres.queries import bind, load
from tests.integration.accounts import (
    TABLE,
    another,
    at_the_same_time,
    insert,
    log,
    map_table,
    row,
    run,
    sfid,
)
from tests.integration.claiming import CALL, CLAIM, Hand, a_log, claim_and_take, failed, keys, sent, states, the, waits

# -- claiming ------------------------------------------------------------------------------------


def test_a_claim_merges_each_records_edits(database: Database, change_log: ChangeLog) -> None:
    """Insert and updates are one insert without its empty columns, updates are one update."""
    insert(database, "b", 2, name="old")
    run(database, f"INSERT INTO {TABLE} (id, name) VALUES ('a', '1')")
    run(database, f"UPDATE {TABLE} SET phone = 'p', name = '2' WHERE id = 'a'")
    run(database, f"UPDATE {TABLE} SET name = '3', annual_revenue = 1.50")
    run(database, f"UPDATE {TABLE} SET name = NULL WHERE id = 'b'")

    claimed = change_log.claim(10, merge)

    expected = {
        "a": {"Name": "3", "Phone": "p", "AnnualRevenue": "1.50"},
        "b": {"Name": None, "AnnualRevenue": "1.50"},
    }
    assert expected == {c.record_id: dict(c.fields) for c in claimed.changes}
    assert {"claimed"} == {state for _, state in states(database)}
    assert 2 == claimed.records


def test_two_drainers_never_hold_one_record(database: Database, change_log: ChangeLog, second: ChangeLog) -> None:
    """Whoever comes at the same moment takes other records; together they take each once."""
    for n in range(60):
        run(database, f"INSERT INTO {TABLE} (id, name) VALUES (:key, '1')", key=f"k{n}")
    run(database, f"UPDATE {TABLE} SET name = '2'")

    def drain(own: ChangeLog) -> list[Change]:
        found: list[Change] = []
        while (claimed := own.claim(7, merge)).records:
            found += claimed.changes
        own._database.close()  # this thread's connection
        return found

    one, two = at_the_same_time(lambda: drain(change_log), lambda: drain(second))

    assert sorted(f"k{n}" for n in range(60)) == keys([*one, *two])
    assert {"2"} == {c.fields["Name"] for c in (*one, *two)}


def test_a_record_that_another_drainer_locks_is_passed_over(
    database: Database, change_log: ChangeLog, settings: config.Database
) -> None:
    """Neither its head nor a later edit of it is claimed while the other one's transaction is open."""
    run(database, f"INSERT INTO {TABLE} (id) VALUES ('a')")
    run(database, f"INSERT INTO {TABLE} (id) VALUES ('b')")
    run(database, f"UPDATE {TABLE} SET name = 'later' WHERE id = 'a'")

    with another(settings) as other, other.transaction() as tx:
        tx.run("SELECT FROM isthmus.change_log WHERE record_id = 'a' ORDER BY id LIMIT 1 FOR UPDATE")
        claimed = change_log.claim(10, merge)

    assert ["b"] == keys(claimed.changes)
    assert [("a", "new"), ("b", "claimed"), ("a", "new")] == states(database)


def test_an_edit_during_a_claim_waits_for_its_end(database: Database, change_log: ChangeLog, second: ChangeLog) -> None:
    """One batch per record on the road: the next edit is not overtaking it, and is not lost."""
    insert(database, "a", 1)
    run(database, f"UPDATE {TABLE} SET name = '1'")
    first = change_log.claim(10, merge)
    run(database, f"UPDATE {TABLE} SET name = '2'")

    meanwhile = second.claim(10, merge)
    change_log.settle(the(change_log), [sent(o) for o in change_log.take(first.changes)])
    after = second.claim(10, merge)

    assert (0, []) == (meanwhile.records, list(meanwhile.changes))
    assert [{"Name": "2"}] == [dict(c.fields) for c in after.changes]


def test_a_later_commit_with_a_smaller_id_is_not_lost(
    database: Database, change_log: ChangeLog, settings: config.Database
) -> None:
    """There is no cursor: what commits late is claimed late."""
    with another(settings) as slow, slow.transaction() as tx:
        tx.run(f"INSERT INTO {TABLE} (id) VALUES ('slow')")
        run(database, f"INSERT INTO {TABLE} (id, name) VALUES ('quick', 'x')")
        first = claim_and_take(change_log)
        change_log.settle(the(change_log), [sent(o, sfid(1)) for o in first])
        tx.run(f"UPDATE {TABLE} SET name = 'y' WHERE id = 'slow'")
    second = change_log.claim(10, merge)

    assert ["quick"] == keys([o.change for o in first])
    assert ["slow"] == keys(second.changes)
    assert log(database)[0]["record_id"] == "slow"  # its id is the smaller one


def test_a_limit_counts_records(database: Database, change_log: ChangeLog) -> None:
    """Oldest first, as many records as were asked for, each with all its edits."""
    for key in ("a", "b", "c"):
        run(database, f"INSERT INTO {TABLE} (id, name) VALUES (:key, '1')", key=key)
    run(database, f"UPDATE {TABLE} SET name = '2'")

    claimed = change_log.claim(2, merge)

    assert (2, ["a", "b"]) == (claimed.records, keys(claimed.changes))
    assert {"2"} == {c.fields["Name"] for c in claimed.changes}


def test_a_paused_mapping_is_captured_and_not_claimed(database: Database, change_log: ChangeLog) -> None:
    """Pausing stops delivery; when it is resumed, everything is still there."""
    mapping = the(change_log)
    with database.transaction() as tx:
        mappings.set_active(tx, [mapping.id], False)
    run(database, f"INSERT INTO {TABLE} (id, name) VALUES ('a', 'x')")
    change_log._mappings.refresh()

    paused = change_log.claim(10, merge)
    with database.transaction() as tx:
        mappings.set_active(tx, [mapping.id], True)
    change_log._mappings.refresh()
    resumed = change_log.claim(10, merge)

    assert (0, ["a"]) == (paused.records, keys(resumed.changes))


def test_a_table_that_only_receives_is_never_claimed(database: Database, clock: Hand) -> None:
    """SF_TO_PG: no trigger, nothing to send."""
    map_table(database, direction=Direction.SF_TO_PG)

    run(database, f"INSERT INTO {TABLE} (id) VALUES ('a')")

    assert [] == log(database)
    assert 0 == a_log(database, clock).claim(10, merge).records


# -- leases and fences ---------------------------------------------------------------------------


def test_a_lost_message_is_claimed_again_when_its_lease_ends(
    database: Database, change_log: ChangeLog, second: ChangeLog, clock: Hand
) -> None:
    """Until then nobody gets it; after that the old claim is fenced off: it takes nothing."""
    run(database, f"INSERT INTO {TABLE} (id, name) VALUES ('a', 'x')")
    lost = change_log.claim(10, merge).changes

    clock.move(CLAIM - 1)
    early = second.claim(10, merge)
    clock.move(2)
    again = second.claim(10, merge).changes

    assert 0 == early.records
    assert ["a"] == keys(again)
    assert lost[0].event_id != again[0].event_id
    assert [] == change_log.take(lost)
    assert ["a"] == keys([o.change for o in change_log.take(again)])


def test_a_released_claim_is_free_at_once(database: Database, change_log: ChangeLog) -> None:
    """What could not be published goes back to the log; its message would take nothing."""
    run(database, f"INSERT INTO {TABLE} (id, name) VALUES ('a', 'x')")
    first = change_log.claim(10, merge).changes

    change_log.release(first)

    assert [("a", "new")] == states(database)
    assert [] == change_log.take(first)
    assert ["a"] == keys(change_log.claim(10, merge).changes)


def test_releasing_what_was_taken_changes_nothing(database: Database, change_log: ChangeLog) -> None:
    """Perhaps it was published after all and is being sent: then it stays so."""
    run(database, f"INSERT INTO {TABLE} (id, name) VALUES ('a', 'x')")
    changes = change_log.claim(10, merge).changes
    change_log.take(changes)

    change_log.release(changes)

    assert [("a", "sending")] == states(database)


def test_claims_that_are_none_take_nothing(change_log: ChangeLog) -> None:
    """A message with an event id of somebody else's making is fenced, not refused."""
    stranger = Change(
        source=Side.POSTGRES, sobject="Account", record_id="a", op=Op.UPSERT, stamp=datetime.now(UTC), event_id="'; DROP"
    )  # fmt: skip

    assert [] == change_log.take([stranger])


def test_a_redelivery_holds_what_is_newer_until_the_first_call_ends(
    database: Database, change_log: ChangeLog, second: ChangeLog, clock: Hand
) -> None:
    """The first taker may still be calling: after a second take nothing newer goes before the first one's lease."""
    insert(database, "a", 1)
    run(database, f"UPDATE {TABLE} SET name = '1'")
    changes = change_log.claim(10, merge).changes
    change_log.take(changes)
    first_lease = clock() + timedelta(seconds=CALL)
    clock.move(100)

    owed = second.take(changes)
    second.settle(the(second), [sent(o) for o in owed])
    run(database, f"UPDATE {TABLE} SET name = '2'")
    held = change_log.claim(10, merge)
    clock.time = first_lease + timedelta(seconds=1)
    free = change_log.claim(10, merge)

    assert (2, 0) == (owed[0].attempts, held.records)
    assert [{"Name": "2"}] == [dict(c.fields) for c in free.changes]


def test_a_lost_claim_settles_nothing(
    database: Database, change_log: ChangeLog, second: ChangeLog, clock: Hand
) -> None:
    """Who comes back after its lease changes neither log nor row, and buries nothing."""
    run(database, f"INSERT INTO {TABLE} (id, name) VALUES ('a', 'x')")
    late = claim_and_take(change_log)
    clock.move(CALL + 1)
    claim_and_take(second)

    change_log.settle(the(change_log), [failed(o) for o in late])
    change_log.settle(the(change_log), [sent(o, sfid(1)) for o in late])

    assert [("a", "sending")] == states(database)
    assert row(database, "a")["sfid"] is None  # type: ignore[index]
    assert [] == run(database, "SELECT FROM isthmus.dead_letter UNION ALL SELECT FROM isthmus.sync_metrics")


# -- retries and failures ------------------------------------------------------------------------


def test_a_retry_waits_for_its_time(database: Database, change_log: ChangeLog, clock: Hand) -> None:
    """Not before next_attempt_at; then with every edit that came meanwhile."""
    insert(database, "a", 1)
    run(database, f"UPDATE {TABLE} SET name = '1', phone = 'p'")
    due = clock() + timedelta(seconds=60)
    change_log.settle(the(change_log), [waits(o, due) for o in claim_and_take(change_log)])
    run(database, f"UPDATE {TABLE} SET name = '2'")

    early = change_log.claim(10, merge)
    clock.move(61)
    owed = claim_and_take(change_log)

    assert 0 == early.records
    assert [{"Name": "2", "Phone": "p"}] == [dict(o.send.fields) for o in owed]
    assert 2 == owed[0].attempts
    assert "busy: UNABLE_TO_LOCK_ROW" == log(database)[0]["last_error"]


def test_a_redelivered_message_does_not_jump_a_retry(database: Database, change_log: ChangeLog, clock: Hand) -> None:
    """A batch that waits for its next attempt is not taken by its old message."""
    run(database, f"INSERT INTO {TABLE} (id, name) VALUES ('a', 'x')")
    changes = change_log.claim(10, merge).changes
    change_log.settle(the(change_log), [waits(o, clock() + timedelta(hours=1)) for o in change_log.take(changes)])

    assert [] == change_log.take(changes)


def test_a_failed_edit_is_taken_up_by_the_next_one(database: Database, change_log: ChangeLog) -> None:
    """A failure waits for nobody's patience: with a later edit it is tried again as one."""
    insert(database, "a", 1)
    run(database, f"UPDATE {TABLE} SET name = 'bad', phone = 'p'")
    change_log.settle(the(change_log), [failed(o) for o in claim_and_take(change_log)])
    alone = change_log.claim(10, merge)
    run(database, f"UPDATE {TABLE} SET name = 'good'")

    owed = claim_and_take(change_log)
    change_log.settle(the(change_log), [sent(o) for o in owed])

    assert 0 == alone.records
    assert [{"Name": "good", "Phone": "p"}] == [dict(o.send.fields) for o in owed]
    assert [("a", "done"), ("a", "done")] == states(database)


def test_a_failed_deletion_does_not_hold_up_the_records_next_life_for_ever(
    database: Database, change_log: ChangeLog
) -> None:
    """Deleted here, refused there, inserted again: the new row must go over, and no drain may repeat the same call."""
    insert(database, "a", 1, name="old")
    run(database, f"DELETE FROM {TABLE}")
    change_log.settle(the(change_log), [failed(o) for o in claim_and_take(change_log)])
    run(database, f"INSERT INTO {TABLE} (id, name) VALUES ('a', 'again')")

    seen = []
    for _ in range(4):
        owed = claim_and_take(change_log)
        seen += [o.send.op.value for o in owed]
        change_log.settle(the(change_log), [failed(o) if o.send.op is Op.DELETE else sent(o, sfid(1)) for o in owed])

    assert "upsert" in seen
    assert 0 == change_log.claim(10, merge).records


def test_a_claim_looks_at_no_more_of_the_backlog_than_it_takes(database: Database, clock: Hand) -> None:
    """A long backlog is not sorted anew for every claim."""
    map_table(database)
    run(database, f"INSERT INTO {TABLE} (id, name) SELECT 'k' || n, 'x' FROM generate_series(1, 2000) AS n")
    queries = load("change_log")

    with database.transaction() as tx:
        tx.run(queries["in_order"])
        claim = bind(queries["claim"], limit=10, now=clock(), tables=[TABLE])
        ((plan,),) = tx.run(f"EXPLAIN (ANALYZE, FORMAT JSON) {claim}")

    read = [float(node["Actual Rows"]) for node in _nodes(plan[0]["Plan"]) if node.get("Alias") == "c"]
    assert read and max(read) < 100


def _nodes(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield node
    for below in node.get("Plans", ()):
        yield from _nodes(below)
