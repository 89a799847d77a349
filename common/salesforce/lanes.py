"""How many calls may be under way at a time, and which of them must not meet.

Children of one parent lock it while they are saved (UNABLE_TO_LOCK_ROW), and a record must never be in two calls.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

CALLS = 4  #: at a time, by default; Salesforce takes 25 that last over 20 s, and others want some of them
MAX_CALLS = 20
WAIT_SECONDS = 30.0  #: for a free lane; then the records go back to the log, for their push is answered within a minute


class Lanes:
    """A gate for one process."""

    def __init__(self, calls: int = CALLS) -> None:
        self._free = min(calls, MAX_CALLS)
        self._taken: set[str] = set()
        self._changed = threading.Condition()

    @contextmanager
    def through(self, keys: frozenset[str], seconds: float = WAIT_SECONDS) -> Iterator[bool]:
        """Wait until a lane is free and nobody in another one holds any of the keys; whether that came true in time."""
        entered = self._enter(keys, time.monotonic() + seconds)
        try:
            yield entered
        finally:
            if entered:
                self._leave(keys)

    def _enter(self, keys: frozenset[str], deadline: float) -> bool:
        with self._changed:
            while not self._free or not self._taken.isdisjoint(keys):
                left = deadline - time.monotonic()
                if left <= 0 or not self._changed.wait(left):
                    return False
            self._free -= 1
            self._taken |= keys
            return True

    def _leave(self, keys: frozenset[str]) -> None:
        with self._changed:
            self._free += 1
            self._taken -= keys
            self._changed.notify_all()
