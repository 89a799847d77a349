"""What is done every hour: what is over is pruned, what was missed is found. A database that sleeps is not woken for nothing."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from common import bookmark, clock, log
from common.bookmark import Overtaken, Shelf
from common.comparing import is_compared
from common.flows import reconcile
from common.flows.reconcile import OVERLAP, SETTLED, World

PAGE = "reconcile"  #: the shelf's page that says when the database was seen last, and what to ask Salesforce meanwhile
BUDGET_SECONDS = 50.0  #: one run; what is left is for the next one, or goes through topic `work`
PRUNES = timedelta(days=1)  #: how long pruning may wait for a database that sleeps


@dataclass(frozen=True, slots=True)
class Hourly:
    """One run an hour."""

    world: World
    prune: Callable[[Callable[[], bool]], dict[str, int]]  #: as far as the time reaches; rows by kind
    keep_up: Callable[
        [Callable[[], bool]], dict[str, int]
    ]  #: what else rides on the hour; `filled` is what it has not ended
    shelf: Shelf | None = None  #: where a database that sleeps is looked after from; unset: it is opened each time

    def run(self, go_on: Callable[[], bool]) -> dict[str, object]:
        """Prune and compare; what was done.

        Raises:
            Transient, Misconfigured: what was done stays done.
        """
        if self.shelf and self._sleeps(self.shelf):
            log.run(self.world.door, "asleep")
            return {"pruned": {}, "compared": 0}
        gone = self.prune(go_on)
        log.run(self.world.door, "prune", rows=sum(gone.values()))
        kept = self.keep_up(go_on)
        begun = reconcile.scheduled(self.world, go_on)
        if self.shelf:
            self._write_down(self.shelf, busy=kept.get("filled", 0) > 0)
        return {"pruned": gone, "compared": begun} | kept

    def _sleeps(self, shelf: Shelf) -> bool:
        """Whether the database may sleep on: nothing is due, and Salesforce has nothing new for it."""
        seen = _decode(shelf.read(PAGE)[0])
        if seen is None or self.world.now() >= seen.opens_at or seen.channels != _channels(shelf):
            return False
        since = seen.compared_until - OVERLAP
        return not any(self.world.census.has_changed(sobject, since) for sobject in seen.objects)

    def _write_down(self, shelf: Shelf, *, busy: bool) -> None:
        now = self.world.now()
        mapped = [m for m in self.world.mappings.all() if m.active and is_compared(m)]
        due = self.world.runs.next_due()
        opens_at = now if busy else min(now + PRUNES, due or now + PRUNES)
        objects = sorted({m.sobject for m in mapped})
        seen = _Seen(opens_at, now - SETTLED, objects, _channels(shelf))
        try:
            shelf.write(PAGE, seen.encode(), shelf.read(PAGE)[1])
        except Overtaken:
            pass  # another run has seen as much


@dataclass(frozen=True, slots=True)
class _Seen:
    """What was known when the database was open."""

    opens_at: datetime  #: it is opened then, whatever Salesforce says
    compared_until: datetime
    objects: list[str] = field(default_factory=list)
    channels: list[str] = field(default_factory=list)  #: they change where mappings do

    def encode(self) -> bytes:
        held = {
            "opens_at": self.opens_at.isoformat(), "compared_until": self.compared_until.isoformat(),
            "objects": self.objects, "channels": self.channels,
        }  # fmt: skip
        return json.dumps(held, indent=1).encode()


def _decode(page: bytes) -> _Seen | None:
    """None where nothing is known, or nothing that we understand: then the database is opened."""
    try:
        held = json.loads(page)
        return _Seen(
            clock.parse(held["opens_at"]), clock.parse(held["compared_until"]), held["objects"], held["channels"]
        )
    except (ValueError, KeyError, TypeError):
        return None


def _channels(shelf: Shelf) -> list[str]:
    return [c.topic for c in bookmark.decode_channels(shelf.read(bookmark.CHANNELS)[0])]
