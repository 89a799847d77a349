"""Fields that joined a live mapping, or whose rules changed: they alone are read, for every row, without reloading the table."""

from collections.abc import Callable
from dataclasses import dataclass

from common.clock import Clock
from common.flows.to_postgres import look_later
from common.ports import Pages, Refill, Refills, Topic

PAGE = 2000  #: records in one query


@dataclass(frozen=True, slots=True)
class World:
    """What this journey needs."""

    refills: Refills
    org: Pages
    topic: Topic  #: where records are asked for that must be read whole
    now: Clock


def run(world: World, go_on: Callable[[], bool]) -> int:
    """Go on with every refill, page by page, while there is time; how many rows were written.

    It may end at any moment: what was read is written down with the rows, and reading it again changes nothing.

    Raises:
        Transient, Misconfigured: the refill stays where it is.
    """
    written = 0
    while go_on():
        due = world.refills.open()
        if not due:
            break
        written += _step(due[0], world)
    return written


def _step(refill: Refill, world: World) -> int:
    read = world.org.page(refill.mapping, refill.fields, refill.after_id, PAGE) if refill.fields else ()
    if not read:
        world.refills.end(refill)
        return 0
    written, whole = world.refills.fill(refill, read)
    if whole:
        now = world.now()
        wishes = [look_later(refill.mapping, i, now, f"refill/{i}/{now.isoformat()}") for i in whole]
        world.topic.publish(wishes)
    return written
