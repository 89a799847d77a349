"""How things stand, and everything at once: paused, resumed."""

from fastapi import APIRouter

from common.console.access import Operator, Viewer
from common.console.problems import ANSWERS
from common.console.shapes import ApiBudget, Check, Done, Overview, Paused, Standing, Why
from common.console.world import TheWorld

router = APIRouter(tags=["overview"], responses=ANSWERS)


@router.get("/api/overview")
def overview(_: Viewer, world: TheWorld) -> Overview:
    """Is it well, since when not, how far behind, what failed."""
    checks = [Check(**row) for row in world.rooms.overview.checks()]
    states = {check.state for check in checks}
    paused = world.rooms.switch.paused()
    return Overview(
        state="trouble" if "trouble" in states else "warning" if "warning" in states else "ok",
        at=world.now(),
        paused=Paused(**paused) if paused else None,
        checks=checks,
        mappings=[Standing(**row) for row in world.rooms.overview.mappings()],
    )


@router.get("/api/api-budget")
def api_budget(_: Viewer, world: TheWorld) -> ApiBudget:
    """Salesforce API calls of today, what the org said of its limit, refused fields and Bulk API jobs."""
    return ApiBudget.model_validate(world.rooms.overview.api())


@router.post("/api/pause")
def pause_everything(asked: Why, person: Operator, world: TheWorld) -> Done:
    """Stop delivering everything, both ways; edits gather in the change log, messages wait in Pub/Sub."""
    with world.audited("everything.pause", "everything", person, why=asked.why):
        world.rooms.switch.pause(world.decision(person, asked.why))
    return Done(done=1)


@router.post("/api/resume")
def resume_everything(person: Operator, world: TheWorld) -> Done:
    """Deliver again. `done` counts edits that waited for API calls and are tried now."""
    with world.audited("everything.resume", "everything", person):
        return Done(done=world.rooms.switch.resume(world.now()))
