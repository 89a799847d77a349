"""Log rows as edits, edits as Changes, Changes as what Salesforce is told of each record."""

import uuid
from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from common import family
from common.change import Change, Ending, Op, Outcome, Side, Value
from common.errors import Terminal
from common.mapping import Mapping
from common.ports import Batch, Entry, Owed, Send, Sent
from common.postgres import parents
from common.postgres.values import out_of_row


def entry(row: dict[str, Any]) -> Entry:
    """A log row as the merge wants it."""
    made_at = datetime.fromisoformat(row["created_at"])
    return Entry(row["id"], row["change_type"], row["old_data"] or {}, row["new_data"] or {}, made_at, row["attempts"])


def by_record(rows: Sequence[dict[str, Any]]) -> dict[tuple[str, str], list[dict[str, Any]]]:
    """Each record's rows, by table and key."""
    records: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in rows:
        records.setdefault((row["table_name"], row["record_id"]), []).append(row)
    return records


def lives_on(own: list[dict[str, Any]]) -> tuple[list[int], list[dict[str, Any]]]:
    """Where Salesforce refused a deletion and the row was inserted again, the record simply lives on under its key."""
    for n in range(len(own) - 2, -1, -1):
        if own[n]["change_type"] == "DELETE" and own[n]["state"] == "failed":
            return [row["id"] for row in own[: n + 1]], own[n + 1 :]
    return [], own


def claimed_again(mapping: Mapping, record_id: str, claim: str, batch: Batch) -> Change | Outcome:
    """The same batch that was claimed before, from its log rows."""
    found = as_change(mapping, record_id, batch, born=True)
    if isinstance(found, Outcome):
        return replace(found, change=replace(found.change, event_id=claim))
    if found is None:  # inserted and deleted, yet attempted: only a later attempt sees it so
        moment = batch.made_at or datetime.now(UTC)
        found = Change(Side.POSTGRES, mapping.sobject, record_id, batch.op or Op.DELETE, moment, claim)
    return replace(found, event_id=claim)


def as_change(mapping: Mapping, record_id: str, batch: Batch, *, born: bool) -> Change | Outcome | None:
    """The batch as a Change with a claim; an Outcome where Salesforce cannot hold a value; None where nothing is to do."""
    writable = {c: v for c, v in batch.values.items() if _writable(mapping, c)}
    minted = {mapping.external_id_field: str(batch.values[mapping.key_column])} if _minted(mapping, batch) else {}
    if (
        batch.op is None
        or batch.made_at is None
        or (batch.op is Op.UPSERT and not writable and not minted and not born)
    ):
        return None
    change = Change(Side.POSTGRES, mapping.sobject, record_id, batch.op, batch.made_at, str(uuid.uuid4()))
    try:
        written = {mapping.by_captured_column[c]: v for c, v in writable.items()}
        fields = {f.name: out_of_row(f, v) for f, v in written.items()}
    except Terminal as exc:
        return Outcome(change, Ending.FAILED, exc.reason, exc.hint, exc.detail)
    return replace(change, fields=minted | fields)


def _minted(mapping: Mapping, batch: Batch) -> bool:
    """A key is no mapped column: only our own write of a missing external id has it."""
    return batch.op is Op.UPSERT and mapping.key_column in batch.values


def never_sent(mapping: Mapping, batch: Batch) -> str:
    """Why an edit ends here."""
    columns = sorted(c for c in batch.values if c in mapping.by_captured_column)
    if batch.op is not Op.UPSERT or not columns:
        return ""
    return f"never_sent: {', '.join(columns)}: Salesforce lets nobody write this"


def _writable(mapping: Mapping, column: str) -> bool:
    field = mapping.by_captured_column.get(column)
    return field is not None and (field.createable or field.updateable)


def one_way(mapping: Mapping, entries: Sequence[Entry], batch: Batch) -> Batch:
    """Of a lookup's two columns only the one that was written last is sent."""
    if not mapping.parent_keys:
        return batch
    edits = [_written(e) for e in entries if e.id in batch.rows]
    lost = family.losing_columns(mapping.parent_keys, edits)
    return replace(batch, values={c: v for c, v in batch.values.items() if c not in lost})


def _written(entry: Entry) -> dict[str, object]:
    return {c: v for c, v in entry.new.items() if v is not None or entry.change_type == "UPDATE"}


def parents_first(mappings: dict[str, Mapping], changes: Sequence[Change], tables: dict[str, str]) -> list[Change]:
    """Objects that others look up to are published, and mostly sent, before those."""
    above = {t: {k.table for k in m.parent_keys if k.table in mappings} for t, m in mappings.items()}
    depth = family.levels(sorted(mappings), above)
    return sorted(changes, key=lambda c: depth[tables[c.event_id]])


def to_owed(
    mapping: Mapping, change: Change, sfid: str | None, row: dict[str, Any] | None, attempts: int,
    deferred: Collection[tuple[str, str]],
) -> Owed:  # fmt: skip
    """What is owed of a change; where the row holds what Salesforce cannot, only the reason."""
    try:
        return Owed(change, mapping, _send(mapping, change, sfid, row, deferred), attempts)
    except Terminal as exc:
        refused = Sent(reason=exc.reason, detail=exc.detail, hint=exc.hint)
        return Owed(change, mapping, Send(change.op, sfid, change.record_id), attempts, refused)


def _send(
    mapping: Mapping, change: Change, sfid: str | None, row: dict[str, Any] | None,
    deferred: Collection[tuple[str, str]],
) -> Send:  # fmt: skip
    """What goes over: the edited fields of a known record, every filled one of a record that is not there yet."""
    if change.op is Op.DELETE:
        return Send(Op.DELETE, sfid, change.record_id)
    if sfid is not None:
        known = {n: v for n, v in change.fields.items() if mapping.may_send(n, new=False)}
        return Send(Op.UPSERT, sfid, change.record_id, known)
    fields = _filled(mapping, row) if row else {}
    fields |= parents.of_row(mapping, change, row, deferred) if row else {}
    fields |= change.fields
    fields = {n: v for n, v in fields.items() if n not in parents.dropped(mapping, fields)}
    whole = {n: v for n, v in fields.items() if mapping.may_send(n, new=True)}
    return Send(Op.UPSERT, None, change.record_id, whole)


def _filled(mapping: Mapping, row: dict[str, Any]) -> dict[str, Value]:
    """The filled columns of a row, by field; a rule may fill an empty one."""
    sent = [f for f in mapping.fields if row[f.column] is not None or f.rules]
    fields = {f.name: out_of_row(f, row[f.column]) for f in sent if mapping.may_send(f.name, new=True)}
    return {name: value for name, value in fields.items() if value is not None}
