"""What a stream of Salesforce's events brings, and the ways it may end that call for more than another try."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from common.change import Change
from common.errors import Transient


@dataclass(frozen=True, slots=True)
class Channel:
    """A topic of Salesforce's event bus, and the object whose changes it tells."""

    topic: str  #: /data/AccountChangeEvent; case-sensitive
    sobject: str


@dataclass(frozen=True, slots=True)
class Lost:
    """Changes of an object that were not told one by one: all of its records have to be compared."""

    sobject: str
    reason: str  #: overflow, wildcard, unreadable, expired, delivery_limit


@dataclass(frozen=True, slots=True)
class Heard:
    """One answer of a stream. Without events it only tells how far the stream is."""

    place: bytes  #: the replay id after it
    events: int = 0
    changes: Sequence[Change] = ()  #: hints, of any number of objects
    lost: Sequence[Lost] = ()
    at: datetime | None = None  #: when the last of them was committed


class Broken(Transient):
    """A stream ended, or never began; `pause_seconds` is how long to leave it alone at least."""

    def __init__(self, reason: str, detail: str = "", hint: str = "", pause_seconds: float = 0.0) -> None:
        super().__init__(reason, detail, hint)
        self.pause_seconds = pause_seconds


class Expired(Transient):
    """The replay id is older than what Salesforce keeps: begin with what it still has."""


class Exhausted(Transient):
    """The org may not be told more events today: leave it alone."""


class Stream(Protocol):
    """One subscription. What it brings was not lost before it was asked for more."""

    def hear(self, seconds: float) -> Heard | None:
        """The next answer, waited for so long; None where none came.

        Raises:
            Broken, Expired, Exhausted: the stream has ended.
            Misconfigured: it has, and a person must act.
        """
        ...

    def ask(self) -> None:
        """Ask for the next events; what was heard is done with."""
        ...


class Events(Protocol):
    """Salesforce's event bus."""

    @property
    def org_id(self) -> str:
        """18 characters; logs in where that has not happened yet."""
        ...

    def subscribe(self, topic: str, place: bytes) -> AbstractContextManager[Stream]:
        """A subscription to what came after a place; without one to all that is kept. Asks for its first events."""
        ...
