"""The event log: what was published in the last 72 hours, in order, found by replay id."""

import threading
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

RETENTION_SECONDS = 72 * 3600.0
MAX_EVENTS = 200_000  #: kept at most, so that memory stays bounded whatever is written in 72 hours
TRIM_FROM = 1000
REPLAY_TAIL = b"\x00\x00"


@dataclass(frozen=True, slots=True)
class Event:
    """One event as it is delivered."""

    number: int  #: its place in the log
    replay: int  #: what its replay id says: its place, unless it repeats another event
    entity: str  #: the object, or the platform event
    id: str
    schema_id: str
    payload: bytes

    @property
    def replay_id(self) -> bytes:
        return replay_id(self.replay)


def replay_id(number: int) -> bytes:
    """Ten bytes, as in captures."""
    return number.to_bytes(8, "big") + REPLAY_TAIL


def replay_number(given: bytes) -> int | None:
    """The place that a replay id stands for; None when it is none. Without its zero tail it is one too: the Node client
    keeps ids as numbers, and goes on from them.
    """
    return int.from_bytes(given[:8], "big") if given[8:] in (b"", REPLAY_TAIL) and len(given) >= 8 else None


class Unmade(Protocol):
    """What makes a batch's events when they are first needed."""

    def __call__(self) -> list[Event]: ...


class Batch:
    """Events that entered the log together, made when somebody reads them."""

    __slots__ = ("_events", "_make", "at", "first", "last")

    def __init__(self, first: int, last: int, at: float, made: list[Event] | None, make: Unmade | None = None) -> None:
        self.first = first
        self.last = last
        self.at = at
        self._events = made
        self._make = make

    @property
    def size(self) -> int:
        """How many events it may hold."""
        return self.last - self.first + 1

    def events(self) -> list[Event]:
        if self._events is None:
            self._events = self._make() if self._make else []
            self._make = None
        return self._events


class Log:
    """Numbers rise, with holes; a batch of no events only marks a moment, so that its number can expire."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._lock = threading.RLock()
        self._batches: list[Batch] = []
        self._lasts: list[int] = []
        self._start = 0
        self._events = 0
        self.floor = 0  #: everything up to here has expired
        self.newest = 1_000_000  #: the last number that was given
        self.on_append: Callable[[], None] = lambda: None

    def reserve(self, count: int) -> int:
        """The first of `count` numbers in a row; the holes between such rows are part of the contract."""
        first = self.newest + 1 + count % 3
        self.newest = first + max(count, 1) - 1
        return first

    def resume(self, floor: int, newest: int) -> None:
        """Go on where a journal ended."""
        self.expire_all()
        self.newest = max(self.newest, newest)
        self.floor = floor

    def append(self, batch: Batch) -> None:
        with self._lock:
            self.newest = max(self.newest, batch.last)
            self._batches.append(batch)
            self._lasts.append(batch.last)
            self._events += batch.size
            while self._events > MAX_EVENTS and self._start < len(self._batches) - 1:
                self._drop_oldest()
        self.on_append()

    def _drop_oldest(self) -> None:
        batch = self._batches[self._start]
        self._events -= batch.size
        self.floor = max(self.floor, batch.last)
        self._start += 1
        if self._start >= TRIM_FROM:
            del self._batches[: self._start], self._lasts[: self._start]
            self._start = 0

    def expire(self) -> None:
        """Forget what is older than the retention."""
        with self._lock:
            oldest = self._now() - RETENTION_SECONDS
            while self._start < len(self._batches) and self._batches[self._start].at < oldest:
                self._drop_oldest()

    def expire_all(self) -> None:
        """Forget everything so far; replay ids handed out before are no longer valid."""
        with self._lock:
            while self._start < len(self._batches):
                self._drop_oldest()
            self.floor = self.newest

    def is_valid(self, number: int) -> bool:
        """Whether one may resume after this number."""
        self.expire()
        return self.floor < number <= self.newest

    def earliest(self) -> int:
        """The place before the oldest kept event."""
        self.expire()
        return self.floor

    def read(self, after: int, entities: frozenset[str], limit: int, max_bytes: int) -> tuple[list[Event], int]:
        """Up to `limit` events of these objects after a place, and the place to read on from."""
        self.expire()
        found: list[Event] = []
        size = 0
        with self._lock:
            for event in self._after(after):
                if event.entity not in entities:
                    continue
                size += len(event.payload)
                if len(found) == limit or (found and size > max_bytes):
                    return found, found[-1].number
                found.append(event)
            return found, max(after, self.tip)

    def _after(self, number: int) -> Iterator[Event]:
        place = max(self._start, bisect_right(self._lasts, number, lo=self._start))
        for batch in self._batches[place:]:
            for event in batch.events():
                if event.number > number:
                    yield event

    def last_events(self, entities: frozenset[str] | None, limit: int) -> list[Event]:
        """The newest events, the oldest of them first."""
        found: list[Event] = []
        with self._lock:
            for batch in reversed(self._batches[self._start :]):
                found += [e for e in reversed(batch.events()) if entities is None or e.entity in entities]
                if len(found) >= limit:
                    break
        return found[:limit][::-1]

    def batches(self) -> Iterable[Batch]:
        """All that is kept, the oldest first."""
        with self._lock:
            return self._batches[self._start :]

    @property
    def tip(self) -> int:
        """The place of what entered last."""
        return self._lasts[-1] if self._lasts else self.floor

    def newest_at(self) -> float:
        """When the newest batch entered; 0 for an empty log."""
        return self._batches[-1].at if self._start < len(self._batches) else 0.0
