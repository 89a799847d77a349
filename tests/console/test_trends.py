"""Trends over HTTP and the sums behind them: every bucket, in the asked zone, and nothing is counted twice."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from common.config import Retention
from common.mapping import Mapping
from common.postgres.connect import Database
from common.postgres.prune import Pruning
from common.postgres.trends import sum_up
from tests.console.conftest import Person
from tests.integration.accounts import map_table, run

HOUR = timedelta(hours=1)


@pytest.fixture(scope="module")
def account(database: Database) -> Mapping:
    return map_table(database)


@pytest.fixture(autouse=True)
def nothing_counted(database: Database) -> Iterator[None]:
    run(database, "DELETE FROM isthmus.sync_metrics")
    run(database, "UPDATE isthmus.trend SET summed_until = '-infinity'")
    yield


def a_metric(
    database: Database, mapping: Mapping, at: datetime, count: int, direction: str = "SF_TO_PG", status: str = "SUCCESS"
) -> None:
    run(
        database, 'INSERT INTO isthmus.sync_metrics (sync_config_id, direction, synced_count, status, "timestamp") '
        "VALUES (:id, :direction, :count, :status ::isthmus.sync_status, :at)",
        id=mapping.id, direction=direction, count=count, status=status, at=at,
    )  # fmt: skip


def full_hour() -> datetime:
    return datetime.now(UTC).replace(minute=0, second=0, microsecond=0)


def counted(person: Person, **query: object) -> list[tuple[int, int]]:
    return [(b["SF_TO_PG"], b["PG_TO_SF"]) for b in person.get("sync-metrics/trends", **query)]


def test_every_bucket_is_there(viewer: Person, database: Database, account: Mapping) -> None:
    """Zeros where nothing came; times in the asked zone, in order, an hour apart; failures do not count."""
    a_metric(database, account, full_hour() - 3 * HOUR, 5)
    a_metric(database, account, full_hour() - 3 * HOUR + timedelta(minutes=59), 7)
    a_metric(database, account, full_hour(), 2, "PG_TO_SF")
    a_metric(database, account, full_hour(), 9, "PG_TO_SF", "FAILURE")

    seen = viewer.get("sync-metrics/trends", interval_hours=24, group_by_interval="1 hour", timezone="Asia/Seoul")

    times = [datetime.fromisoformat(b["time"]) for b in seen]
    assert {"time", "SF_TO_PG", "PG_TO_SF"} == set(seen[0])
    assert [HOUR] * 23 == [b - a for a, b in zip(times, times[1:], strict=False)]
    assert {"+09:00"} == {b["time"][-6:] for b in seen}
    assert {20: (12, 0), 23: (0, 2)} == {
        n: (b["SF_TO_PG"], b["PG_TO_SF"]) for n, b in enumerate(seen) if b["SF_TO_PG"] or b["PG_TO_SF"]
    }


def test_an_object_and_a_direction_are_chosen(viewer: Person, database: Database, account: Mapping) -> None:
    """An object that is not mapped is refused with those that are."""
    a_metric(database, account, full_hour(), 3)
    a_metric(database, account, full_hour(), 4, "PG_TO_SF")

    assert [(3, 4)] == counted(viewer, interval_hours=1, sf_object_name="account")
    assert [(0, 4)] == counted(viewer, interval_hours=1, direction="PG_TO_SF")
    refused = viewer.call("GET", "sync-metrics/trends", params={"sf_object_name": "Lead"})
    assert (404, "Mapped objects: Account.") == (refused.status_code, refused.json()["hint"])


@pytest.mark.parametrize(
    "query",
    [
        {"timezone": "Mars/Olympus"}, {"group_by_interval": "1 fortnight"}, {"interval_hours": 0},
        {"interval_hours": 9601}, {"direction": "BOTH"}, {"interval_hours": 9600, "group_by_interval": "5 minutes"},
    ],
)  # fmt: skip
def test_what_cannot_be_drawn_is_refused(viewer: Person, query: dict[str, object]) -> None:
    assert 422 == viewer.call("GET", "sync-metrics/trends", params=query).status_code


def test_sums_by_the_hour_change_no_answer(viewer: Person, database: Database, account: Mapping) -> None:
    """Not when hours are summed up, nor when their rows are pruned, nor when a row comes late into an open hour."""
    for hours in (0, 1, 2, 30, 200):
        a_metric(database, account, full_hour() - hours * HOUR + timedelta(minutes=1), 10 + hours)
    query = {"interval_hours": 240, "group_by_interval": "6 hours", "timezone": "Asia/Seoul"}
    before = counted(viewer, **query)

    sum_up(database, datetime.now(UTC))
    summed = counted(viewer, **query)
    Pruning(database, Retention(metrics_days=1), lambda: True, datetime.now(UTC)).run()
    pruned = counted(viewer, **query)
    sum_up(database, datetime.now(UTC))

    assert before == summed == pruned == counted(viewer, **query)
    assert 283 == sum(n for n, _ in before)
    left = run(
        database, "SELECT count(*) FILTER (WHERE hourly), count(*) FILTER (WHERE NOT hourly) FROM isthmus.sync_metrics"
    )
    assert [[4, 3]] == left


def test_an_hour_waits_for_the_transactions_that_began_in_it(database: Database, url: str, account: Mapping) -> None:
    """A row bears its transaction's time: what commits after the hour is over is in its sum all the same."""
    from common import config

    with Database(config.database({"DATABASE_URL": url})) as other, other.transaction() as tx:
        ((began,),) = tx.run("SELECT now()")
        sum_up(database, began + 2 * HOUR)

        ((until,),) = run(database, "SELECT summed_until FROM isthmus.trend")
        assert until <= began
