"""Nothing grows for ever, and nothing that is still owed goes."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from common import config
from common.config import Retention
from common.mapping import Mapping
from common.postgres import prune
from common.postgres.connect import Database
from common.postgres.prune import Pruning
from tests.integration.accounts import TABLE, insert, log, rows, run

NOW = datetime.now(UTC)
KEEP = Retention()
OPEN = ("new", "claimed", "sending", "retry", "failed")


def days(count: float) -> datetime:
    return NOW - timedelta(days=count)


def pruned(database: Database, go_on: Callable[[], bool] = lambda: True) -> dict[str, int]:
    return {kind: n for kind, n in Pruning(database, KEEP, go_on, NOW).run().items() if n}


def an_entry(database: Database, state: str, age: float, record: str = "a") -> None:
    """A row of the change log, made and settled so long ago."""
    times = {
        "claimed": "lease_until", "sending": "lease_until", "retry": "next_attempt_at", "done": "processed_at",
        "merged": "processed_at", "ignored": "processed_at",
    }  # fmt: skip
    column = f", {times[state]}" if state in times else ""
    run(
        database, f"INSERT INTO isthmus.change_log (table_name, record_id, change_type, new_data, state, created_at {column}) "
        f"VALUES ('{TABLE}', :record, 'UPDATE', '{{}}', :state ::isthmus.change_state, :at {', :at' if column else ''})",
        record=record, state=state, at=days(age),
    )  # fmt: skip


def test_settled_rows_go_after_three_days_open_ones_never(database: Database, account: Mapping) -> None:
    """However old: what Salesforce has not got yet stays, and what was refused stays until somebody decides."""
    for state in (*OPEN, "done", "merged", "ignored"):
        an_entry(database, state, 100)
        an_entry(database, state, 2.9)

    gone = pruned(database)

    assert {"log": 3} == gone
    assert sorted([*OPEN, *OPEN, "done", "merged", "ignored"]) == sorted(e["state"] for e in log(database))


def test_what_waited_long_and_was_settled_lately_stays(database: Database, account: Mapping) -> None:
    """It counts from when it was settled, not from when it was made."""
    an_entry(database, "done", 100)
    run(database, "UPDATE isthmus.change_log SET processed_at = :at", at=days(1))

    assert {} == pruned(database)


def test_many_open_rows_do_not_hide_old_ones(
    database: Database, account: Mapping, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The walk goes past them, batch by batch, and ends where nothing is old any more."""
    monkeypatch.setattr(prune, "BATCH", 3)
    for n in range(20):
        an_entry(database, "failed", 90, f"f{n}")
    an_entry(database, "done", 80, "settled")
    for n in range(10):
        an_entry(database, "done", 1, f"young{n}")
    looked: list[int] = []

    gone = pruned(database, lambda: looked.append(1) is None)

    assert {"log": 1} == gone
    assert 30 == len(log(database))
    assert len(looked) < 25  # batches of the walk, and one look for each other kind


