"""Avro schemas of events, and records read by them."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from typing import Any

HEADER = "ChangeEventHeader"

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a schema. What it means stands in its doc only: `Data:DateTime`, `ForeignKey:EntityId`."""

    name: str
    kind: str
    parts: tuple[Field, ...] = ()  #: of a compound field


class Schema:
    """One schema; an object has another one as soon as a field is added."""

    def __init__(self, text: str) -> None:
        import fastavro  # late: a door without events starts without it

        held: Json = json.loads(text)
        self._read = fastavro.schemaless_reader
        self._whole = fastavro.parse_schema(held)
        first = held["fields"][0]
        self._header = fastavro.parse_schema(first["type"]) if first["name"] == HEADER else None
        self.name: str = held["name"]
        self.fields = _fields(held)

    def record(self, payload: bytes) -> Json:
        """A payload's record.

        Raises:
            Exception: of many kinds, where it is not of this schema.
        """
        rest = io.BytesIO(payload)
        found: Any = self._read(rest, self._whole, None)
        if rest.read(1):
            raise ValueError("bytes are left over")
        return dict(found)

    def header(self, payload: bytes) -> Json:
        """The header alone, which comes first: it may be legible where the rest is not. Raises as `record` does."""
        if self._header is None:
            raise ValueError(f"{self.name} has no header")
        found: Any = self._read(io.BytesIO(payload), self._header, None)
        return dict(found)


def _fields(schema: Json) -> tuple[Field, ...]:
    known: dict[str, tuple[Field, ...]] = {}  # a record is spelt out at its first use, and named from then on
    return tuple(_field(one, known) for one in schema["fields"])


def _field(held: Json, known: dict[str, tuple[Field, ...]]) -> Field:
    kinds = held["type"] if isinstance(held["type"], list) else [held["type"]]
    parts: tuple[Field, ...] = ()
    for kind in kinds:
        if isinstance(kind, dict) and kind["type"] == "record":
            known[kind["name"]] = tuple(_field(part, known) for part in kind["fields"])
            parts = known[kind["name"]]
        elif isinstance(kind, str) and kind in known:
            parts = known[kind]
    return Field(held["name"], _kind(held.get("doc", "")), parts)


def _kind(doc: str) -> str:
    words = doc.split(":")
    return words[1] if len(words) > 1 else ""
