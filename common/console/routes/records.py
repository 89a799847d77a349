"""Edits in the change log, the journey of one record, and what people did."""

from typing import Annotated, Literal

from fastapi import APIRouter, Query

from common.console.access import Viewer
from common.console.problems import ANSWERS
from common.console.shapes import NO_NUL, Audited, Before, Edit, Edits, Limit, NameQuery, NeededName, Step
from common.console.world import TheWorld

router = APIRouter(tags=["records"], responses=ANSWERS)

State = Literal["new", "claimed", "sending", "retry", "done", "merged", "failed", "ignored"]


@router.get("/api/change-log")
def search_change_log(
    _: Viewer, world: TheWorld, object: NameQuery = None,  # noqa: A002 as it is called everywhere
    record: Annotated[str | None, Query(min_length=1, max_length=500, pattern=NO_NUL)] = None,
    state: State | None = None, before: Before = None, limit: Limit = 50,
) -> Edits:  # fmt: skip
    """Edits of mapped tables, newest first. One answer looks through a slice of the log: `before` says where to go on."""
    found, further = world.rooms.records.search(sobject=object, record=record, state=state, before=before, limit=limit)
    return Edits(edits=[Edit(**row) for row in found], before=further)


@router.get("/api/journey")
def journey(
    _: Viewer, world: TheWorld, object: NeededName,  # noqa: A002 as it is called everywhere
    record: Annotated[str, Query(min_length=1, max_length=500, pattern=NO_NUL, description="Key, or Salesforce id")],
) -> list[Step]:  # fmt: skip
    """What happened to one record: captured, sent, applied, echoed, buried, conflicted, settled; oldest first."""
    return [Step(**row) for row in world.rooms.records.journey(object, record)]


@router.get("/api/audit")
def audit(_: Viewer, world: TheWorld, before: Before = None, limit: Limit = 100) -> list[Audited]:
    """What people did here, newest first: who, what, when, before, after."""
    return [Audited(**row) for row in world.rooms.audit.newest(before=before, limit=limit)]
