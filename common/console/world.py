"""What the console is given by its door."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from fastapi import Depends, Request

from common.clock import Clock
from common.console.access import Access, Person
from common.console.watch import Watch
from common.desk import Backfills, Catalogue, Decision, Mapper, Rooms, Row, Schedules
from common.errors import IsthmusError
from common.mapping import Mapping


@dataclass(frozen=True)
class World:
    """Everything that a request may look at or do."""

    access: Access
    now: Clock
    mapper: Mapper
    catalogue: Catalogue
    rooms: Rooms
    replay: Callable[[Sequence[Row]], Iterable[tuple[int, str, bool]]]  #: id, what was done or why not, whether it was
    decide_deletions: Callable[[Mapping, str, bool, Decision], int]  #: road, whether they may go
    backfills: Backfills
    schedules: Schedules | None  #: None where the drainer's schedule is a person's
    watch: Watch
    page: Path  #: the built page's folder; it may be missing
    threads: int = 4  #: requests that work at a time: each thread holds one connection to the database
    metrics_days: int = 7  #: how long metrics are kept row by row

    def decision(self, person: Person, why: str = "") -> Decision:
        return Decision(person.who, why, self.now())

    @contextmanager
    def audited(
        self, action: str, subject: str, person: Person, *, why: str = "", before: Any = None
    ) -> Iterator["Entry"]:
        """Write down what is done inside: before it is begun, and how it ended."""
        number = self.rooms.audit.begin(action, subject, self.decision(person, why), before)
        entry = Entry()
        try:
            yield entry
        except IsthmusError as exc:
            self.rooms.audit.end(number, self.now(), None, exc.reason)
            raise
        self.rooms.audit.end(number, self.now(), entry.after)


@dataclass
class Entry:
    """What an audited action leaves behind."""

    after: Any = None


def _world(request: Request) -> World:
    world: World = request.app.state.world
    return world


TheWorld = Annotated[World, Depends(_world)]
