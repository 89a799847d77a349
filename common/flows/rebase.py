"""A database that moved, or met another org: its open edits are compared with the records before any of them is sent."""

from collections.abc import Mapping as Map
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from common import conflict
from common.change import Change, Op
from common.mapping import Mapping
from common.ports import Read


class Finder(Protocol):
    """What is asked of Salesforce."""

    def read(self, mapping: Mapping, ids: Sequence[str], *, deleted: bool = False) -> Read: ...

    def find(self, mapping: Mapping, external_ids: Sequence[str]) -> Map[str, str]:
        """External id -> Salesforce id, of living records."""
        ...


class Finding(StrEnum):
    """How a record's open edits stand against Salesforce."""

    THERE = "there"  #: Salesforce has them already: they are void
    TO_SEND = "to send"  #: Salesforce has what the edits found: they go
    CONFLICT = "conflict"  #: a third value: the mapping's policy decides, field by field
    TO_CREATE = "to create"  #: no record has the row's external id
    TO_DELETE = "to delete"  #: the record still lives
    GONE = "deleted there"  #: the policy decides between deletion and edit
    UNKNOWN = "not there"  #: Salesforce has no such record, not even a deleted one


@dataclass(frozen=True, slots=True)
class Open:
    """One record's open edits."""

    record_id: str
    sfid: str | None
    edits: Sequence[conflict.Edit]

    @property
    def deletes(self) -> bool:
        return self.edits[-1].change_type == "DELETE"


@dataclass(frozen=True, slots=True)
class Judged:
    open: Open
    finding: Finding
    found: Change | None = None  #: the record as it was read
    fields: Sequence[str] = ()  #: that are in conflict
    stamp: datetime | None = None  #: of the record


def judge(mapping: Mapping, opened: Sequence[Open], org: Finder, canonical: conflict.Canonical) -> list[Judged]:
    """Compare each record's open edits with the record; nothing is written.

    Raises:
        Transient, Misconfigured: Salesforce could not be read.
    """
    unnamed = [o.record_id for o in opened if o.sfid is None and not o.deletes]
    named = org.find(mapping, unnamed) if unnamed and mapping.external_id_field else {}
    ids = {o.record_id: o.sfid or named.get(o.record_id) for o in opened}
    read = _read(mapping, [i for i in dict.fromkeys(ids.values()) if i], org)
    return [_judge(mapping, o, read.get(ids[o.record_id] or ""), ids[o.record_id], canonical) for o in opened]


def _read(mapping: Mapping, ids: Sequence[str], org: Finder) -> dict[str, Change]:
    if not ids:
        return {}
    alive = org.read(mapping, ids)
    rest = org.read(mapping, alive.missing, deleted=True) if alive.missing else Read(())
    return {c.record_id: c for c in (*alive.changes, *rest.changes, *rest.outside)}


def _judge(
    mapping: Mapping, opened: Open, found: Change | None, sfid: str | None, canonical: conflict.Canonical
) -> Judged:
    if found is None:
        return Judged(opened, _absent(opened, sfid))
    if found.op is Op.DELETE:
        return Judged(opened, Finding.THERE if opened.deletes else Finding.GONE, found, stamp=found.stamp)
    arriving = mapping.arriving(found) | _untouched(mapping, opened.edits)
    if opened.deletes:
        yields = conflict.deletion_yields(mapping, arriving, found.stamp, opened.edits, canonical)
        return Judged(opened, Finding.CONFLICT if yields else Finding.TO_DELETE, found, stamp=found.stamp)
    merged = conflict.merge(mapping, arriving, found.stamp, opened.edits, canonical)
    fields = [c.field for c in merged.conflicts]
    finding = Finding.CONFLICT if fields else Finding.TO_SEND if merged.keep else Finding.THERE
    return Judged(opened, finding, found, fields, found.stamp)


def _untouched(mapping: Mapping, edits: Sequence[conflict.Edit]) -> dict[str, object]:
    """What relationship columns say there only the parents' tables could tell: they count as nobody's edit."""
    return {
        key.column: next((e.old.get(key.column) for e in edits if key.column in e.new), None)
        for key in mapping.parent_keys
    }


def _absent(opened: Open, sfid: str | None) -> Finding:
    if opened.deletes:
        return Finding.THERE
    return Finding.UNKNOWN if sfid else Finding.TO_CREATE


def void_rows(judged: Sequence[Judged]) -> list[int]:
    """The log rows of edits that Salesforce has already."""
    return [e.id for j in judged if j.finding is Finding.THERE for e in j.open.edits]


def reads(judged: Sequence[Judged]) -> list[Change]:
    """What was read, for the arriving road to merge: one change for each record."""
    return list({j.found.record_id: j.found for j in judged if j.found is not None and not _dead(j)}.values())


def _dead(judged: Judged) -> bool:
    return judged.finding is Finding.THERE and judged.open.deletes
