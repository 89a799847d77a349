"""Both sides compared: what a record and its row say of each other, and what whoever compares needs of the world."""

from collections.abc import Iterator, Sequence
from collections.abc import Mapping as Map
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

from common.change import Change
from common.mapping import Direction, Mapping
from common.mapping import Kind as ValueKind


class Kind(StrEnum):
    WINDOW = "window"  #: records whose stamp lies in a span of time, deleted ones included
    FULL = "full"  #: ids and stamps of all records
    REFRESH = "refresh"  #: values of all records, for fields that change without their record's stamp


def is_compared(mapping: Mapping) -> bool:
    """Whether a mapping's rows should say what records say: not what is only sent, nor events, of which no record is kept."""
    return mapping.direction is not Direction.PG_TO_SF and not mapping.is_event


@dataclass(frozen=True, slots=True)
class Seen:
    """A record as a list of many names it."""

    record_id: str
    stamp: int  #: SystemModstamp, milliseconds since 1970
    deleted: bool = False
    outside: bool = False  #: it lives, but does not meet the mapping's filter


@dataclass(frozen=True, slots=True)
class Row:
    """A row's version."""

    stamp: int | None  #: None where it was never read
    sure: bool  #: it was read once the second of its stamp was over, and we have not written its record since


class Finding(StrEnum):
    EQUAL = "equal"
    MISSING = "missing"  #: the record has no row
    OLDER = "older"  #: the row is older
    GONE = "gone"  #: the row stands, though its record is deleted or outside of the filter
    UNSURE = "unsure"  #: only a read can tell: an edit of the same second, or what Salesforce made of what we wrote


def judge(seen: Seen, row: Row | None) -> Finding:
    """What a record says of its row. A row that is newer was written since the list was made."""
    if seen.deleted or seen.outside:
        return Finding.EQUAL if row is None else Finding.GONE
    if row is None:
        return Finding.MISSING
    if row.stamp is None or (row.stamp <= seen.stamp and not row.sure):
        return Finding.UNSURE
    return Finding.OLDER if row.stamp < seen.stamp else Finding.EQUAL


@dataclass(frozen=True, slots=True)
class Found:
    """Counts of one run, or of a part of it."""

    compared: int = 0
    missing: int = 0
    older: int = 0
    gone: int = 0
    purged: int = 0  #: nowhere in Salesforce: the row went
    held: int = 0  #: the same, but a person is asked first
    unseen: int = 0  #: hidden from us or purged, nobody can tell which: the row stays

    def __add__(self, other: "Found") -> "Found":
        return Found(*(getattr(self, name) + getattr(other, name) for name in self.__dataclass_fields__))

    @property
    def drift(self) -> int:
        """How many rows were not as their records."""
        return self.missing + self.older + self.gone + self.purged + self.held


@dataclass(frozen=True, slots=True)
class Run:
    """One comparison of one mapping, done in slices."""

    id: int
    mapping_id: int
    kind: Kind
    until: datetime
    started_at: datetime
    since: datetime | None = None
    place: Map[str, Any] = field(default_factory=dict)  #: where the next slice begins
    found: Found = Found()

    def at(self, found: Found = Found(), **place: Any) -> "Run":
        """The same run one slice further."""
        return replace(self, place=place, found=self.found + found)


@dataclass(frozen=True, slots=True)
class Due:
    """A comparison whose time has come; with a number it was begun and left lying."""

    mapping_id: int
    kind: Kind
    since: datetime | None = None
    number: int | None = None


@dataclass(frozen=True, slots=True)
class Image:
    """A row as it stands."""

    record_id: str
    row: Map[str, Any]  #: by column
    edited: frozenset[str] = frozenset()  #: columns whose edits Salesforce has not got yet


class Pairs(Protocol):
    """Both sides of a range of ids."""

    def comparable(self, kind: ValueKind, value: object) -> object:
        """A value in a form in which both sides' can be compared."""
        ...

    def slice_end(self, mapping: Mapping, after: str, rows: int) -> str: ...

    def records(self, mapping: Mapping, after: str, upto: str, limit: int) -> Sequence[Change]:
        """Living records that meet the filter, whole, ordered by id; so many at most."""
        ...

    def images(self, mapping: Mapping, after: str, upto: str) -> Sequence[Image]:
        """Rows of a range of ids."""
        ...

    def leaving(self, mapping: Mapping, ids: Sequence[str]) -> set[str]:
        """Those whose deletion here is still on its way to Salesforce."""
        ...


