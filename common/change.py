"""The noun that travels: one record's change on its way from one side to the other."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum

Value = str | bool | None  #: as the source wrote it; the mapping says what it becomes

MODSTAMP = "SystemModstamp"
REREAD = timedelta(seconds=2)  #: a stamp has whole seconds: a read that began this close to it may have missed an edit
EVENT = "__e"  #: what every platform event's API name ends in
UNSTAMPED = datetime(1970, 1, 1, tzinfo=UTC)  #: nobody told a time: any version that a read brings will do


class Side(StrEnum):
    SALESFORCE = "salesforce"
    POSTGRES = "postgres"


class Op(StrEnum):
    UPSERT = "upsert"
    DELETE = "delete"


@dataclass(frozen=True, slots=True)
class Change:
    """One record's change. Speaks Salesforce API names; knows no column, SQL, SOAP or envelope."""

    source: Side
    sobject: str
    record_id: str  #: 18 characters; the external id while Salesforce has none
    op: Op
    stamp: datetime  #: SystemModstamp, or when the edit was captured; UTC
    event_id: str  #: same for every redelivery; from Postgres it is the claim that fences the record
    fields: Mapping[str, Value] = field(default_factory=dict)
    origin: str = ""  #: who made it, where the source tells
    read_at: datetime | None = None  #: when the read began that brought it; unset: it was pushed, not read
    buried: bool = False  #: read it with deleted rows included: it may be dead (replays, tombstones)

    @property
    def version(self) -> tuple[datetime, datetime]:
        """(SystemModstamp, read_at): the greater wins. What was pushed counts as read at its stamp."""
        return (self.stamp, self.read_at or self.stamp)

    @property
    def is_event(self) -> bool:
        """Whether it is a platform event: it is all there is, no record stands behind it."""
        return self.source is Side.SALESFORCE and self.sobject.endswith(EVENT)

    def hint(self, *, buried: bool = False) -> "Change":
        """The same record as a mere hint that it should be read. An event cannot be read: it stays as it is."""
        if self.is_event:
            return self
        return replace(self, fields={}, read_at=None, buried=buried or self.buried)


class Ending(StrEnum):
    """How one change's journey ended. All but FAILED, WAITS and LATER are endings of a healthy system."""

    APPLIED = "applied"
    DELETED = "deleted"
    STALE = "stale"  #: an equal or newer version already stands
    MERGED = "merged"  #: applied around edits that Salesforce has not got yet
    DEAD = "dead"  #: the record stays deleted
    OUTSIDE = "outside"  # the record does not meet the mapping's filter: it has no row, or lost it
    HELD = "held"  #: too many rows would be deleted: it waits for a person
    UNMAPPED = "unmapped"
    FENCED = "fenced"  #: the claim has moved on
    SENT = "sent"
    WAITS = "waits"  #: in the change log, for its next attempt
    LATER = "later"  #: may heal by waiting: the message comes again
    FAILED = "failed"  #: can never succeed; stands in the dead letters


@dataclass(frozen=True, slots=True)
class Outcome:
    change: Change
    ending: Ending
    reason: str = ""
    hint: str = ""
    detail: str = ""  #: the refusing side's own words
