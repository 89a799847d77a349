"""A bell: whoever waits for work on a subscription hears at once when there may be some."""

import threading


class Bell:
    """Counts its rings, so that a ring between looking and waiting is not missed."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._rings = 0

    @property
    def rings(self) -> int:
        return self._rings

    def ring(self) -> None:
        with self._condition:
            self._rings += 1
            self._condition.notify_all()

    def wait(self, heard: int, timeout: float | None) -> None:
        """Return once the bell has rung more than `heard` times, or `timeout` seconds have passed."""
        with self._condition:
            self._condition.wait_for(lambda: self._rings != heard, timeout)
