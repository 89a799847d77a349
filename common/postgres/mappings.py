"""The mappings in the database; kept in memory until the configuration's version moves."""

import json
import threading
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from common import rules
from common.errors import Misconfigured
from common.family import Child, ParentKey
from common.mapping import Capture, Direction, Field, Kind, Mapping, Policy
from common.postgres import identity
from common.postgres.connect import Database, Transaction
from common.postgres.queries import identifier, load

PAUSE_SECONDS = 20.0  #: how long a pause is believed without looking: waiting messages must not keep a database awake

_Q = load("mappings")


class MappingBook:
    """Implements ports.Mappings. Safe to share between threads."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = threading.Lock()
        self._held: tuple[Mapping, ...] | None = None
        self._org_id = ""
        self._read_at = 0.0

    def all(self) -> tuple[Mapping, ...]:
        """Every mapping, active or not."""
        with self._lock:
            if self._held is None:
                with self._database.transaction() as transaction:
                    self._org_id = self._whose(transaction)
                    self._held = read(transaction)
                    self._read_at = time.monotonic()
            return self._held

    def _whose(self, transaction: Transaction) -> str:
        """Behind a pooler a connection outlives the server that it led to, so each look asks who is there."""
        if self._database.checks_identity:
            return identity.refuse_moved(transaction)
        return str(identity.read(transaction)["org_id"] or "")

    @property
    def org_id(self) -> str:
        """The org that the database is bound to; empty before the first mapping."""
        self.all()
        return self._org_id

    def refresh(self, *, older_than: float = 0.0) -> None:
        """Forget what is held: the configuration has changed. Not what was read within so many seconds."""
        with self._lock:
            if time.monotonic() - self._read_at >= older_than:
                self._held = None

    def of_object(self, sobject: str) -> Sequence[Mapping]:
        """The mappings of a Salesforce object, whatever its name's case."""
        return [m for m in self.all() if m.sobject.lower() == sobject.lower()]

    def paused(self, sobject: str) -> bool:
        """Whether changes of a Salesforce object wait for a paused mapping; as it was some seconds ago at most."""
        self.refresh(older_than=PAUSE_SECONDS)
        return any(not m.active and m.direction is not Direction.PG_TO_SF for m in self.of_object(sobject))

    def of_table(self, table: str) -> Mapping | None:
        """The mapping that sends a table's edits to Salesforce, active or paused."""
        found = [m for m in self.all() if m.table == table and m.direction is not Direction.SF_TO_PG]
        return max(found, key=lambda m: m.active, default=None)


def read(transaction: Transaction) -> tuple[Mapping, ...]:
    """Read all mappings."""
    rows = transaction.dicts(_Q["mappings"])
    lists: dict[str, dict[str, frozenset[str]]] = {}
    for listed in outbound_messages(transaction):
        lists.setdefault(listed["sf_object_name"].lower(), {})[listed["action_id"]] = frozenset(listed["fields"])
    return _related([_mapping(row, lists.get(row["sf_object_name"].lower(), {})) for row in rows])


def _related(found: Sequence[Mapping]) -> tuple[Mapping, ...]:
    """Let each relationship column know its parents' table, and each table the columns that hold its keys."""
    knowing = [replace(m, parent_keys=tuple(_placed(k, m, found) for k in m.parent_keys)) for m in found]
    return tuple(replace(m, children=tuple(_children(m, knowing))) for m in knowing)


def _placed(key: ParentKey, child: Mapping, found: Sequence[Mapping]) -> ParentKey:
    """Where an object has several tables: the child's own, else the one whose edits are sent."""
    parents = [m for m in found if m.sobject == key.sobject and m.external_id_field == key.field]
    if not parents:
        return key
    best = max(parents, key=lambda m: (m.id == child.id, m.direction is not Direction.SF_TO_PG, m.active))
    return replace(key, table=best.table, key_column=best.key_column)


def _children(parent: Mapping, found: Sequence[Mapping]) -> list[Child]:
    return [
        Child(m.table, m.key_column, k.lookup_column, k.column)
        for m in found
        for k in m.parent_keys
        if k.table == parent.table
    ]


def _mapping(row: dict[str, Any], listed: dict[str, frozenset[str]]) -> Mapping:
    return Mapping(
        id=row["id"],
        sobject=row["sf_object_name"],
        table=row["pg_table_name"],
        direction=Direction(row["sync_direction"]),
        active=row["is_active"],
        key_column=row["key_column"],
        external_id_field=row["external_id_field"],
        fields=tuple(_field(f, row["sync_direction"]) for f in row["fields"] if not f.get("stopped")),
        stopped=tuple(_field(f, row["sync_direction"]) for f in row["fields"] if f.get("stopped")),
        policy=Policy(row["conflict_policy"]),
        capture=Capture(row["capture"]),
        filter=row["filter"] or "",
        configuration=row["configuration_version"],
        listed=listed,
        write_back_external_ids=row["write_back_external_ids"],
        parent_keys=tuple(_parent_key(f) for f in row["fields"] if f.get("parent_key") and not f.get("stopped")),
    )


def _field(held: dict[str, Any], direction: str) -> Field:
    return Field(
        held["name"], held["column"], Kind(held["type"]), held["createable"], held["updateable"],
        tuple(held.get("refers_to", ())), held.get("relationship", ""), held.get("required", False),
        _rules(held, direction), tuple(held.get("former", ())), held.get("stopped", ""),
    )  # fmt: skip


def _rules(held: dict[str, Any], direction: str) -> rules.Rules:
    if "rules" not in held:
        return rules.NONE
    sent = held["createable"] or held["updateable"]
    return replace(rules.read(held["rules"]), exact=sent and direction == Direction.BIDIRECTIONAL)


