"""A first load: what a backfill is, how far it is, and what its journey needs from the world."""

import csv
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from common.change import UNSTAMPED, Change
from common.mapping import Direction, Mapping
from common.ports import BulkEnd, Spent

SLICE = 50_000  #: records in a slice: some seconds of work, some megabytes of memory, row locks for under a second
TO_SALESFORCE_SLICE = 10_000  #: rows; from so many waiting edits on, they go through the Bulk API

ASKING, RUNNING = "asking", "running"
OPEN = (ASKING, RUNNING)  #: states that do not last; the others: done, failed, cancelled

PutAside = Callable[[Sequence[Change]], None]  #: sends records by the road that changes take


@dataclass(frozen=True, slots=True)
class Backfill:
    """One mapping's records on their way from one side to the other, slice by slice."""

    id: int
    mapping_id: int
    direction: Direction  #: SF_TO_PG or PG_TO_SF
    state: str  #: asking, running, done, failed, cancelled
    paused: bool
    slice_records: int
    sf_job: str = ""  #: the query at Salesforce
    read_at: datetime = UNSTAMPED  #: when that query was asked: the version of everything it brings


@dataclass(frozen=True, slots=True)
class Watched:
    """How far a query job is at Salesforce."""

    end: BulkEnd
    records: int = 0  #: all of them once it is complete
    error: str = ""  #: Salesforce's words where it failed


@dataclass(frozen=True, slots=True)
class Page:
    """A part of a complete job's answer, as CSV without its title line: every cell in quotes, null as `""`, LF at line ends.

    Columns stand in the query's order; booleans are true and false, times are ISO with Z, numbers Java's (`9.12E8`).
    """

    titles: Sequence[str]
    records: int
    following: str  #: the next page's locator; empty after the last
    chunks: Iterator[bytes]  #: to be read while the page is open


def cells(chunks: Iterator[bytes]) -> Iterator[list[str]]:
    """A page's rows, cell by cell; null is empty text. Line ends within a cell stay as they are."""
    return csv.reader(_lines(chunks))


def _lines(chunks: Iterator[bytes]) -> Iterator[str]:
    held = b""
    for chunk in chunks:
        *whole, held = (held + chunk).split(b"\n")
        yield from (line.decode() + "\n" for line in whole)
    if held:
        yield held.decode()


@dataclass(frozen=True, slots=True)
class Loaded:
    """What became of a slice's records."""

    records: int
    written: int = 0
    stale: int = 0  #: an equal or newer version stood there already
    aside: int = 0  #: sent by the road that changes take: edits, deletions or rows born here are in the way
    close: Sequence[tuple[str, datetime]] = ()  #: ids and stamps that were read too soon after their last change
    family: Sequence[str] = ()  #: ids whose parents and children are to be looked at


class Query(Protocol):
    """Query jobs at Salesforce."""

    def ask(self, mapping: Mapping) -> str:
        """Begin a query of all records of a mapping; its job's id."""
        ...

    def watch(self, job_id: str) -> Watched: ...

    def page(self, job_id: str, locator: str = "", *, most: int | None = None) -> AbstractContextManager[Page]: ...

    def abandon(self, job_id: str) -> None: ...

    def spent(self) -> Spent: ...


class Turn(Protocol):
    """A slice that is ours while a transaction lasts; whoever dies gives it back."""

    @property
    def place(self) -> str:
        """Where it begins: a locator, or a key."""
        ...

    def load(self, mapping: Mapping, page: Page, backfill: Backfill, put_aside: PutAside) -> Loaded:
        """Stream a page into a staging table and merge it, newest version wins.

        Raises:
            Transient: nothing was written.
            Terminal: the page does not serve this mapping.
        """
        ...

    def capture(self, mapping: Mapping, limit: int) -> tuple[Loaded, str]:
        """Write rows that Salesforce never had into the change log; with the key after which the next slice begins."""
        ...


class Backfills(Protocol):
    """The backfills in the database."""

    def find(self, backfill_id: int) -> Backfill | None: ...

    def asked(self, backfill: Backfill, sf_job: str, read_at: datetime) -> Backfill:
        """Keep which query Salesforce works on."""
        ...

    def answered(self, backfill: Backfill, records: int) -> None:
        """Salesforce knows the answer: it has so many records, and the first slice may begin."""
        ...

    def turn(self, backfill: Backfill, number: int) -> AbstractContextManager[Turn | None]:
        """Take a slice; None where it is done, not known, or somebody else's."""
        ...

    def finish(self, backfill: Backfill, number: int, loaded: Loaded, following: str, seconds: float) -> bool:
        """A slice is done, and the next one may begin; whether there is a next one."""
        ...

    def waiting(self, backfill: Backfill) -> int | None:
        """The slice that is to be done next."""
        ...

    def end(self, backfill: Backfill, state: str, error: str = "") -> None:
        """It is over."""
        ...

    def unsent(self, mapping: Mapping) -> int:
        """How many rows Salesforce never had."""
        ...

    def on_their_way(self, mapping: Mapping) -> int:
        """How many of the mapping's edits wait to be sent, or are being sent."""
        ...

    def trouble(self, backfill: Backfill, error: str) -> None:
        """Why it does not get on now."""
        ...
