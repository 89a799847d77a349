"""What goes to Salesforce for a lookup: its record's id where it is known, else its external id."""

from collections.abc import Iterable, Sequence
from collections.abc import Mapping as Map
from dataclasses import replace
from typing import Any

from common import family
from common.change import Change, Ending, Op, Value
from common.family import ParentKey, Row
from common.mapping import Mapping
from common.ports import Owed, Sent, Settled
from common.postgres.connect import Transaction
from common.postgres.families import filled
from common.postgres.queries import load

_Q = load("families")
_DELETED = "Its parent's row was deleted: give it another parent, or none."


def later(tx: Transaction, mapping: Mapping, record_ids: Sequence[str]) -> set[tuple[str, str]]:
    """Relationship columns of records that edits of their own will send later: (record id, column)."""
    if not mapping.parent_keys or not record_ids:
        return set()
    columns = {k.column for k in mapping.parent_keys}
    found = tx.run(_Q["later"], table=mapping.table, record_ids=list(record_ids))
    return {(record_id, column) for record_id, column in found if column in columns}


def of_row(
    mapping: Mapping, change: Change, row: Map[str, Any], deferred: Iterable[tuple[str, str]]
) -> dict[str, Value]:
    """The lookups of a row that is sent whole: by key, unless its log says which of the two columns counts."""
    put_off = {column for record_id, column in deferred if record_id == change.record_id}
    fields: dict[str, Value] = {}
    for key in mapping.parent_keys:
        if key.name in change.fields or key.lookup in change.fields or row.get(key.column) is None:
            continue
        if key.column not in put_off:
            fields[key.name] = row[key.column]
    return fields


def dropped(mapping: Mapping, fields: Map[str, Value]) -> set[str]:
    """Lookups that a relationship column speaks for."""
    return {key.lookup for key in mapping.parent_keys if key.name in fields}


def columns(mapping: Mapping, names: Iterable[str]) -> list[str]:
    """The columns of these fields; of a lookup both."""
    named = set(names)
    own = [mapping.by_name[name].column for name in sorted(named)]
    return own + [k.column for k in mapping.parent_keys if k.lookup in named]


def resolve(tx: Transaction, mapping: Mapping, owed: Sequence[Owed]) -> list[Owed]:
    """Give lookups by id wherever the parent's id is known by now; refuse those whose parent was deleted here."""
    keys = [k for k in mapping.parent_keys if any(k.name in o.send.fields for o in owed)]
    for key in keys:
        asked = sorted({str(o.send.fields[key.name]) for o in owed if o.send.fields.get(key.name)})
        sfids, dead = _known(tx, key, asked)
        owed = [_resolved(o, key, sfids, dead) for o in owed]
    return list(owed)


def _known(tx: Transaction, key: ParentKey, asked: Sequence[str]) -> tuple[dict[str, str | None], set[str]]:
    if not key.table or not asked:
        return {}, set()
    names = {"table": key.table, "key": key.key_column}
    rows = tx.run(filled("sfids", names), record_ids=list(asked))
    sfids: dict[str, str | None] = {record_id: sfid for record_id, sfid in rows}
    gone = [k for k in asked if k not in sfids]
    dead = {row[0] for row in tx.run(_Q["dead"], table=key.table, record_ids=gone)} if gone else set()
    return sfids, dead


def _resolved(owed: Owed, key: ParentKey, sfids: Map[str, str | None], dead: set[str]) -> Owed:
    if owed.refused is not None or owed.send.op is Op.DELETE or key.name not in owed.send.fields:
        return owed
    value = owed.send.fields[key.name] or None  # Salesforce knows no empty text
    if value in dead:
        detail = f"{Row(key.table, str(value))} was deleted"
        return replace(owed, refused=Sent(reason=family.PARENT_DELETED, detail=detail, hint=_DELETED))
    sfid = sfids.get(str(value)) if value is not None else None
    if value is not None and sfid is None:
        return owed
    fields = {n: v for n, v in owed.send.fields.items() if n != key.name} | {key.lookup: sfid}
    return replace(owed, send=replace(owed.send, fields=fields))


def follow(tx: Transaction, mapping: Mapping, settled: Sequence[Settled]) -> None:
    """Let the other column of each lookup that arrived show the same parent, without waiting for the record's echo."""
    arrived = [s.owed for s in settled if s.outcome.ending is Ending.SENT and s.owed.send.op is Op.UPSERT]
    for key in mapping.parent_keys:
        if not key.table:
            continue
        by_key = [o.change.record_id for o in arrived if key.name in o.change.fields]
        by_id = [o.change.record_id for o in arrived if key.lookup in o.change.fields]
        for query, records in (("lookup_follows", by_key), ("key_follows", by_id)):
            if records:
                _follow(tx, mapping, key, query, records)


def _follow(tx: Transaction, mapping: Mapping, key: ParentKey, query: str, records: Sequence[str]) -> None:
    names = {
        "child": mapping.table, "key": mapping.key_column, "lookup": key.lookup_column, "column": key.column,
        "parent": key.table, "parent_key": key.key_column,
    }  # fmt: skip
    tx.run(
        filled(query, names), record_ids=list(records), child=mapping.table, column=key.column,
        lookup_column=key.lookup_column,
    )  # fmt: skip
