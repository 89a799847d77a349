"""What the flows need from the world. Edges offer these; fakes in the tests do too."""

from collections.abc import Callable, Sequence
from collections.abc import Mapping as Map
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol, TypeVar

from common.change import Change, Op, Outcome, Value
from common.drift import Seen, Shape
from common.mapping import Field, Mapping


class Mappings(Protocol):
    """The mappings as they stand. Kept in memory; read again when the configuration has changed."""

    def all(self) -> Sequence[Mapping]: ...

    def of_object(self, sobject: str) -> Sequence[Mapping]: ...

    def of_table(self, table: str) -> Mapping | None: ...

    def refresh(self, *, older_than: float = 0.0) -> None:
        """Read them again when next asked for; not where they were read within the last `older_than` seconds."""
        ...

    @property
    def org_id(self) -> str:
        """The org that the database is bound to; empty before the first mapping."""
        ...


class Topic(Protocol):
    def publish(self, changes: Sequence[Change], *, trace: str = "") -> None:
        """Return once every change is confirmed. All of one object.

        Raises:
            Transient: perhaps none, perhaps some were published; publish all of them again.
        """
        ...


# -- Salesforce ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Read:
    """What a read brought: complete changes, a deleted record as a delete. `missing` ids were not visible.

    `outside` are living records that do not meet the mapping's filter. Only a read with deleted ones tells them from
    those that are gone: without it they are missing.
    """

    changes: Sequence[Change]
    missing: Sequence[str] = ()
    outside: Sequence[Change] = ()


@dataclass(frozen=True, slots=True)
class Send:
    """One record's edit, ready for Salesforce."""

    op: Op
    sfid: str | None  #: where it is known; else the record is found by its external id
    external_id: str
    fields: Map[str, Value] = field(default_factory=dict)
    parents: frozenset[str] | None = frozenset()  #: ids that it looks up to; None where nobody knows them


@dataclass(frozen=True, slots=True)
class Sent:
    """How Salesforce took one record. `reason` is empty when it did, save for the fields that are `stopped`."""

    sfid: str | None = None
    reason: str = ""
    detail: str = ""
    hint: str = ""
    retry: bool = False  #: waiting may heal it
    retry_seconds: float = 0  #: how long at least; 0 leaves it to the usual backoff
    unknown: bool = False  #: the call may still be carried out
    tries: int = 0  #: how many attempts are worth while; 0 is any number
    untried: bool = False  #: no call was made for it
    closed: bool = False  #: the org's daily limit is used up: no call is worth while before `retry_seconds` are over
    stopped: Map[str, str] = field(default_factory=dict)  #: fields left out, for Salesforce refuses them; why


@dataclass(frozen=True, slots=True)
class Spent:
    """API calls, and what the org said of its daily limit."""

    calls: int = 0
    used: int | None = None  #: by everybody, within a day
    allowed: int | None = None
    closed_until: datetime | None = None  #: the limit is used up; no call is made before that


NOTHING = Spent()


class Org(Protocol):
    """One Salesforce org."""

    @property
    def org_id(self) -> str:
        """18 characters; logs in where that has not happened yet."""
        ...

    def read(self, mapping: Mapping, ids: Sequence[str], *, deleted: bool = False) -> Read:
        """Read records whole; with deleted ones where asked. Any number of ids, none twice.

        Raises:
            Transient, Misconfigured: nothing was read.
        """
        ...

    def send(self, mapping: Mapping, sends: Sequence[Send]) -> list[Sent]:
        """Create, update or delete; one answer per record, same order. A record alone never raises.

        Raises:
            Misconfigured: every record would meet the same fate (login refused).
        """
        ...

    def spent(self) -> Spent:
        """What this thread's calls have cost since it last asked."""
        ...


# -- Bulk API ------------------------------------------------------------------------------------


class BulkEnd(StrEnum):
    """How far a job is at Salesforce."""

    OPEN = "open"  #: it waits for its data, or to be closed: nothing is carried out
    RUNNING = "running"
    COMPLETE = "complete"
    FAILED = "failed"  #: given up as a whole; what it had done stays done


BulkResults = Callable[[Send], Sent | None]  #: what became of a record; None where the job never reached it


class Sheet(Protocol):
    """The data of one job."""

    @property
    def full(self) -> bool: ...

    @property
    def records(self) -> int: ...

    def takes(self, send: Send) -> bool:
        """Whether the record can be told in it at all."""
        ...

    def add(self, send: Send) -> None: ...


SheetT = TypeVar("SheetT", bound=Sheet)


