"""The console's trends over ten million metric rows, as a page asks for them."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from statistics import median

from common.console import buckets
from common.postgres.connect import Connection, Database, run
from common.postgres.trends import Trends, sum_up
from tests.benchmarks import database
from tests.benchmarks.measure import Scale, percentile
from tests.benchmarks.table import Row

DAYS = 30
ASKED = ((24, "1 hour"), (7 * 24, "6 hours"), (DAYS * 24, "1 day"))
ROUNDS = 20
GOAL_MS = 200

NOTES = (
    f"Metric rows are spread evenly over {DAYS} days, one second and less apart, all of them kept row by row; hours that are "
    "over are summed up, as `reconcile` does every hour. In Asia/Seoul, with every bucket."
)

_FILL = """
SET LOCAL session_replication_role = replica;
INSERT INTO isthmus.sync_metrics (sync_config_id, direction, synced_count, status, "timestamp", lag_ms)
SELECT 1, CASE WHEN n % 3 = 0 THEN 'PG_TO_SF' ELSE 'SF_TO_PG' END, n % 200 + 1,
       (CASE WHEN n % 50 = 0 THEN 'FAILURE' ELSE 'SUCCESS' END)::isthmus.sync_status,
       now() - (n * {seconds} / {rows}) * interval '1 second', n % 1000
  FROM generate_series(0, {rows} - 1) AS n
"""


def measure(scale: Scale) -> Iterator[Row]:
    """Fill, sum up, ask."""
    rows = scale.of(10_000_000, 200_000)
    with database.server(fsync=False) as postgres:
        made = database.create(postgres, "trends")
        with database.plain(made) as connection:
            _fill(connection, rows)
        with Database(made) as opened:
            began = time.perf_counter()
            sum_up(opened, datetime.now(UTC))
            summed = time.perf_counter() - began
            with database.plain(made) as connection:
                run(connection, "VACUUM ANALYZE isthmus.sync_metrics")
            trends = Trends(opened)
            for hours, step in ASKED:
                took = sorted(_ask(trends, hours, step) for _ in range(ROUNDS))
                yield Row(
                    f"trends over {rows:,} metric rows, {hours} h by {step}", f"{median(took):.0f} ms (p95 {percentile(took, 0.95):.0f})",
                    "", "", f"< {GOAL_MS} ms", percentile(took, 0.95) < GOAL_MS,
                )  # fmt: skip
            yield Row(f"summing {rows:,} metric rows up, once", f"{summed:.1f} s", "", "", "", None)


def _fill(connection: Connection, rows: int) -> None:
    run(connection, "BEGIN;" + _FILL.format(rows=rows, seconds=float(timedelta(days=DAYS).total_seconds())) + ";COMMIT")
    run(connection, "ANALYZE isthmus.sync_metrics")


def _ask(trends: Trends, hours: int, step: str) -> float:
    """Milliseconds."""
    began = time.perf_counter()
    now = datetime.now(UTC)
    starts = buckets.starts(now, hours, buckets.STEPS[step], buckets.zone("Asia/Seoul"))
    counts = trends.counts(starts, now, sobject=None, direction=None, fine=False)
    assert counts
    return (time.perf_counter() - began) * 1000