def test_a_run_ends_with_its_time(database: Database, account: Mapping, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is left is for the next run."""
    monkeypatch.setattr(prune, "BATCH", 10)
    for n in range(35):
        an_entry(database, "done", 10, f"k{n}")
    budget = iter([True, True])

    first = pruned(database, lambda: next(budget, False))
    second = pruned(database)

    assert ({"log": 20}, {"log": 15}) == (first, second)


def test_a_row_that_somebody_holds_is_passed_over(
    database: Database, account: Mapping, settings: config.Database
) -> None:
    """Nobody waits for anybody."""
    an_entry(database, "done", 10, "held")
    an_entry(database, "done", 10, "free")

    with Database(settings) as other, other.transaction() as tx:
        tx.run("SELECT FROM isthmus.change_log WHERE record_id = 'held' FOR UPDATE")
        gone = pruned(database)

    assert ({"log": 1}, ["held"]) == (gone, [e["record_id"] for e in log(database)])


def test_metrics_are_summed_up_by_the_hour(database: Database, account: Mapping) -> None:
    """Nothing of what they count is lost; young ones stay as they are; a second run changes nothing."""
    hour = days(8).replace(minute=0, second=0, microsecond=0)
    for minutes, count, status, lag in (
        (1, 5, "SUCCESS", 10),
        (59, 7, "SUCCESS", 90),
        (30, 1, "FAILURE", 5),
        (61, 2, "SUCCESS", 1),
    ):
        a_metric(database, account, hour + timedelta(minutes=minutes), count, status, lag)
    a_metric(database, account, days(1), 9, "SUCCESS", 3)

    first, second = pruned(database), pruned(database)

    assert ({"metrics": 4}, {}) == (first, second)
    found = rows(
        database, 'SELECT synced_count, status::text, lag_ms, hourly, "timestamp" FROM isthmus.sync_metrics ORDER BY "timestamp", 1'
    )  # fmt: skip
    assert [(1, "FAILURE", 5), (12, "SUCCESS", 90), (2, "SUCCESS", 1)] == [
        (r["synced_count"], r["status"], r["lag_ms"]) for r in found[:3]
    ]
    assert {(9, True), (9, False)} == {(r["synced_count"], r["hourly"]) for r in found[3:]}, (
        "the sum and the row itself"
    )
    assert [True, True, True] == [r["hourly"] for r in found[:3]]
    assert [hour, hour, hour + timedelta(hours=1)] == [r["timestamp"] for r in found[:3]]


def a_metric(database: Database, mapping: Mapping, at: datetime, count: int, status: str, lag: int) -> None:
    run(
        database, 'INSERT INTO isthmus.sync_metrics (sync_config_id, direction, synced_count, status, "timestamp", lag_ms) '
        "VALUES (:id, 'SF_TO_PG', :count, :status ::isthmus.sync_status, :at, :lag)",
        id=mapping.id, count=count, status=status, at=at, lag=lag,
    )  # fmt: skip


def test_settled_conflicts_and_letters_go_after_thirty_days(database: Database, account: Mapping) -> None:
    """Kept letters never; a conflict that nobody looked at, after more than a year: the policy has decided."""
    for created, settled in ((400, None), (401, None), (100, 31), (100, 29), (100, None)):
        run(
            database, "INSERT INTO isthmus.conflict (sync_config_id, record_id, field, winner, policy, created_at, settled_at, "
            "settled_by, taken) VALUES (:id, 'a', 'Name', 'postgres', 'postgres_wins', :created, :settled, :who, :taken)",
            id=account.id, created=days(created - 0.5), settled=days(settled) if settled else None,
            who="kim" if settled else None, taken="postgres" if settled else None,
        )  # fmt: skip
    for n, (state, age) in enumerate((("kept", 300), ("replayed", 31), ("discarded", 31), ("replayed", 29))):
        run(
            database, "INSERT INTO isthmus.dead_letter (topic, event_id, reason, hint, payload, state, updated_at) "
            "VALUES ('work', :event, 'r', 'h', '{}', :state ::isthmus.dead_letter_state, :at)",
            event=str(n), state=state, at=days(age),
        )  # fmt: skip

    assert {"conflicts": 2, "letters": 2} == pruned(database)


def test_a_tombstone_outlives_every_message(database: Database, account: Mapping) -> None:
    """And the deletion that made it, as long as that one is still to be sent."""
    for key, age in (("old", 46), ("young", 44), ("unsent", 300)):
        insert(database, key)
        run(database, f"DELETE FROM {TABLE} WHERE id = :key", key=key)
        run(database, "UPDATE isthmus.tombstone SET deleted_at = :at WHERE record_id = :key", key=key, at=days(age))
    run(database, "UPDATE isthmus.change_log SET state = 'done', processed_at = now() WHERE record_id <> 'unsent'")

    gone = pruned(database)

    left = [r["record_id"] for r in rows(database, "SELECT record_id FROM isthmus.tombstone ORDER BY id")]
    assert ({"tombstones": 1}, ["young", "unsent"]) == (gone, left)


def test_backfills_that_are_over_go(database: Database, account: Mapping) -> None:
    """With their slices; one that is not over stays, however old."""
    for state, ended in (("done", "now() - interval '31 days'"), ("failed", "now()"), ("running", "NULL")):
        run(
            database,
            "INSERT INTO isthmus.backfill (sync_config_id, direction, state, asked_by, slice_records, created_at, ended_at) "
            f"VALUES ({account.id}, 'SF_TO_PG', '{state}', 'kim', 1, now() - interval '32 days', {ended})",
        )
    run(
        database,
        "INSERT INTO isthmus.backfill_slice (backfill_id, number, place) SELECT id, 1, '' FROM isthmus.backfill",
    )

    assert {"backfills": 1} == pruned(database)
    assert [[2]] == run(database, "SELECT count(*) FROM isthmus.backfill_slice")


def test_bulk_jobs_and_old_calls_go(database: Database, account: Mapping) -> None:
    """Jobs that have ended; those under way stay, however old."""
    for state in ("running", "done", "failed"):
        run(
            database, "INSERT INTO isthmus.bulk_job (sync_config_id, state, created_at, updated_at, next_poll_at) "
            "VALUES (:id, :state ::isthmus.bulk_state, :at, :at, :at)", id=account.id, state=state, at=days(31),
        )  # fmt: skip
    for age in (10, 500):
        run(
            database, "INSERT INTO isthmus.api_usage VALUES (:day ::timestamptz::date, :id, 1)",
            day=days(age), id=account.id,
        )  # fmt: skip

    assert {"bulk_jobs": 2, "api_usage": 1} == pruned(database)


@pytest.mark.parametrize(
    ("setting", "words"), [("KEEP_TOMBSTONE_DAYS", "38 or more"), ("KEEP_LOG_DAYS", "whole number")]
)
def test_retention_is_refused_where_it_would_lose_something(setting: str, words: str) -> None:
    value: dict[str, Any] = {setting: "7" if "TOMB" in setting else "none"}

    with pytest.raises(Exception, match=words) as refused:
        config.retention(value)

    assert setting in str(refused.value)
