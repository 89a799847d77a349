"""Fields that both sides wrote, and deletions that wait for a person."""

from typing import Annotated

from fastapi import APIRouter, Query

from common.console.access import Operator, Viewer
from common.console.problems import ANSWERS
from common.console.shapes import (
    Conflict,
    Done,
    Held,
    HeldRecord,
    Limit,
    NameQuery,
    NeededName,
    Replayed,
    Resolution,
    Verdict,
)
from common.console.world import TheWorld, World
from common.desk import Row
from common.errors import IsthmusError, Terminal
from common.mapping import Direction, Mapping

router = APIRouter(tags=["conflicts"], responses=ANSWERS)


@router.get("/api/conflicts")
def list_conflicts(
    _: Viewer, world: TheWorld, object: NameQuery = None,  # noqa: A002 as it is called everywhere
    settled: Annotated[bool | None, Query()] = False, limit: Limit = 100,
) -> list[Conflict]:  # fmt: skip
    """Newest first, with all three values and who won by the policy."""
    return [Conflict(**row) for row in world.rooms.conflicts.find(sobject=object, settled=settled, limit=limit)]


@router.post("/api/conflicts/resolve")
def resolve_conflicts(resolution: Resolution, person: Operator, world: TheWorld) -> list[Replayed]:
    """Let one side's value stand; the other side gets it. What became of each."""
    found = _numbered(world, resolution.ids)
    by_table = {held.mapping.table: held.mapping for held in world.mapper.all()}
    subject = f"{len(found)} conflicts"
    with world.audited("conflicts.resolve", subject, person, why=resolution.why, before=found) as entry:
        ended = [_resolved(world, k, by_table[k["table"]], resolution, person) for k in found]
        entry.after = {"take": resolution.take, "ended": [one.model_dump() for one in ended]}
    return ended


def _resolved(world: World, found: Row, mapping: Mapping, asked: Resolution, person: Operator) -> Replayed:
    try:
        words = world.rooms.conflicts.resolve(found, mapping, asked.take, world.decision(person, asked.why))
    except IsthmusError as exc:
        return Replayed(id=found["id"], done=False, words=str(exc))
    return Replayed(id=found["id"], done=True, words=words)


def _numbered(world: World, ids: list[int]) -> list[Row]:
    found = [k for number in ids for k in world.rooms.conflicts.find(number=number, settled=None)]
    missing = set(ids) - {k["id"] for k in found}
    if missing:
        names = ", ".join(map(str, sorted(missing)))
        raise Terminal("conflict_missing", f"there is no conflict {names}", "Look at the list again.")
    return found


# -- deletions -----------------------------------------------------------------------------------


@router.get("/api/held-deletions")
def list_held_deletions(_: Viewer, world: TheWorld) -> list[Held]:
    """What the guard against mass deletions holds, by table."""
    return [Held(**row) for row in world.rooms.held.by_table()]


@router.get("/api/held-deletions/records")
def list_held_records(_: Viewer, world: TheWorld, table: NeededName, limit: Limit = 100) -> list[HeldRecord]:
    """The held deletions of a table, oldest first."""
    found = list(world.rooms.held.records(table, limit))
    for known in world.mapper.all():
        if known.mapping.table == table and len(found) < limit:
            found += world.rooms.held.rows(known.mapping, limit - len(found))
            break
    return [HeldRecord(**row) for row in found]


@router.post("/api/held-deletions/allow")
def allow_deletions(verdict: Verdict, person: Operator, world: TheWorld) -> Done:
    """Delete the records in Salesforce, or the rows whose records Salesforce deleted."""
    return _decided(world, verdict, person, allowed=True)


@router.post("/api/held-deletions/refuse")
def refuse_deletions(verdict: Verdict, person: Operator, world: TheWorld) -> Done:
    """Keep the records, and bring their rows back; or keep the rows whose records Salesforce deleted."""
    return _decided(world, verdict, person, allowed=False)


def _decided(world: World, verdict: Verdict, person: Operator, *, allowed: bool) -> Done:
    mapping = _held(world, verdict)
    deed = f"deletions.{'allow' if allowed else 'refuse'}"
    with world.audited(deed, f"{mapping.sobject} {verdict.road}", person, why=verdict.why) as entry:
        entry.after = world.decide_deletions(mapping, verdict.road, allowed, world.decision(person, verdict.why))
    return Done(done=entry.after)


def _held(world: World, verdict: Verdict) -> Mapping:
    """The mapping of a table whose deletions are held on that road; the one that sends, where there are several."""
    held = {row["table"] for row in world.rooms.held.by_table() if row["road"] == verdict.road}
    found = [
        known.mapping
        for known in world.mapper.all()
        if known.mapping.table in held
        and verdict.object.lower() in (known.mapping.sobject.lower(), known.mapping.table)
    ]
    if not found:
        raise Terminal(
            "nothing_held", f"no deletion of {verdict.object} {verdict.road} is held", "Look at the list again."
        )
    return max(found, key=lambda m: m.direction is not Direction.SF_TO_PG)