class Bulk(Protocol[SheetT]):
    """Bulk loading into one org. Every call raises Transient where it must be made again."""

    def sheet(self, mapping: Mapping, kind: str, fields: list[str]) -> SheetT: ...

    def create(self, mapping: Mapping, kind: str) -> str: ...

    def upload(self, job_id: str, sheet: SheetT) -> None: ...

    def close(self, job_id: str) -> None: ...

    def abort(self, job_id: str) -> None: ...

    def end(self, job_id: str) -> tuple[BulkEnd, str]: ...

    def results(self, mapping: Mapping, job_id: str, kind: str) -> BulkResults: ...

    def spent(self) -> Spent: ...


@dataclass(frozen=True, slots=True)
class SfJob:
    """One job at Salesforce."""

    id: str
    kind: str  #: delete, update, upsert


@dataclass(frozen=True, slots=True)
class BulkJob:
    """Many records of one mapping, with the jobs at Salesforce that carry them."""

    id: int
    mapping_id: int
    state: str  #: sealed, uploaded, running
    sf_jobs: Sequence[SfJob] = ()


class BulkJobs(Protocol):
    """The database's part of Bulk API jobs: which records a job carries, and how far it is."""

    def look(self, at_least: int) -> tuple[Sequence[int], Sequence[int]]:
        """The ids of mappings with so many edits that are due, and of jobs that want a step."""
        ...

    def open(self, mapping: Mapping) -> int: ...

    def gather(self, job: int, mapping: Mapping, limit: int, merge: "Callable[[Sequence[Entry]], Batch]") -> int: ...

    def seal(self, job: int) -> None: ...

    def turn(self, job: int) -> BulkJob | None:
        """Take a job's next step; None where it has ended, is not due, or somebody else is at it."""
        ...

    def note(
        self, job: BulkJob, state: str, sf_jobs: Sequence[SfJob], *, wait_seconds: float, error: str = "",
        mapping: Mapping | None = None, spent: Spent | None = None,
    ) -> None: ...  # fmt: skip

    def start(self, job: BulkJob) -> None: ...

    def fields(self, job: BulkJob, mapping: Mapping) -> list[str]: ...

    def owed(
        self, job: BulkJob, mapping: Mapping, after: str, limit: int, merge: "Callable[[Sequence[Entry]], Batch]"
    ) -> "list[Owed]": ...

    def give_up(self, job: BulkJob, error: str) -> None: ...


# -- Postgres ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the table said to one change: an outcome, or the wish that its record be read first."""

    outcome: Outcome | None = None
    needs_read: bool = False
    buried: bool = False  #: the read must include deleted rows


class Table(Protocol):
    """The mapped tables."""

    def apply(self, mapping: Mapping, changes: Sequence[Change], *, read: bool = False) -> list[Verdict]:
        """Write complete changes, newest version wins. One verdict per change, same order.

        Args:
            changes: Of the mapping's object; any number, any order, repeats allowed.
            read: They were read just now with deleted rows included, so they may lift a tombstone.

        Raises:
            Transient: nothing was written, or only part of it; all may be tried again.
        """
        ...

    def let_go(self, mapping: Mapping, changes: Sequence[Change]) -> list[Verdict]:
        """Take away rows whose records were read outside of the mapping's filter; not while edits of them wait.

        Raises:
            Transient: nothing was written; all may be tried again.
        """
        ...

    def versions(self, mapping: Mapping, ids: Sequence[str]) -> Map[str, tuple[datetime, datetime]]:
        """(SystemModstamp, read_at) of the records that have a row; not of one that we wrote since it was read."""
        ...


# -- drift -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Described:
    """An object's fields as they are."""

    shapes: Sequence[Shape]
    modified: str  #: Last-Modified, as Salesforce wrote it


@dataclass(frozen=True, slots=True)
class Known:
    """An object's fields as they were, by name."""

    shapes: Map[str, Shape] = field(default_factory=dict)
    modified: str = ""


class Describer(Protocol):
    """An org that tells what its objects look like."""

    def describe(self, sobject: str, since: str) -> Described | None:
        """The object's fields; None where nothing changed since that Last-Modified; empty asks whatever it was.

        Raises:
            Transient, Misconfigured: nothing is known.
        """
        ...


class Looks(Protocol):
    """What objects looked like, and what their changes came to."""

    def known(self, mapping: Mapping) -> Known: ...

    def keep(self, mapping: Mapping, seen: Seen, described: Described, now: datetime) -> None:
        """Write down what was seen, and carry it out; nothing where the mapping was changed meanwhile."""
        ...


# -- refills -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Refill:
    """Fields that are read again for every row, as far as that is."""

    mapping: Mapping
    fields: tuple[Field, ...]  #: those that are still mapped
    names: tuple[str, ...]
    after_id: str  #: every record up to this one was read


class Refills(Protocol):
    """The refills under way, and the rows that they fill."""

    def open(self) -> Sequence[Refill]:
        """Those of active mappings, the oldest first."""
        ...

    def fill(self, refill: Refill, read: Sequence[Change]) -> tuple[int, Sequence[str]]:
        """Write the fields into the rows that the read is newer than, and move on behind it.

        Returns:
            How many rows were written, and the records that must be read whole.

        Raises:
            Transient: nothing was written; it may be tried again.
        """
        ...

    def end(self, refill: Refill) -> None:
        """Every record was read."""
        ...


