"""Objects that change in Salesforce: looked at now and then, and at once where a read is refused for a field."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from common import drift
from common.clock import Clock
from common.drift import Drift
from common.mapping import Mapping
from common.ports import Describer, Looks, Mappings

PAUSE = timedelta(minutes=1)  #: between two looks that refused reads ask for


@dataclass(frozen=True, slots=True)
class World:
    """What this journey needs."""

    mappings: Mappings
    org: Describer
    looks: Looks
    now: Clock


def look(world: World, sobject: str = "", *, anew: bool = False) -> list[tuple[Mapping, Drift]]:
    """Look at the objects of all mappings, or at one: what changed, each change once. An unchanged object costs one call.

    What is safe is carried out; a field that could lose something is stopped. Both in one transaction with the note.

    Args:
        anew: Ask for the whole description, whatever Salesforce says of its age: permissions may have changed.

    Raises:
        Transient, Misconfigured: what was found until then stands.
    """
    world.mappings.refresh()
    found = []
    for mapping in [m for m in world.mappings.all() if m.active and sobject.lower() in ("", m.sobject.lower())]:
        found += [(mapping, d) for d in _look(mapping, world, anew)]
    if found:
        world.mappings.refresh()
    return found


class Notice:
    """Looks at an object anew because a read of it was refused; says whether its mappings are others now.

    A refusal that no look can heal comes again with each message: once a minute is looked. Safe to share between threads.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self._looked: dict[str, datetime] = {}

    def __call__(self, sobject: str) -> bool:
        now = self._world.now()
        if now - self._looked.get(sobject, now - PAUSE) < PAUSE:
            return False
        self._looked[sobject] = now
        return bool(look(self._world, sobject, anew=True))


def _look(mapping: Mapping, world: World, anew: bool) -> Sequence[Drift]:
    known = world.looks.known(mapping)
    since = "" if anew or mapping.stopped else known.modified  # what a user may see has no age
    described = world.org.describe(mapping.sobject, since)
    if described is None:
        return []
    now = {s.name: s for s in described.shapes}
    if not any(s.durable_id for s in described.shapes):  # the user may not see them: what was known of them stays true
        now = {n: drift.with_id(s, known.shapes.get(n)) for n, s in now.items()}
    seen = drift.compare(mapping, known.shapes, now)
    world.looks.keep(mapping, seen, described, world.now())
    return seen.drifts
