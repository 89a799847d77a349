"""Who wakes the drainer, and when it wakes itself: the schedule, a nudge, a commit that is heard."""

import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from typing import Protocol

from common import log, schedule
from common.clock import Clock
from common.errors import IsthmusError, Misconfigured, Transient
from common.flows import drain
from common.flows.drain import Drained
from common.ports import Log, Mappings, Topic
from common.schedule import Due, Pace
from common.turn import Turn

BUDGET_SECONDS = 50.0  #: one run; the next may be a minute after this one began
LOOK_SECONDS = 5.0  #: within a listen window: what was to be tried again later makes no noise when it is due
HEAR_SECONDS = 0.5  #: how long a listener that follows may be deaf to being told to end
AGAIN_SECONDS = (1.0, 60.0)  #: a follower without its database tries again after so long, doubled up to so long


class Ear(Protocol):
    """Hears of captured edits."""

    def wait(self, seconds: float) -> bool:
        """Return at once when something was captured since the last call, else after `seconds`."""
        ...


class Job(Protocol):
    """The job that calls us."""

    def schedule(self, *, fresh: bool = False) -> str: ...

    def reschedule(self, cron: str) -> bool: ...


@dataclass(frozen=True, slots=True)
class Rhythm:
    """How we set our own schedule."""

    job: Job
    due: Callable[[], Due]
    idle_minutes: int
    sleepy: bool


@dataclass(frozen=True)
class Drainer:
    """Drains when woken."""

    door: str
    log: Log
    topic: Topic
    mappings: Mappings
    listen: Callable[[], AbstractContextManager[Ear]]  #: opens a listener
    now: Clock
    rhythm: Rhythm | None = None  #: None: the schedule is a person's
    turn: Turn = field(default_factory=Turn)
    gather: Callable[[], int] | None = None  #: puts backlogs into Bulk API jobs, before the rest is drained
    pacing: threading.Lock = field(default_factory=threading.Lock)  #: who looked last has the last word on the schedule

    def scheduled(self, listen_seconds: float = 0, trace: str = "") -> int:
        """Drain; then, in a listen window, whenever something is captured. How many records.

        Raises:
            Transient, Misconfigured: what could not be published waits in the log.
        """
        began = time.monotonic()
        try:
            records = self._window(began, min(listen_seconds, BUDGET_SECONDS), trace)
        except IsthmusError:
            self._next(1, scheduled=True)
            raise
        self._next(records, scheduled=True)
        return records

    def nudged(self, trace: str = "") -> None:
        """Drain; a hundred nudges at once cost two drains. Where it raises, the nudge must come again."""
        with self.turn.unless_covered() as ours:
            records = self._drain(time.monotonic(), trace) if ours else 0
        if ours:
            self._next(records, scheduled=False)

    def follow(self, stopped: Callable[[], bool], pause: Callable[[float], object]) -> None:
        """Listen and drain until told to stop; a lost database is waited for.

        Args:
            pause: Waits so many seconds, or until told to stop.

        Raises:
            Misconfigured: a person must act.
        """
        wait = AGAIN_SECONDS[0]
        while not stopped():
            try:
                with self.listen() as ear:
                    wait = AGAIN_SECONDS[0]
                    self._follow(ear, stopped)
            except Transient as exc:
                log.trouble(self.door, exc)
                pause(wait)
                wait = min(wait * 2, AGAIN_SECONDS[1])

    def _follow(self, ear: Ear, stopped: Callable[[], bool]) -> None:
        looked = float("-inf")
        heard = True
        while not stopped():
            if heard or time.monotonic() - looked >= LOOK_SECONDS:
                with self.turn.alone():
                    looked = time.monotonic()
                    self._drain(looked, "", stopped)
            heard = ear.wait(HEAR_SECONDS)

    def _window(self, began: float, seconds: float, trace: str) -> int:
        if not seconds > 0:
            return self._alone(began, trace)
        try:
            opened = self.listen()
        except (Transient, Misconfigured) as exc:  # what waits is drained all the same, and edits wait for the schedule
            log.trouble(self.door, exc, trace=trace)
            return self._alone(began, trace)
        with opened as ear:
            records = self._alone(began, trace)
            while (left := began + seconds - time.monotonic()) > 0:
                try:
                    ear.wait(min(left, LOOK_SECONDS))
                except Transient as exc:  # deaf from now on: the window ends early
                    log.trouble(self.door, exc, trace=trace)
                    left = 0
                records += self._alone(began, trace)
                if not left:
                    break
        return records

    def _alone(self, began: float, trace: str) -> int:
        with self.turn.alone():
            return self._drain(began, trace)

    def _drain(self, began: float, trace: str, stopped: Callable[[], bool] = lambda: False) -> int:
        self.mappings.refresh()

        def go_on() -> bool:
            return time.monotonic() - began < BUDGET_SECONDS and not stopped()

        gathered = self.gather() if self.gather is not None else 0
        done: Drained = drain.run(self.log, self.topic, go_on=go_on, trace=trace)
        if done.records or gathered:
            log.run(self.door, "drain", trace=trace,
                    records=done.records, published=done.published, refused=done.refused, gathered=gathered)  # fmt: skip
        return done.records + gathered

    def _next(self, records: int, *, scheduled: bool) -> None:
        """Set our own schedule. A trouble with that is no trouble of the run, which is done."""
        if self.rhythm is None:
            return
        try:
            with self.pacing:
                self._reschedule(self.rhythm, records, scheduled=scheduled)
        except IsthmusError as exc:
            log.trouble(self.door, exc)

    def _reschedule(self, rhythm: Rhythm, records: int, *, scheduled: bool) -> None:
        current = rhythm.job.schedule()
        if not current:
            return  # paused by a person
        due = rhythm.due()
        due = replace(due, under_way=due.under_way or records > 0)
        pace: Pace = schedule.plan(
            self.now(), due, schedule.parse(current), scheduled=scheduled,
            idle_minutes=rhythm.idle_minutes, sleepy=rhythm.sleepy,
        )  # fmt: skip
        if rhythm.job.reschedule(pace.cron()):
            log.run(self.door, "rescheduled", cron=pace.cron())
