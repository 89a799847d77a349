"""Dead letters: what could not succeed by waiting, grouped by reason, replayed or given up."""

from typing import Annotated, Literal

from fastapi import APIRouter, Query

from common.console.access import Operator, Viewer
from common.console.problems import ANSWERS
from common.console.shapes import MOST_IDS, Chosen, Done, Letter, LetterId, Limit, Reason, Replayed, WholeLetter
from common.console.world import TheWorld, World
from common.desk import Row
from common.errors import Terminal

router = APIRouter(tags=["dead letters"], responses=ANSWERS)


@router.get("/api/dead-letters")
def list_letters(
    _: Viewer,
    world: TheWorld,
    state: Annotated[Literal["kept", "replayed", "discarded"], Query()] = "kept",
    limit: Limit = 100,
) -> list[Letter]:
    """Newest first, without what they carry."""
    return [Letter(**row) for row in world.rooms.letters.newest(state=state, limit=limit)]


@router.get("/api/dead-letters/by-reason")
def count_letters(_: Viewer, world: TheWorld) -> list[Reason]:
    """What is kept, by reason, most first."""
    return [Reason(**row) for row in world.rooms.letters.by_reason()]


@router.get("/api/dead-letters/{number}")
def get_letter(number: LetterId, _: Viewer, world: TheWorld) -> WholeLetter:
    """One letter, whole."""
    return WholeLetter(**_found(world, [number])[0])


@router.post("/api/dead-letters/replay")
def replay_letters(chosen: Chosen, person: Operator, world: TheWorld) -> list[Replayed]:
    """Send letters on their way again, a thousand at most; what became of each.

    From Salesforce the record is read as it is now; from Postgres the edits are opened again.
    """
    found = _found(world, _ids(world, chosen))
    with world.audited("letters.replay", _subject(chosen, found), person, why=chosen.why) as entry:
        ended = [Replayed(id=number, words=words, done=done) for number, words, done in world.replay(found)]
        entry.after = [one.model_dump() for one in ended]
    return ended


@router.post("/api/dead-letters/discard")
def discard_letters(chosen: Chosen, person: Operator, world: TheWorld) -> Done:
    """Give letters up, a thousand at most, and with them the failed edits that they are about."""
    found = _found(world, _ids(world, chosen))
    with world.audited("letters.discard", _subject(chosen, found), person, why=chosen.why) as entry:
        edits = world.rooms.letters.close([letter["id"] for letter in found], "discarded", who=person.who)
        entry.after = {"letters": len(found), "edits": edits}
    return Done(
        done=len(found), notes=[f"{edits} failed edits of the change log are given up with them"] if edits else []
    )


def _ids(world: World, chosen: Chosen) -> list[int]:
    if bool(chosen.ids) == bool(chosen.reason):
        raise Terminal("nothing_chosen", "ids, or a reason", "Name one of the two.")
    return list(chosen.ids) or list(world.rooms.letters.kept_for(chosen.reason))[:MOST_IDS]


def _found(world: World, ids: list[int]) -> list[Row]:
    found = list(world.rooms.letters.find(ids)) if ids else []
    missing = set(ids) - {letter["id"] for letter in found}
    if missing or not found:
        names = ", ".join(map(str, sorted(missing))) or "to choose from"
        raise Terminal("letter_missing", f"there is no dead letter {names}", "Look at the list again.")
    return found


def _subject(chosen: Chosen, found: list[Row]) -> str:
    return f"{len(found)} letters" + (f" of {chosen.reason}" if chosen.reason else "")
