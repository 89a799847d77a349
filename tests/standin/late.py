"""Work that is done later, on the stand-in's clock: when the time has come, or when the clock is moved there."""

import asyncio
import heapq
from collections.abc import Callable
from itertools import count

from tests.standin.clock import Clock

Work = Callable[[], object]


class Late:
    """Belongs to the event loop: whoever adds work or moves the clock runs there. Ends with the process."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._waiting: list[tuple[float, int, Work, asyncio.Event]] = []
        self._number = count()

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, seconds: float, work: Work) -> asyncio.Event:
        """Do the work that many seconds from now; the event is set when it is done."""
        done = asyncio.Event()
        heapq.heappush(self._waiting, (self._clock.now() + seconds, next(self._number), work, done))
        asyncio.get_running_loop().call_later(seconds, self.run_due)
        return done

    def run_due(self) -> None:
        """Do what is due, in order."""
        while self._waiting and self._waiting[0][0] <= self._clock.now():
            _, _, work, done = heapq.heappop(self._waiting)
            work()
            done.set()

    def clear(self) -> None:
        """Forget what has not been done."""
        for *_, done in self._waiting:
            done.set()
        self._waiting.clear()
