"""An org in memory: ids, whole-second stamps, soft deletes, upsert by external id. Held to the stand-in by tests/contract."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from common.change import MODSTAMP, Change, Op, Side, Value
from common.ids import to_18
from common.mapping import Mapping
from common.ports import Read, Send, Sent, Spent
from common.salesforce.errors import refused, unanswered


@dataclass
class Record:
    id: str
    stamp: datetime
    fields: dict[str, Value] = field(default_factory=dict)
    deleted: bool = False


class FakeOrg:
    """Implements ports.Org.

    Args:
        now: The org's own clock.
        reader_now: The reader's clock, which may differ.
        pushed: Called with every record that was created or updated, as an outbound message would be.
    """

    def __init__(
        self, now: Callable[[], datetime], reader_now: Callable[[], datetime] | None = None,
        pushed: Callable[[Record], None] = lambda record: None,
    ) -> None:  # fmt: skip
        self.org_id = "00D000000000001EAA"
        self.records: dict[str, Record] = {}
        self.lose_answers = False  #: work is done, nobody hears of it
        self._now = now
        self._reader_now = reader_now or now
        self._pushed = pushed

    # -- what people do ----------------------------------------------------------------------------

    def create(self, fields: dict[str, Value]) -> str:
        record = Record(to_18(f"001{len(self.records):012d}"), self._second(), dict(fields))
        self.records[record.id] = record
        self._pushed(record)
        return record.id

    def update(self, record_id: str, fields: dict[str, Value]) -> None:
        record = self.records[record_id]
        record.fields |= fields
        record.stamp = self._second()
        self._pushed(record)

    def delete(self, record_id: str) -> None:
        self.records[record_id].deleted = True
        self.records[record_id].stamp = self._second()

    def undelete(self, record_id: str, unique: str = "External_Id__c") -> None:
        """Bring it back, unless another living record has taken its external id."""
        value = self.records[record_id].fields.get(unique)
        if value is not None and any(r.fields.get(unique) == value for r in self.alive()):
            return
        self.records[record_id].deleted = False
        self.records[record_id].stamp = self._second()
        self._pushed(self.records[record_id])

    def alive(self) -> list[Record]:
        return [r for r in self.records.values() if not r.deleted]

    def change(self, record: Record, mapping: Mapping, read_at: datetime | None = None) -> Change:
        """The record as a complete change."""
        fields = {name: record.fields.get(name) for name in mapping.read_fields[2:]}
        return Change(
            source=Side.SALESFORCE,
            sobject=mapping.sobject,
            record_id=record.id,
            op=Op.DELETE if record.deleted else Op.UPSERT,
            stamp=record.stamp,
            event_id=f"{record.id}/{record.stamp.isoformat()}/{read_at}",
            fields={MODSTAMP: record.stamp.isoformat(), **fields},
            read_at=read_at,
        )

    def _second(self) -> datetime:
        return self._now().replace(microsecond=0)

    # -- ports.Org ---------------------------------------------------------------------------------

    def read(self, mapping: Mapping, ids: Sequence[str], *, deleted: bool = False) -> Read:
        began = self._reader_now()
        seen = [self.records[i] for i in ids if i in self.records and (deleted or not self.records[i].deleted)]
        found = {r.id for r in seen}
        return Read([self.change(r, mapping, began) for r in seen], [i for i in ids if i not in found])

    def send(self, mapping: Mapping, sends: Sequence[Send]) -> list[Sent]:
        answers = [self._take(mapping, send) for send in sends]
        return [unanswered("no answer")] * len(sends) if self.lose_answers else answers

    def spent(self) -> Spent:
        return Spent()

    def _take(self, mapping: Mapping, send: Send) -> Sent:
        record = self.records.get(send.sfid) if send.sfid else self._by_external_id(mapping, send.external_id)
        if send.op is Op.DELETE:
            return self._delete(record)
        if record is None:
            return Sent(self.create({mapping.external_id_field: send.external_id, **send.fields}))
        if record.deleted:
            return refused("ENTITY_IS_DELETED", "entity is deleted")
        self.update(record.id, dict(send.fields))
        return Sent(record.id)

    def _delete(self, record: Record | None) -> Sent:
        if record is not None and not record.deleted:
            self.delete(record.id)
        return Sent(record.id if record else None)

    def _by_external_id(self, mapping: Mapping, value: str) -> Record | None:
        return next((r for r in self.alive() if r.fields.get(mapping.external_id_field) == value), None)
