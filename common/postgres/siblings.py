"""Which records a record looks up to: Salesforce locks those while it saves the record, so siblings must not meet."""

from collections.abc import Sequence
from dataclasses import replace

from common.change import Op
from common.mapping import Field, Kind, Mapping
from common.ports import Owed
from common.postgres.connect import Transaction
from common.postgres.queries import identifier, load

#: Looking up to these locks nothing: every record has an owner, and nobody would ever be sent beside another.
FREE_OBJECTS = frozenset({"User", "Group", "RecordType", "Profile", "UserRole", "Organization", "BusinessHours"})
FREE_FIELDS = frozenset({"OwnerId", "CreatedById", "LastModifiedById", "RecordTypeId"})

_Q = load("change_log")


def with_parents(tx: Transaction, mapping: Mapping, owed: Sequence[Owed]) -> list[Owed]:
    """The same, each with the ids that it looks up to: those of its row as it stands, and those that are sent."""
    lookups = [f for f in mapping.fields if _locks(f)]
    if not lookups:
        return list(owed)
    statement = _Q["parents"].replace("{table}", identifier(mapping.table))
    statement = statement.replace("{key}", identifier(mapping.key_column))
    keys = [o.change.record_id for o in owed]
    found = tx.run(statement, record_ids=keys, columns=[f.column for f in lookups])
    standing: dict[str, list[str]] = {row[0]: row[1] for row in found}
    names = [f.name for f in lookups]
    return [replace(o, send=replace(o.send, parents=_of(o, names, standing))) for o in owed]


def _locks(field: Field) -> bool:
    if field.kind is not Kind.ID or field.name in FREE_FIELDS:
        return False
    return not field.refers_to or not FREE_OBJECTS.issuperset(field.refers_to)


def _of(owed: Owed, names: Sequence[str], standing: dict[str, list[str]]) -> frozenset[str] | None:
    send = owed.send
    if send.op is Op.DELETE or owed.change.record_id not in standing:
        return None  # the row is gone
    sent = {str(send.fields[name]) for name in names if send.fields.get(name)}
    keys = {f"{k.sobject}/{send.fields[k.name]}" for k in owed.mapping.parent_keys if send.fields.get(k.name)}
    return frozenset({*standing[owed.change.record_id], *sent, *keys})
