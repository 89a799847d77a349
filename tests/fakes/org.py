"""An org in memory: ids, whole-second stamps, soft deletes, upsert by external id. Held to the stand-in by tests/contract."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from common.change import MODSTAMP, Change, Op, Side, Value
from common.ids import to_18
from common.mapping import Mapping
from common.ports import Read, Send, Sent, Spent
from common.salesforce.errors import refused, unanswered

_PREFIXES = {"Account": "001", "Contact": "003"}


@dataclass
class Record:
    id: str
    stamp: datetime
    fields: dict[str, Value] = field(default_factory=dict)
    deleted: bool = False
    sobject: str = "Account"


class FakeOrg:
    """Implements ports.Org.

    Attributes:
        refuse: Records of these names are refused, each with its code.

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
        self.refuse: dict[Value, str] = {}
        self._now = now
        self._reader_now = reader_now or now
        self._pushed = pushed

    # -- what people do ----------------------------------------------------------------------------

    def create(self, fields: dict[str, Value], sobject: str = "Account") -> str:
        prefix = _PREFIXES.setdefault(sobject, f"a{len(_PREFIXES):02d}")
        record = Record(to_18(f"{prefix}{len(self.records):012d}"), self._second(), dict(fields), sobject=sobject)
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
        if record is not None and record.deleted:
            return refused("ENTITY_IS_DELETED", "entity is deleted")
        named = {send.fields.get(name) for name in ("Name", "LastName")}
        if code := next((c for name, c in self.refuse.items() if name in named), None):
            return refused(code, "refused by order")
        fields = self._with_parents(mapping, send)
        if isinstance(fields, Sent):
            return fields
        if record is None:
            return Sent(self.create({mapping.external_id_field: send.external_id, **fields}, mapping.sobject))
        self.update(record.id, fields)
        return Sent(record.id)

    def _with_parents(self, mapping: Mapping, send: Send) -> dict[str, Value] | Sent:
        """The fields with ids in their lookups, or why a lookup leads nowhere."""
        fields = dict(send.fields)
        for key in mapping.parent_keys:
            if key.name in fields:
                value = fields.pop(key.name)
                parent = self._find(key.sobject, key.field, value)
                if parent is None:
                    words = f"Foreign key external ID: {value} not found for field {key.field} in entity {key.sobject}"
                    return refused("INVALID_FIELD", words)
                fields[key.lookup] = parent.id
        for lookup in (f.name for f in mapping.fields if f.refers_to and fields.get(f.name)):
            parent = self.records.get(str(fields[lookup]))
            if parent is None:
                return refused("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id")
            if parent.deleted:
                return refused("ENTITY_IS_DELETED", "entity is deleted")
        return fields

    def _delete(self, record: Record | None) -> Sent:
        if record is not None and not record.deleted:
            self.delete(record.id)
        return Sent(record.id if record else None)

    def _by_external_id(self, mapping: Mapping, value: str) -> Record | None:
        return self._find(mapping.sobject, mapping.external_id_field, value)

    def _find(self, sobject: str, name: str, value: Value) -> Record | None:
        return next((r for r in self.alive() if r.sobject == sobject and r.fields.get(name) == value), None)
