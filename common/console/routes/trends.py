"""How many records arrived, bucket by bucket."""

from datetime import timedelta
from typing import Annotated, Literal

from fastapi import APIRouter, Query

from common import named
from common.console import buckets
from common.console.access import Viewer
from common.console.problems import ANSWERS
from common.console.shapes import NO_NUL, Bucket, NameQuery, Way
from common.console.world import TheWorld

router = APIRouter(tags=["trends"], responses=ANSWERS)

MOST_HOURS = 400 * 24  #: as long as hourly sums are kept

Step = Literal[
    "5 minutes", "15 minutes", "30 minutes", "1 hour", "3 hours", "6 hours", "12 hours", "1 day", "1 week"
]  # fmt: skip


@router.get("/api/sync-metrics/trends")
def trends(
    _: Viewer,
    world: TheWorld,
    sf_object_name: NameQuery = None,
    direction: Way | None = None,
    interval_hours: Annotated[int, Query(ge=1, le=MOST_HOURS)] = 24,
    group_by_interval: Step = "1 hour",
    timezone: Annotated[str, Query(min_length=1, max_length=64, pattern=NO_NUL)] = "UTC",
) -> list[Bucket]:
    """Records that arrived on the other side. Every bucket is there, with zeros where nothing came; the last is under way.

    Buckets that begin within an hour (minutes, or a zone such as Asia/Kolkata) reach back as far as metrics are kept
    row by row.
    """
    if sf_object_name is not None:
        named.mapped([held.mapping for held in world.mapper.all()], sf_object_name)
    now = world.now()
    begin = buckets.starts(now, interval_hours, buckets.STEPS[group_by_interval], buckets.zone(timezone))
    fine = buckets.within_an_hour(begin)
    if fine and timedelta(hours=interval_hours) > timedelta(days=world.metrics_days):
        fine = group_by_interval in ("5 minutes", "15 minutes", "30 minutes")
    counts = world.rooms.trends.counts(begin, now, sobject=sf_object_name, direction=direction, fine=fine)
    return [
        Bucket(time=start, SF_TO_PG=counts.get((n, "SF_TO_PG"), 0), PG_TO_SF=counts.get((n, "PG_TO_SF"), 0))
        for n, start in enumerate(begin)
    ]
