"""How many events were delivered in the last 24 hours: all subscribers share one allocation."""

from collections import deque
from collections.abc import Callable

HOUR_SECONDS = 3600
HOURS = 24


class Usage:
    """A rolling count, hour by hour; it starts anew with the process."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._hours: deque[list[int]] = deque()

    def add(self, count: int) -> None:
        hour = int(self._now() // HOUR_SECONDS)
        if not self._hours or self._hours[-1][0] != hour:
            self._hours.append([hour, 0])
        self._hours[-1][1] += count

    @property
    def delivered(self) -> int:
        oldest = int(self._now() // HOUR_SECONDS) - HOURS
        while self._hours and self._hours[0][0] <= oldest:
            self._hours.popleft()
        return sum(count for _, count in self._hours)

    def clear(self) -> None:
        self._hours.clear()
