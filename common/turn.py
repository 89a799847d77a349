"""Many ask for the same at once: one does it, one waits, the others are covered by the one who waits."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Turn:
    """One at a time. Safe to share between threads.

    Whoever comes while another one waits need not wait too: the one who waits has not begun, so it will see all that
    was written before. At most two threads are ever busy with it, however many ask.
    """

    def __init__(self) -> None:
        self._running = threading.Lock()
        self._waiting = threading.Lock()

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Wait for the turn, however many wait; nobody is covered by this one."""
        with self._running:
            yield

    @contextmanager
    def unless_covered(self) -> Iterator[bool]:
        """Wait for the turn: True. False at once where another one waits, who will do it in our stead.

        Only for those who come again where they fail: they answer for those whom they cover.
        """
        if not self._waiting.acquire(blocking=False):
            yield False
            return
        try:
            self._running.acquire()
        finally:
            self._waiting.release()  # before it begins: who comes from now on may have written something new
        try:
            yield True
        finally:
            self._running.release()
