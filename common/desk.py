"""What a person at the console may see and decide. Edges and flows offer these; the console knows nothing else."""

from collections.abc import Mapping as Map
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from common.mapping import Direction, Mapping, Policy
from common.ports import Mappings

Row = dict[str, Any]  #: one row of an answer, by name


@dataclass(frozen=True, slots=True)
class Decision:
    """A person's word, kept with what it was about."""

    who: str
    why: str
    at: datetime


# -- mappings ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Wish:
    """What a person wants a mapping to be."""

    sobject: str
    table: str = ""  #: schema.table; empty: salesforce.<name>
    direction: Direction = Direction.BIDIRECTIONAL
    policy: Policy = Policy.LAST_WRITER_WINS
    fields: tuple[str, ...] = ()  #: API names; none means every field that can be mapped
    external_id_field: str = ""  #: empty: the usual one
    filter: str = ""  #: which records have rows: what stands after WHERE in SOQL; empty: every record


@dataclass(frozen=True, slots=True)
class Plan:
    """A mapping that could be, and what it leaves out."""

    mapping: Mapping
    left_out: Map[str, str] = field(default_factory=dict)  #: API name -> why
    warnings: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Proposal:
    """A plan with the statements that would carry it out; they are none where nothing of the table changes."""

    plan: Plan
    ddl: Sequence[str]


@dataclass(frozen=True, slots=True)
class Limits:
    """How much a mapping may do without asking."""

    max_daily_calls: int | None  #: API calls; None: as many as the org has
    delete_guard_count: int  #: deletions within the window that nobody is asked about
    delete_guard_share: float  #: of the table's rows, 0 to 1


@dataclass(frozen=True, slots=True)
class Configuration:
    """A mapping as it is stored."""

    mapping: Mapping
    limits: Limits
    active: bool  #: it is not paused for itself
    version: str  #: another one after every change of the row
    created_at: datetime
    updated_at: datetime
    paused_by: str = ""
    paused_why: str = ""


class Catalogue(Protocol):
    """What an org has to map."""

    @property
    def org_id(self) -> str: ...

    def objects(self) -> Sequence[Row]:
        """name, label, custom: every object that can be mapped, by name."""
        ...

    def fields(self, sobject: str) -> Sequence[Row]:
        """name, label, type, sendable, required, why_not: the object's fields, by name.

        Raises:
            Misconfigured: there is no such object.
        """
        ...

    def plan(self, wish: Wish, known: Sequence[Mapping]) -> Plan:
        """A mapping out of the org's own description of the object.

        Raises:
            Terminal, Misconfigured: it cannot be mapped like this.
        """
        ...


class Registry(Protocol):
    """The mappings' store. Whoever names a version is refused where the mapping has changed since."""

    def all(self) -> Sequence[Configuration]: ...

    def statements(self, mapping: Mapping) -> Sequence[str]:
        """The DDL of a new mapping."""
        ...

    def changes(self, before: Mapping, after: Mapping) -> Sequence[str]:
        """The DDL that leads from one to the other."""
        ...

    def create(self, mapping: Mapping, org_id: str) -> int:
        """Table, triggers and configuration, in one transaction; the mapping's id.

        Raises:
            Terminal: the table is there already, or the object is mapped to it.
        """
        ...

    def change(self, before: Configuration, after: Mapping, limits: Limits) -> None: ...

    def pause(self, ids: Sequence[int], decision: Decision) -> None: ...

    def resume(self, ids: Sequence[int]) -> None: ...

    def delete(self, before: Configuration) -> int:
        """End capture and forget the mapping; how many edits Salesforce never gets."""
        ...


class Mapper(Protocol):
    """Mappings, as people make them."""

    def all(self) -> Sequence[Configuration]: ...

    def find(self, number: int) -> Configuration: ...

    def propose(self, wish: Wish) -> Proposal: ...

    def create(self, wish: Wish) -> Configuration: ...

    def propose_change(self, number: int, wish: Wish) -> Proposal: ...

    def change(self, number: int, version: str, wish: Wish, limits: Limits) -> Configuration: ...

    def pause(self, number: int, decision: Decision) -> Configuration: ...

    def resume(self, number: int) -> Configuration: ...

    def delete(self, number: int, version: str) -> int: ...


# -- looking -------------------------------------------------------------------------------------


class Overview(Protocol):
    """How things stand."""

    def mappings(self) -> Sequence[Row]:
        """One row for each mapping: what waits, since when, what failed, how far behind."""
        ...

    def checks(self) -> Sequence[Row]:
        """check, state (ok, warning, trouble), since, count, detail; the same checks at all times."""
        ...

    def api(self) -> Map[str, Sequence[Row]]: ...

    def mark(self) -> str:
        """A text that differs once anything a page shows has changed; cheap."""
        ...


