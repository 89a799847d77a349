"""The schedules that wake the doors: paused, resumed, run at once."""

from typing import Annotated

from fastapi import APIRouter, Path

from common.console.access import Operator, Viewer
from common.console.problems import ANSWERS
from common.console.shapes import Done, Schedule
from common.console.world import TheWorld, World
from common.desk import Schedules
from common.errors import Terminal

router = APIRouter(tags=["schedules"], responses=ANSWERS)

JobName = Annotated[str, Path(min_length=1, max_length=500, pattern=r"^[\w-]+$")]


@router.get("/api/schedules")
def list_schedules(_: Viewer, world: TheWorld) -> list[Schedule]:
    """Every schedule of this deployment; none where SCHEDULE_JOB is not set."""
    return [Schedule(**row) for row in world.schedules.all()] if world.schedules else []


@router.post("/api/schedules/{name}/pause")
def pause_schedule(name: JobName, person: Operator, world: TheWorld) -> Done:
    """Let it rest: nothing wakes its door but messages and people."""
    with world.audited("schedule.pause", name, person):
        _there(world, name).pause(name)
    return Done(done=1)


@router.post("/api/schedules/{name}/resume")
def resume_schedule(name: JobName, person: Operator, world: TheWorld) -> Done:
    """Let it go on."""
    with world.audited("schedule.resume", name, person):
        _there(world, name).resume(name)
    return Done(done=1)


@router.post("/api/schedules/{name}/run")
def run_schedule(name: JobName, person: Operator, world: TheWorld) -> Done:
    """Call its door now, beside the schedule."""
    with world.audited("schedule.run", name, person):
        _there(world, name).run(name)
    return Done(done=1)


def _there(world: World, name: str) -> Schedules:
    if world.schedules is None:
        raise Terminal("schedule_missing", f"there is no schedule {name}", "Set SCHEDULE_JOB for the console.")
    return world.schedules
