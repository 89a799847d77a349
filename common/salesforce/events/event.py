"""One change event as hints: which records changed, when, by whom."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from common import ids
from common.change import Change, Op, Side
from common.events import Lost
from common.salesforce.events.avro import HEADER

OVERFLOW = "GAP_OVERFLOW"
DELETES = frozenset({"DELETE", "GAP_DELETE"})
REVIVALS = frozenset({"UNDELETE", "GAP_UNDELETE"})
TRANSACTION = timedelta(minutes=10)  #: Salesforce gives a call no longer: so far may a save lie before its commit
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Event:
    """A change event's header, and when its records say they were changed."""

    id: str  #: the same however often it is told
    sobject: str
    kind: str  #: CREATE, UPDATE, DELETE, UNDELETE, GAP_*, SNAPSHOT
    record_ids: Sequence[str]
    origin: str
    committed: datetime
    modified: datetime | None = None  #: LastModifiedDate, where it is told

    @property
    def lost(self) -> Lost | None:
        """Where the event does not say which records it means."""
        if self.kind == OVERFLOW:
            return Lost(self.sobject, "overflow")
        if any(not ids.is_id(i) for i in self.record_ids):  # 001*: every record, after a field's type was changed
            return Lost(self.sobject, "wildcard")
        return None

    @property
    def stamp(self) -> datetime:
        """The least SystemModstamp that a read has to bring: whole seconds, as it has.

        A save may lie long before its commit, and then so does the stamp: LastModifiedDate knows better, where it is
        told and believable (imports may set it).
        """
        believed = self.modified is not None and timedelta() <= self.committed - self.modified <= TRANSACTION
        moment = self.modified if believed and self.modified else self.committed
        return moment.replace(microsecond=0)

    def changes(self) -> list[Change]:
        """A hint for each record. The fields are not passed on: without SystemModstamp nothing may be written."""
        if self.lost:
            return []
        op = Op.DELETE if self.kind in DELETES else Op.UPSERT
        return [
            Change(
                Side.SALESFORCE, self.sobject, ids.to_18(record_id), op, self.stamp, self.id, origin=self.origin,
                buried=op is Op.DELETE or self.kind in REVIVALS,
            )
            for record_id in self.record_ids
        ]  # fmt: skip


def of(event_id: str, header: Mapping[str, Any], modified_ms: int | None = None) -> Event:
    """The event of a header, as Avro gives it."""
    return Event(
        id=event_id,
        sobject=header["entityName"],
        kind=header["changeType"],
        record_ids=header["recordIds"],
        origin=header["changeOrigin"],
        committed=_moment(header["commitTimestamp"]),
        modified=_moment(modified_ms) if modified_ms is not None else None,
    )


def read(event_id: str, record: Mapping[str, Any]) -> Event:
    """The event of a whole record."""
    return of(event_id, record[HEADER], record.get("LastModifiedDate"))


def _moment(milliseconds: int) -> datetime:
    return _EPOCH + timedelta(milliseconds=milliseconds)
