"""The stand-in's clock: real time, moved by tests; and the texts that Salesforce makes of it."""

import time
from datetime import UTC, datetime


class Clock:
    """Wall-clock time plus an offset that the control API moves."""

    def __init__(self) -> None:
        self.offset_seconds = 0.0
        self._second = -1
        self._stamp = ""

    def now(self) -> float:
        return time.time() + self.offset_seconds

    def move(self, seconds: float) -> None:
        self.offset_seconds += seconds

    def stamp(self) -> str:
        """Now as audit fields have it: whole seconds, `.000+0000`."""
        second = int(self.now())
        if second != self._second:
            self._stamp, self._second = rest_time(second), second
        return self._stamp


def rest_time(epoch_seconds: float) -> str:
    """A moment as REST writes it; whole seconds."""
    return datetime.fromtimestamp(int(epoch_seconds), UTC).strftime("%Y-%m-%dT%H:%M:%S.000+0000")


def http_date(epoch_seconds: float) -> str:
    return datetime.fromtimestamp(int(epoch_seconds), UTC).strftime("%a, %d %b %Y %H:%M:%S GMT")


def epoch_of(rest: str) -> float:
    """Seconds since 1970 of a REST time."""
    return datetime.strptime(rest, "%Y-%m-%dT%H:%M:%S.%f%z").timestamp()
