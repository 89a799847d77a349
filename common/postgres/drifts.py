"""What is known of Salesforce's objects, how they changed, and the DDL that mends a table."""

import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import datetime
from typing import Any

from common.desk import Decision
from common.drift import RETYPED, Drift, Seen, Shape
from common.errors import Terminal
from common.mapping import Field, Kind, Mapping
from common.ports import Described, Known
from common.postgres import ddl, mappings, refills
from common.postgres.connect import Database, Transaction
from common.postgres.queries import as_json, load

_Q = load("drift")


class PostgresLooks:
    """Implements ports.Looks."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def known(self, mapping: Mapping) -> Known:
        """The object as it was looked at last; nothing where it never was."""
        with self._database.transaction() as tx:
            rows = tx.dicts(_Q["known"], mapping_id=mapping.id)
        if not rows:
            return Known()
        shapes = [_shape(held) for held in rows[0]["fields"]]
        return Known({s.name: s for s in shapes}, rows[0]["modified"])

    def keep(self, mapping: Mapping, seen: Seen, described: Described, now: datetime) -> None:
        """Write down what was seen and what it means for the mapping, in one transaction."""
        with self._database.transaction() as tx:
            held = next((m for m in mappings.read(tx) if m.id == mapping.id), None)
            if held is None or held.configuration != mapping.configuration:
                return  # it was changed, or looked at, meanwhile: the next look tells
            keep(tx, mapping, seen, described, now)


def keep(tx: Transaction, mapping: Mapping, seen: Seen, described: Described, now: datetime) -> None:
    """The same in somebody's transaction."""
    shapes = json.dumps([asdict(s) for s in described.shapes])
    tx.run(_Q["describe"], mapping_id=mapping.id, fields=shapes, modified=described.modified, now=now)
    after = seen.mapping
    if (after.fields, after.stopped, after.external_id_field) != (
        mapping.fields, mapping.stopped, mapping.external_id_field,
    ):  # fmt: skip
        mappings.store_fields(tx, after)
    if after.external_id_field != mapping.external_id_field:
        _tell_children(tx, mapping, after.external_id_field)
    if seen.restored:
        tx.run(_Q["overtaken"], mapping_id=mapping.id, fields=list(seen.restored), now=now)
        refills.begin(tx, after, seen.restored)
    if seen.drifts:
        drifts = as_json(_noted(after, d) for d in seen.drifts)
        tx.run(_Q["note"], mapping_id=mapping.id, drifts=drifts, now=now)


def _tell_children(tx: Transaction, parent: Mapping, external_id: str) -> None:
    """Relationship columns hold the parent's external id, whatever its name is now."""
    for child in mappings.read(tx):
        keys = tuple(
            replace(k, field=external_id) if (k.sobject, k.field) == (parent.sobject, parent.external_id_field) else k
            for k in child.parent_keys
        )
        if keys != child.parent_keys:
            mappings.store_fields(tx, replace(child, parent_keys=keys))


def _noted(mapping: Mapping, drift: Drift) -> dict[str, object]:
    field = mapping.by_name.get(drift.field)
    mends = ddl.mend(mapping, field, drift.to) if field and not drift.safe else []
    return {
        "field": drift.field, "what": drift.what, "safe": drift.safe, "detail": drift.detail,
        "ddl": ";\n".join(mends) or None,
    }  # fmt: skip


def _shape(held: dict[str, Any]) -> Shape:
    kind = Kind(held["kind"]) if held["kind"] else None
    return Shape(**{**held, "kind": kind, "values": tuple(held["values"])})


class Drifting:
    """Implements desk.Drifts."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def newest(self) -> list[dict[str, Any]]:
        """What changed in the org and waits for a person, newest first."""
        with self._database.transaction() as tx:
            return find(tx)


def find(
    tx: Transaction, *, number: int | None = None, sobject: str | None = None, settled: bool = False
) -> list[dict[str, Any]]:
    """What changed: what is open first, then newest first."""
    return tx.dicts(_Q["list"], id=number, object=sobject, settled=settled)


def settle(tx: Transaction, number: int, decision: Decision) -> bool:
    """Somebody has decided; False where somebody else has before."""
    return bool(tx.run(_Q["settle"], id=number, now=decision.at, who=decision.who))


def apply(tx: Transaction, drift: dict[str, Any], mapping: Mapping, shape: Shape | None, decision: Decision) -> str:
    """Mend the table, or let a field leave its mapping; what was done, in words.

    A field that was retyped gets a column of its new type and is read for every row; one that is gone leaves the mapping,
    and its column stays with what it says.

    Args:
        shape: The field as it is now.

    Raises:
        Terminal: the field is not stopped any more, or a value in the column does not fit the new type; nothing was done.
    """
    field = next((f for f in mapping.stopped if f.name == drift["field"]), None)
    if field is None:
        raise Terminal(
            "not_stopped", f"{drift['field']} is not stopped", f"`isthmus drift ignore {drift['id']}` settles it."
        )
    rest = tuple(f for f in mapping.stopped if f is not field)
    if not settle(tx, drift["id"], decision):
        return "somebody else has settled it meanwhile"
    if drift["what"] == RETYPED and shape is not None and shape.kind is not None:
        return _retype(tx, mapping, field, shape.kind, rest)
    for statement in ddl.capture_anew(replace(mapping, stopped=rest)):
        tx.run_bound(statement)
    mappings.store_fields(tx, replace(mapping, stopped=rest))
    return f"{field.name} has left the mapping; the column {mapping.table}.{field.column} stays as it is"


def _retype(tx: Transaction, mapping: Mapping, field: Field, kind: Kind, rest: Sequence[Field]) -> str:
    for statement in ddl.mend(mapping, field, kind):
        tx.run_bound(statement)
    mended = replace(field, kind=kind, stopped="")
    after = replace(mapping, fields=(*mapping.fields, mended), stopped=tuple(rest))
    mappings.store_fields(tx, after)
    refills.begin(tx, after, [field.name])
    return f"{mapping.table}.{field.column} is {kind} now, and is read for every row"
