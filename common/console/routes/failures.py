"""Edits that Salesforce refused for good."""

from typing import Annotated

from fastapi import APIRouter, Query

from common.console.access import Operator, Viewer
from common.console.problems import ANSWERS
from common.console.shapes import (
    NO_NUL,
    ChosenFailures,
    Done,
    FailedEdit,
    Failure,
    Limit,
    NameQuery,
    NeededName,
)
from common.console.world import TheWorld, World
from common.desk import Row
from common.errors import Terminal

router = APIRouter(tags=["failures"], responses=ANSWERS)

Record = Annotated[str, Query(min_length=1, max_length=500, pattern=NO_NUL, description="The row's key")]


@router.get("/api/failures")
def list_failures(
    _: Viewer, world: TheWorld, object: NameQuery = None, reason: NameQuery = None, limit: Limit = 100  # noqa: A002 as it is called everywhere
) -> list[Failure]:  # fmt: skip
    """One row for each record, the oldest failure first."""
    return [Failure(**row) for row in world.rooms.failures.find(sobject=object, reason=reason, limit=limit)]


@router.get("/api/failures/edits")
def list_failed_edits(_: Viewer, world: TheWorld, table: NeededName, record: Record) -> list[FailedEdit]:
    """A record's failed edits, in their order, with all values."""
    return [FailedEdit(**row) for row in world.rooms.failures.edits(table, record)]


@router.post("/api/failures/retry")
def retry_failures(chosen: ChosenFailures, person: Operator, world: TheWorld) -> Done:
    """Try them once more, in their order; later edits of the records go with them."""
    found, subject = _chosen(world, chosen)
    with world.audited("failures.retry", subject, person, why=chosen.why) as entry:
        edits = world.rooms.failures.retry(found, world.decision(person, chosen.why))
        entry.after = {"records": len(found), "edits": edits}
    return Done(done=edits)


@router.post("/api/failures/ignore")
def ignore_failures(chosen: ChosenFailures, person: Operator, world: TheWorld) -> Done:
    """Give them up: Salesforce never gets them. The rows keep their values until their records change."""
    found, subject = _chosen(world, chosen)
    with world.audited("failures.ignore", subject, person, why=chosen.why) as entry:
        edits = world.rooms.failures.ignore(found, world.decision(person, chosen.why))
        entry.after = {"records": len(found), "edits": edits}
    return Done(done=edits)


def _chosen(world: World, chosen: ChosenFailures) -> tuple[list[Row], str]:
    filters = [f for f in (chosen.object, chosen.record, chosen.reason) if f]
    if chosen.all == bool(filters):
        raise Terminal("nothing_chosen", "an object, a record or a reason", "Name one of them, or say all.")
    found = list(
        world.rooms.failures.find(
            sobject=chosen.object or None, record=chosen.record or None, reason=chosen.reason or None, limit=1_000_000
        )
    )
    if not found:
        raise Terminal(
            "nothing_failed", f"no failed edit of {' '.join(filters) or 'any record'}", "Look at the list again."
        )
    return found, " ".join(filters) or "all"