class Pages(Protocol):
    """An org, read from its first record to its last."""

    def page(self, mapping: Mapping, fields: Sequence[Field], after_id: str, limit: int) -> Sequence[Change]:
        """The next living records by id, with SystemModstamp and these fields only.

        Raises:
            Transient, Misconfigured: nothing was read.
        """
        ...


@dataclass(frozen=True, slots=True)
class Entry:
    """One row of the change log, by column."""

    id: int
    change_type: str  #: INSERT, UPDATE, DELETE
    old: Map[str, object]
    new: Map[str, object]
    made_at: datetime
    attempts: int = 0


@dataclass(frozen=True, slots=True)
class Captured:
    """A row's edit that was read from Postgres' own log, by column, as `to_jsonb` writes values."""

    table: str
    record_id: str
    change_type: str  #: INSERT, UPDATE, DELETE
    old: Map[str, object]
    new: Map[str, object]
    position: int  #: in Postgres' log: of one row's edits the greater is the later
    transaction: int
    made_at: datetime
    snapshot: bool = False  #: it is a row that stood there when capture began
    has_record: bool = False  #: of a snapshot: Salesforce has it already


@dataclass(frozen=True, slots=True)
class Batch:
    """One record's successive edits as one. Rows after a deletion wait for the next claim."""

    rows: tuple[int, ...]
    op: Op | None  #: nothing needs to be sent where it is None
    values: Map[str, object] = field(default_factory=dict)  #: by column
    made_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Claimed:
    records: int  #: how many were claimed; fewer than asked for means the log is empty
    changes: Sequence[Change] = ()
    refused: Sequence[Outcome] = ()  #: values that Salesforce cannot hold; already settled and buried


@dataclass(frozen=True, slots=True)
class Owed:
    """A claimed record that is still to be sent."""

    change: Change
    mapping: Mapping
    send: Send
    attempts: int
    refused: Sent | None = None  #: it cannot be sent at all: a value that Salesforce cannot hold


@dataclass(frozen=True, slots=True)
class Settled:
    owed: Owed
    outcome: Outcome
    sfid: str | None = None
    next_attempt_at: datetime | None = None  #: set where it is tried again
    untried: bool = False  #: no call was made: it does not count as an attempt
    stopped: Map[str, str] = field(default_factory=dict)  #: fields that did not go, and why: their edits stay, failed
    waits_for: str | None = None  #: the parent's row: it is tried again once that one has arrived, failed or not


@dataclass(frozen=True, slots=True)
class Allowance:
    """What is known of API calls before any is made."""

    calls: int = 0  #: that the mapping has made today, by UTC
    cap: int | None = None  #: how many it may make
    used: int | None = None  #: by everybody who uses the org, within a day, when somebody last looked
    allowed: int | None = None
    seen_at: datetime | None = None
    closed_until: datetime | None = None  #: the org's limit is used up


class Purse(Protocol):
    """The budget of API calls, which all who call Salesforce share."""

    def allowance(self, mapping: Mapping) -> Allowance:
        """How many calls the mapping has made, and what all callers know of the org's limit."""
        ...

    def spend(self, mapping: Mapping, spent: Spent) -> None:
        """Write down what a mapping's calls cost, and what the org said of its limit."""
        ...


class Log(Protocol):
    """The change log: what Postgres owes Salesforce."""

    def claim(self, limit: int, merge: Callable[[Sequence[Entry]], Batch]) -> Claimed:
        """Claim records that are due and merge each one's edits; nobody else gets them while the lease runs."""
        ...

    def release(self, changes: Sequence[Change]) -> None:
        """Give claims back that were never published."""
        ...

    def known(self, mapping: Mapping, changes: Sequence[Change]) -> Sequence[str]:
        """The Salesforce ids of the changes' records that are still claimed, where they are known."""
        ...

    def take(self, changes: Sequence[Change]) -> list[Owed]:
        """What is still owed of these claims; a claim that has moved on is left out."""
        ...

    def allowance(self, mapping: Mapping) -> Allowance:
        """How many calls the mapping has made, and what all senders know of the org's limit."""
        ...

    def settle(self, mapping: Mapping, settled: Sequence[Settled], spent: Spent = NOTHING) -> bool:
        """Write down how Salesforce took them and what it cost, ids and dead letters included, in one transaction.

        Returns:
            Whether children that had waited for one of them can go now.
        """
        ...


class Graveyard(Protocol):
    def bury(self, topic: str, outcomes: Sequence[Outcome]) -> None:
        """Keep failed changes with their reasons.

        Raises:
            Transient: too many of one reason in a minute: it smells of a mistake of ours, so nothing was buried.
        """
        ...
