"""Many ask for the same at once: it is done once or twice, and all of them are served."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
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


class Together:
    """Does one thing for all who asked before it began, at most once in so many seconds. Safe to share between threads.

    Args:
        work: What is to be done. Where it raises, everybody whom it was done for is told.
        gap_seconds: From the end of one to the beginning of the next; who asks after a longer pause does not wait.
    """

    def __init__(
        self, work: Callable[[], None], gap_seconds: float, *,
        pause: Callable[[float], None] = time.sleep, clock: Callable[[], float] = time.monotonic,
    ) -> None:  # fmt: skip
        self._work = work
        self._gap = gap_seconds
        self._pause = pause
        self._clock = clock
        self._running = threading.Lock()
        self._lock = threading.Lock()
        self._next: Future[None] | None = None  # the one that has not begun
        self._ended = float("-inf")

    def do(self) -> None:
        """Return once it was done, begun after this call."""
        with self._lock:
            ours = self._next is None
            shared = self._next = self._next or Future()
        if ours:
            self._lead(shared)
        shared.result()

    def _lead(self, shared: Future[None]) -> None:
        with self._running:
            self._pause(max(0.0, self._ended + self._gap - self._clock()))
            with self._lock:
                self._next = None
            try:
                self._work()
            except BaseException as exc:  # noqa: BLE001 - it is raised by result() for everyone, this one included
                shared.set_exception(exc)
            else:
                shared.set_result(None)
            finally:
                self._ended = self._clock()
