"""Debezium's change envelope, as its Pub/Sub sink sends it: one message for each row that was changed."""

import json
from collections.abc import Mapping as Map
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from common.debezium.values import UNAVAILABLE, Type, plain
from common.errors import Terminal
from common.mapping import Mapping
from common.ports import Captured

_TOMBSTONES = (b"null", b"default")  #: what stands for a deleted row's empty message
_NO_CHANGE = {"ts_ms", "status"}  #: heartbeats and transaction boundaries have these, and no operation
_TYPES = {"c": "INSERT", "u": "UPDATE", "d": "DELETE", "r": "INSERT"}
_HINT = "It is neither ours nor a change of Debezium's: discard it, and see who publishes to this topic."
_FULL = "Run ALTER TABLE ... REPLICA IDENTITY FULL (isthmus mapping create --capture debezium does); then edit the row again."

Row = Map[str, Any]


@dataclass(frozen=True, slots=True)
class Event:
    """One row's change, as Debezium tells it."""

    table: str  #: schema.table
    op: str
    before: Row | None
    after: Row | None
    position: int  #: of the row's change in Postgres' log: the greater is the later, for one row
    transaction: int  #: its 32-bit id
    made_at: datetime  #: committed; of a snapshot, when that was taken
    snapshot: bool
    schema: Map[str, Type] = field(default_factory=dict)  #: by column, where schemas come along

    def captured(self, mapping: Mapping) -> Captured | None:
        """As the trigger would have logged it; None where no mapped column was edited.

        Raises:
            Terminal: it does not say what is needed.
        """
        key = self._key(mapping)
        if self.op == "d":
            old = self._columns(mapping, self.before or {})
            old |= {name: (self.before or {}).get(name) for name in ("sfid", mapping.key_column)}
            return self._captured(key, old, {})
        new = self._columns(mapping, self.after or {})
        if self.op != "u":
            return self._captured(key, {}, new, has_record=bool((self.after or {}).get("sfid")))
        if self.before is None:
            raise Terminal("replica_identity", f"{self.table} {key}: the row before the edit is missing", _FULL)
        old = self._columns(mapping, self.before)
        edited = [c for c in new if self._differ(c, old.get(c), new[c])]
        if not edited:
            return None
        return self._captured(key, {c: old.get(c) for c in edited}, {c: new[c] for c in edited})

    def _captured(self, key: str, old: Row, new: Row, *, has_record: bool = False) -> Captured:
        return Captured(
            self.table, key, _TYPES[self.op], old, new, self.position, self.transaction, self.made_at,
            snapshot=self.snapshot, has_record=has_record,
        )  # fmt: skip

    def _key(self, mapping: Mapping) -> str:
        row = self.before if self.op == "d" else self.after
        key = (row or {}).get(mapping.key_column)
        if key is None:
            raise Terminal("debezium_key", f"{self.table}: a row without {mapping.key_column}", _FULL)
        return str(key)

    def _columns(self, mapping: Mapping, row: Row) -> dict[str, Any]:
        """The mapped columns that the connector sends, as to_jsonb would write them."""
        return {
            f.column: None
            if row[f.column] == UNAVAILABLE
            else plain(f.kind, row[f.column], self.schema.get(f.column, {}))
            for f in mapping.captured
            if f.column in row
        }

    def _differ(self, column: str, old: Any, new: Any) -> bool:
        return (self.after or {}).get(column) != UNAVAILABLE and old != new


def read(data: bytes) -> Event | None:
    """The change of a message, with or without its schema; None for what is no row's change: tombstones, heartbeats,
    transaction boundaries, logical messages.

    Raises:
        Terminal: it is nothing of Debezium's, or tells of what cannot be carried over.
    """
    if data.strip() in _TOMBSTONES:
        return None
    try:
        held = json.loads(data, parse_float=str)
        payload = held["payload"] if "payload" in held and "schema" in held else held
        if payload is None or ("op" not in payload and payload.keys() & _NO_CHANGE):
            return None
        return _event(payload, held.get("schema") if payload is not held else None)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as exc:
        raise Terminal("message_unreadable", f"{type(exc).__name__}: {exc}", _HINT) from exc


def _event(payload: Any, schema: Any) -> Event | None:
    op, source = payload["op"], payload["source"]
    if op == "m":
        return None
    table = f"{source['schema']}.{source['table']}"
    if op == "t":
        raise Terminal(
            "truncated",
            f"{table} was truncated",
            "Salesforce keeps its records: delete them there, or restore the rows.",
        )
    if op not in _TYPES:
        raise ValueError(f"operation {op!r}")
    return Event(
        table, op, payload.get("before"), payload.get("after"), int(source["lsn"]), int(source["txId"]),
        _made_at(source), op == "r", _types(schema),
    )  # fmt: skip


def _made_at(source: Any) -> datetime:
    micros = source.get("ts_us")
    if micros is None:
        micros = int(source["ts_ms"]) * 1000
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=int(micros))


def _types(schema: Any) -> dict[str, Type]:
    """Each column's schema, out of the envelope's."""
    if schema is None:
        return {}
    rows = [f for f in schema["fields"] if f["field"] in ("after", "before")]
    return {column["field"]: column for row in rows for column in row.get("fields", ())}
