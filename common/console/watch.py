"""Looks for news while somebody watches, for all who watch with one look, ever more seldom while nothing happens."""

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass

import anyio
from anyio import to_thread

LIFE_SECONDS = 300.0  #: of a stream; a page that is left open asks for nothing after that
FIRST_WAIT = 2.0
LONGEST_WAIT = 30.0  #: between two looks
SLOWER = 1.5  #: each wait after a look that found nothing


@dataclass(frozen=True, slots=True)
class Event:
    name: str  #: changed, still, ended
    mark: str = ""


class Watch:
    """Tells whoever watches that something has changed.

    Args:
        look: A text that differs once something has changed; it may block.
    """

    def __init__(
        self, look: Callable[[], str], *, sleep: Callable[[float], Awaitable[None]] = anyio.sleep,
        now: Callable[[], float] = time.monotonic,
    ) -> None:  # fmt: skip
        self._look = look
        self._sleep = sleep
        self._now = now
        self._mark = ""
        self._looked_at = float("-inf")
        self._lock: anyio.Lock | None = None

    async def events(self) -> AsyncIterator[Event]:
        """`changed` at once and at each change, `still` at each look that found none, `ended` when its time is up."""
        end, wait = self._now() + LIFE_SECONDS, FIRST_WAIT
        seen = await self._latest(FIRST_WAIT)
        yield Event("changed", seen)
        while self._now() + wait < end:
            await self._sleep(wait)
            mark = await self._latest(wait / 2)
            if mark == seen:
                wait = min(LONGEST_WAIT, wait * SLOWER)
                yield Event("still", mark)  # a proxy closes what is silent; a reader who has gone is noticed
            else:
                seen, wait = mark, FIRST_WAIT
                yield Event("changed", mark)
        yield Event("ended")

    async def _latest(self, not_older_than: float) -> str:
        """The mark; one look serves everybody who asks within so many seconds."""
        if self._lock is None:
            self._lock = anyio.Lock()
        async with self._lock:
            if self._now() - self._looked_at >= not_older_than:
                self._mark = await to_thread.run_sync(self._look)
                self._looked_at = self._now()
            return self._mark
