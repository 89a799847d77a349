"""First loads, comparisons of both sides, and what changed in the org's description."""

from typing import Annotated

from fastapi import APIRouter, Path

from common.console.access import Operator, Viewer
from common.console.problems import ANSWERS
from common.console.shapes import BIGGEST, Backfill, BackfillOrder, Comparison, Drift, Limit, NameQuery
from common.console.world import TheWorld

router = APIRouter(tags=["loads"], responses=ANSWERS)

Number = Annotated[int, Path(ge=1, le=BIGGEST, description="The backfill's number")]


@router.get("/api/backfills")
def list_backfills(_: Viewer, world: TheWorld, limit: Limit = 20) -> list[Backfill]:
    """How far first loads are, the latest first."""
    return [Backfill(**row) for row in world.backfills.status(limit=limit)]


@router.post("/api/backfills", status_code=201)
def start_backfill(order: BackfillOrder, person: Operator, world: TheWorld) -> Backfill:
    """Bring all records of an object over; 409 where one is under way."""
    with world.audited("backfill.start", order.object, person) as entry:
        begun = Backfill(**world.backfills.run(order.object, order.to, 0, person.who))
        entry.after = begun.model_dump(mode="json")
    return begun


@router.post("/api/backfills/{number}/pause")
def pause_backfill(number: Number, person: Operator, world: TheWorld) -> Backfill:
    """Stop after the slice that is under way."""
    with world.audited("backfill.pause", f"backfill {number}", person):
        return Backfill(**world.backfills.pause(number))


@router.post("/api/backfills/{number}/resume")
def resume_backfill(number: Number, person: Operator, world: TheWorld) -> Backfill:
    """Go on where it stopped."""
    with world.audited("backfill.resume", f"backfill {number}", person):
        return Backfill(**world.backfills.resume(number))


@router.post("/api/backfills/{number}/cancel")
def cancel_backfill(number: Number, person: Operator, world: TheWorld) -> Backfill:
    """Give it up after the slice that is under way; what was written stays."""
    with world.audited("backfill.cancel", f"backfill {number}", person):
        return Backfill(**world.backfills.cancel(number))


@router.get("/api/reconciliations")
def list_comparisons(_: Viewer, world: TheWorld, object: NameQuery = None, limit: Limit = 20) -> list[Comparison]:  # noqa: A002
    """What was compared, and what was found, the latest first."""
    return [Comparison(**row) for row in world.rooms.comparisons.past(object or "", limit)]


@router.get("/api/schema-drift")
def list_drift(_: Viewer, world: TheWorld) -> list[Drift]:
    """What changed in the org's description of mapped objects and waits for a person."""
    return [Drift(**row) for row in world.rooms.drifts.newest()]