class Trends(Protocol):
    def counts(
        self, starts: Sequence[datetime], until: datetime, *, sobject: str | None, direction: str | None, fine: bool
    ) -> Map[tuple[int, str], int]:
        """Records that arrived, by (bucket, direction).

        Args:
            starts: Where the buckets begin, in order.
            fine: They begin within an hour: only what is kept row by row can tell.
        """
        ...


class Records(Protocol):
    """Edits in the change log, and everything that is known of one record."""

    def search(
        self, *, sobject: str | None, record: str | None, state: str | None, before: int | None, limit: int
    ) -> tuple[Sequence[Row], int | None]:
        """Newest first, and where to go on looking; None at the log's end."""
        ...

    def journey(self, name: str, record: str) -> Sequence[Row]:
        """at, step, detail: what happened to the record with this key or Salesforce id, oldest first.

        Raises:
            Terminal: nothing is known of it.
        """
        ...


# -- deciding ------------------------------------------------------------------------------------


class Letters(Protocol):
    def newest(self, *, state: str = "kept", limit: int = 100) -> Sequence[Row]: ...

    def by_reason(self) -> Sequence[Row]: ...

    def find(self, ids: Sequence[int]) -> Sequence[Row]: ...

    def kept_for(self, reason: str) -> Sequence[int]: ...

    def close(self, ids: Sequence[int], state: str, *, attempts: int | None = None, who: str = "") -> int: ...

    def close_replayed(self, letter: Map[str, Any]) -> None: ...

    def reopen(self, table: str, record_id: str) -> int: ...


class Failures(Protocol):
    def find(
        self, *, sobject: str | None = None, record: str | None = None, reason: str | None = None, limit: int = 100
    ) -> Sequence[Row]: ...

    def edits(self, table: str, record: str) -> Sequence[Row]: ...

    def retry(self, found: Sequence[Row], decision: Decision) -> int: ...

    def ignore(self, found: Sequence[Row], decision: Decision) -> int: ...


class Conflicts(Protocol):
    def find(
        self, *, number: int | None = None, sobject: str | None = None, record: str | None = None,
        settled: bool | None = False, limit: int = 100,
    ) -> Sequence[Row]: ...  # fmt: skip

    def resolve(self, conflict: Row, mapping: Mapping, take: str, decision: Decision) -> str: ...


class HeldDeletions(Protocol):
    def by_table(self) -> Sequence[Row]: ...

    def records(self, table: str, limit: int) -> Sequence[Row]: ...

    def allow(self, table: str, decision: Decision) -> int: ...

    def refuse(self, ids: Sequence[int], decision: Decision) -> int: ...

    def rows(self, mapping: Mapping, limit: int) -> Sequence[Row]:
        """Rows whose records Salesforce deleted."""
        ...

    def decide(self, table: str, sfids: Sequence[str], allowed: bool, decision: Decision) -> int: ...


class Switch(Protocol):
    """Everything at once."""

    def paused(self) -> Row | None:
        """paused_at, paused_by, paused_why; None where it is not."""
        ...

    def pause(self, decision: Decision) -> None: ...

    def resume(self, now: datetime) -> int:
        """How many edits waited for API calls and are tried now."""
        ...


class Backfills(Protocol):
    """First loads, ordered by name and number. Raise Terminal where an order cannot be carried out."""

    def status(self, backfill_id: int | None = None, limit: int = 20) -> Sequence[Map[str, Any]]: ...

    def run(self, name: str, to: str, slice_records: int, who: str) -> Map[str, Any]: ...

    def pause(self, backfill_id: int) -> Map[str, Any]: ...

    def resume(self, backfill_id: int) -> Map[str, Any]: ...

    def cancel(self, backfill_id: int) -> Map[str, Any]: ...


class Comparisons(Protocol):
    """What was compared, and what was found."""

    def past(self, name: str, limit: int) -> Sequence[Row]: ...


class Drifts(Protocol):
    """What changed in the org's description of mapped objects."""

    def newest(self) -> Sequence[Row]: ...


class Schedules(Protocol):
    """The jobs that wake the doors."""

    def all(self) -> Sequence[Row]:
        """name, schedule, state, last_at, next_at."""
        ...

    def pause(self, name: str) -> None: ...

    def resume(self, name: str) -> None: ...

    def run(self, name: str) -> None: ...


class Audit(Protocol):
    """What people did."""

    def begin(self, action: str, subject: str, decision: Decision, before: object) -> int: ...

    def end(self, number: int, at: datetime, after: object, refused: str = "") -> None: ...

    def newest(self, *, before: int | None, limit: int) -> Sequence[Row]: ...


@dataclass(frozen=True, slots=True)
class Rooms:
    """All that the database offers to a person."""

    book: Mappings
    overview: Overview
    switch: Switch
    trends: Trends
    records: Records
    letters: Letters
    failures: Failures
    conflicts: Conflicts
    held: HeldDeletions
    audit: Audit
    comparisons: Comparisons
    drifts: Drifts