class Census(Protocol):
    """Which records there are in Salesforce. Every call raises Transient where it must be made again."""

    def changed(self, mapping: Mapping, since: datetime, until: datetime, after: tuple[str, str] | None) -> list[Seen]:
        """The next records of a span of time by (stamp, id), deleted ones included; none after the last.

        Args:
            after: Stamp (milliseconds) and id of the last one that was seen.
        """
        ...

    def between(self, mapping: Mapping, after: str, upto: str) -> Iterator[Seen]:
        """Living records that meet the filter, of a range of ids; by REST, for some thousands."""
        ...

    def records(self, mapping: Mapping, after: str, upto: str, limit: int) -> Sequence[Change]:
        """The same, whole: complete changes, ordered by id; so many at most."""
        ...

    def ask(self, mapping: Mapping, after: str, upto: str) -> str:
        """The same for any number: begins a Bulk API job, and gives its id."""
        ...

    def answered(self, job: str) -> bool:
        """Whether a job's answer is there."""
        ...

    def answer(self, job: str) -> Iterator[Seen]:
        """What it says, in any order."""
        ...

    def has_changed(self, sobject: str, since: datetime) -> bool:
        """Whether any record has a stamp from then on, deleted ones included."""
        ...

    def sees_all(self, mapping: Mapping) -> bool:
        """Whether no record of the object can be hidden from us: what we do not see is not there."""
        ...


class Runs(Protocol):
    """What Postgres knows of comparisons, and of rows by Salesforce id."""

    def comparable(self, kind: ValueKind, value: object) -> object:
        """A value in a form in which both sides' can be compared."""
        ...

    def due(self, now: datetime) -> Sequence[Due]: ...

    def next_due(self) -> datetime | None:
        """When the next comparison is due that no change asks for; None where there is none."""
        ...

    def begin(self, mapping: Mapping, kind: Kind, reason: str, since: datetime | None, until: datetime) -> int:
        """A new run's number; that of one which asks for the same and has not begun yet, where there is one."""
        ...

    def turn(self, number: int) -> Run | None:
        """Take a run's next slice; None where it has ended.

        Raises:
            Transient: somebody else is at it.
        """
        ...

    def note(self, run: Run) -> None:
        """Write down how far a run is; it stays taken."""
        ...

    def leave(self, run: Run, error: str = "") -> None:
        """Let somebody else take it."""
        ...

    def end(self, run: Run, error: str = "") -> None:
        """It is done; with an error it failed."""
        ...

    def rows(self, mapping: Mapping, ids: Sequence[str]) -> dict[str, Row]:
        """The rows of these records."""
        ...

    def leaving(self, mapping: Mapping, ids: Sequence[str]) -> set[str]:
        """Those whose deletion here is still on its way to Salesforce."""
        ...

    def rows_between(self, mapping: Mapping, after: str, upto: str) -> dict[str, Row]:
        """The rows of a range of ids, the first one left out; all that follow where it has no end."""
        ...

    def images(self, mapping: Mapping, after: str, upto: str) -> Sequence[Image]:
        """The same, as they stand."""
        ...

    def slice_end(self, mapping: Mapping, after: str, rows: int) -> str:
        """The id with which a slice of so many rows ends; empty where fewer are left."""
        ...


@dataclass(frozen=True, slots=True)
class BothSides:
    """Implements Pairs out of the two."""

    census: Census
    runs: Runs

    def comparable(self, kind: ValueKind, value: object) -> object:
        return self.runs.comparable(kind, value)

    def slice_end(self, mapping: Mapping, after: str, rows: int) -> str:
        return self.runs.slice_end(mapping, after, rows)

    def records(self, mapping: Mapping, after: str, upto: str, limit: int) -> Sequence[Change]:
        return self.census.records(mapping, after, upto, limit)

    def images(self, mapping: Mapping, after: str, upto: str) -> Sequence[Image]:
        return self.runs.images(mapping, after, upto)

    def leaving(self, mapping: Mapping, ids: Sequence[str]) -> set[str]:
        return self.runs.leaving(mapping, ids)