def _parent_key(held: dict[str, Any]) -> ParentKey:
    key = held["parent_key"]
    required = held.get("required", False) or not held["updateable"]
    return ParentKey(
        held["name"], held["relationship"], key["sobject"], key["field"], key["column"], held["column"], required
    )


def _stored(field: Field, keys: Sequence[ParentKey]) -> dict[str, Any]:
    held: dict[str, Any] = {
        "name": field.name, "column": field.column, "type": field.kind,
        "createable": field.createable, "updateable": field.updateable,
    }  # fmt: skip
    if field.refers_to:
        held |= {"refers_to": field.refers_to, "relationship": field.relationship, "required": field.required}
    if written := field.rules.written():
        held["rules"] = written
    held |= {"former": field.former} if field.former else {}
    held |= {"stopped": field.stopped} if field.stopped else {}
    for key in keys:
        if key.lookup == field.name:
            held["parent_key"] = {"sobject": key.sobject, "field": key.field, "column": key.column}
    return held


def insert(transaction: Transaction, mapping: Mapping) -> int:
    """Store a new mapping; its id.

    Raises:
        Terminal: it exists already, or another one writes from the same table.
    """
    fields = [_stored(f, mapping.parent_keys) for f in mapping.fields]
    rows = transaction.run(
        _Q["insert_mapping"],
        sobject=mapping.sobject,
        table=mapping.table,
        direction=mapping.direction,
        key_column=mapping.key_column,
        external_id_field=mapping.external_id_field,
        fields=json.dumps(fields),
        policy=mapping.policy,
        write_back_external_ids=mapping.write_back_external_ids,
        capture=mapping.capture,
        filter=mapping.filter or None,
    )
    return int(rows[0][0])


def store_fields(transaction: Transaction, mapping: Mapping) -> None:
    """Store a mapping's fields, relationship columns and external id field anew."""
    fields = [_stored(f, mapping.parent_keys) for f in (*mapping.fields, *mapping.stopped)]
    transaction.run(
        _Q["store_fields"], id=mapping.id, fields=json.dumps(fields), external_id_field=mapping.external_id_field
    )


def edits_of(transaction: Transaction, mapping: Mapping, columns: Sequence[str]) -> int:
    """How many edits of these columns Salesforce has not got yet. Waits for writers, and keeps new ones out."""
    if mapping.direction is Direction.SF_TO_PG:
        return 0
    transaction.run_bound(f"LOCK TABLE {identifier(mapping.table)} IN SHARE ROW EXCLUSIVE MODE")
    return int(transaction.run(_Q["edits_of"], table=mapping.table, columns=list(columns))[0][0])


def set_policy(transaction: Transaction, mapping: Mapping, policy: Policy, *, write_back: bool) -> None:
    """Let another policy decide conflicts, and records without an external id get their row's key or not."""
    transaction.run(_Q["set_policy"], id=mapping.id, policy=policy, write_back_external_ids=write_back)


def set_filter(transaction: Transaction, mapping: Mapping, condition: str) -> None:
    """Hold a mapping to another filter, or to none."""
    transaction.run(_Q["set_filter"], id=mapping.id, filter=condition or None)


def set_capture(transaction: Transaction, mapping: Mapping, capture: Capture) -> None:
    """From this transaction on somebody else captures; it must hold the table's lock, so that no edit is half one's.

    Debezium's events from before are logged all the same, those from after not.
    """
    transaction.run(_Q["set_capture"], id=mapping.id, capture=capture)


def delete(transaction: Transaction, mapping: Mapping) -> int:
    """Forget a mapping; its table stays. How many edits Salesforce never got, and never will."""
    transaction.run(_Q["delete_mapping"], id=mapping.id)
    if mapping.direction is Direction.SF_TO_PG:
        return 0
    return len(transaction.run(_Q["void"], table=mapping.table))


def set_active(transaction: Transaction, mapping_ids: list[int], active: bool, who: str = "", why: str = "") -> None:
    """Pause or resume delivery; capture goes on."""
    transaction.run(_Q["set_active"], ids=mapping_ids, active=active, who=who, why=why)


def pause_all(transaction: Transaction, paused: bool, who: str = "", why: str = "") -> None:
    """Pause everything, or resume what is not paused for itself."""
    transaction.run(_Q["pause_all"], paused=paused, who=who, why=why)


def paused_all(transaction: Transaction) -> dict[str, Any] | None:
    """Since when everything is paused, by whom and why; None where it is not."""
    (row,) = transaction.dicts(_Q["paused_all"])
    return row if row["paused_at"] else None


def register_outbound_message(transaction: Transaction, sobject: str, action_id: str, fields: list[str]) -> None:
    """Store which fields an outbound message selects."""
    transaction.run(_Q["register_outbound_message"], sobject=sobject, action_id=action_id, fields=fields)


def outbound_messages(transaction: Transaction) -> list[dict[str, Any]]:
    """What is known of each outbound message: sf_object_name, action_id ('' for any), fields, registered_at."""
    return transaction.dicts(_Q["outbound_messages"])


def bind_org(transaction: Transaction, org_id: str) -> None:
    """Bind the database to an org, or check that it is bound to this one.

    Raises:
        Misconfigured: it belongs to another org.
    """
    bound = transaction.run(_Q["bind_org"], org_id=org_id)[0][0]
    if bound != org_id:
        raise Misconfigured(
            "other_org",
            f"this database belongs to org {bound}, not to {org_id}",
            "Connect the database of this org, or the org of this database.",
        )
