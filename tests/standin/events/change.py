"""One record's change as an event: its kind, which fields it names, and its bytes."""

import difflib
import hashlib
import re
from dataclasses import dataclass
from typing import Any

from tests.standin.events import bitmaps
from tests.standin.events.avro import CHANGE_TYPES, Schema
from tests.standin.events.binary import NULL, text, texts, varint
from tests.standin.store import Committed
from tests.standin.table import Record

DIFF_FROM = 1000  #: characters; shorter texts always travel whole

_LINES = re.compile(r"\r\n|\r|\n")
_TYPES = {name: varint(place) for place, name in enumerate(CHANGE_TYPES)}


@dataclass(slots=True)
class Draft:
    """A change event without its place in a transaction. Equal changes of several records share one draft."""

    schema: Schema
    kind: str
    record_ids: list[str]
    fields: bytes  #: nulled, diff and changed fields as bytes
    body: bytes
    origin: str
    user: str
    weight: int = 1  #: how many changes it counts as: each changed field of an update

    @property
    def same_as(self) -> tuple[str, str, str, str, bytes, bytes]:
        """What changes of several records must share to become one event."""
        return self.schema.id, self.kind, self.origin, self.user, self.fields, self.body


@dataclass(frozen=True, slots=True)
class Moment:
    """When and as what a transaction was committed."""

    key: str
    number: int
    at_ms: int


def kind_of(old: Record | None, new: Record | None) -> str | None:
    """What became of a record; None when nobody outside can have seen it change."""
    if new is None:
        return None  # gone for good: no event
    if old is None:
        return None if new["IsDeleted"] else "CREATE"
    if old["IsDeleted"] != new["IsDeleted"]:
        return "DELETE" if new["IsDeleted"] else "UNDELETE"
    return None if new["IsDeleted"] else "UPDATE"


def draft(schema: Schema, change: Committed, diffs: bool) -> Draft | None:
    """The event of one record's change; None when there is none."""
    kind = kind_of(change.old, change.new)
    if kind is None or change.new is None or change.actor is None:
        return None
    origin, user, weight = change.actor.origin, change.actor.user_id, 1
    if kind == "UPDATE":
        fields, body, weight = _update(schema, change.old or {}, change.new, diffs)
    else:
        fields, body = NULL * 3, _body(schema, {} if kind == "DELETE" else change.new)
    return Draft(schema, kind, [change.record_id], fields, body, origin, user, weight)


def gap(schema: Schema, kind: str, record_ids: list[str], origin: str, user: str) -> Draft:
    """An event without data: read the records again."""
    return Draft(schema, kind, record_ids, NULL * 3, _body(schema, {}), origin, user)


def payload(event: Draft, moment: Moment, sequence: int) -> bytes:
    """The whole event in Avro's binary form."""
    return b"".join(
        (
            text(event.schema.entity),
            texts(event.record_ids),
            _TYPES[event.kind],
            text(event.origin),
            text(moment.key),
            varint(sequence),
            varint(moment.at_ms),
            varint(moment.number),
            text(event.user),
            event.fields,
            event.body,
        )
    )


def _body(schema: Schema, values: Record) -> bytes:
    """Every field after the header, null where `values` has nothing."""
    found = [NULL] * (schema.size - 1)
    compounds: dict[int, dict[int, bytes]] = {}
    places = schema.places
    for name, value in values.items():
        place = places.get(name)
        if place is None or value is None:
            continue
        if place.part is None:
            found[place.index - 1] = place.write(value)
        else:
            compounds.setdefault(place.index, {})[place.part] = place.write(value)
    for index, parts in compounds.items():
        found[index - 1] = b"\x02" + b"".join(parts.get(part, NULL) for part in range(schema.widths[index]))
    return b"".join(found)


def _update(schema: Schema, old: Record, new: Record, diffs: bool) -> tuple[bytes, bytes, int]:
    """Header bitmaps, body and weight of an update: only what changed; LastModifiedDate always, if the record has it."""
    names = [name for name, value in new.items() if old.get(name) != value]
    names += [name for name in old if name not in new]
    names = [name for name in dict.fromkeys([*names, "LastModifiedDate"]) if name in schema.places]
    names = names if "LastModifiedDate" in new else names[:-1]
    values: dict[str, Any] = {name: new.get(name) for name in names}
    nulled = [name for name in names if values[name] is None]
    diffed = []
    for name in names if diffs else ():
        shorter = difference(old.get(name), values[name]) if schema.places[name].long_text else None
        if shorter is not None:
            values[name] = shorter
            diffed.append(name)
    fields = b"".join(_bitmap(schema, listed) for listed in (nulled, diffed, names))
    return fields, _body(schema, values), len(names)


def _bitmap(schema: Schema, names: list[str]) -> bytes:
    if not names:
        return NULL
    places = (schema.places[name] for name in names)
    return texts(bitmaps.encode((place.index, place.part) for place in places))


def difference(old: Any, new: Any) -> str | None:
    """A unified diff by lines without context, headed by the SHA-256 of the new text; None where it saves nothing."""
    if not isinstance(old, str) or not isinstance(new, str) or len(new) < DIFF_FROM:
        return None
    before, after = _LINES.split(old), _LINES.split(new)
    lines = list(difflib.unified_diff(before, after, n=0, lineterm=""))[2:]
    listed = [_counted(line) if line.startswith("@@") else line for line in lines]
    found = "\n".join(["--- ", f"+++ {hashlib.sha256(new.encode()).hexdigest()}", *listed])
    return found if len(found) < len(new) else None


def _counted(hunk: str) -> str:
    """`@@ -2 +2 @@` as Salesforce writes it, with the count of one: `@@ -2,1 +2,1 @@`."""
    _, before, after, _ = hunk.split()
    return " ".join(("@@", *(side if "," in side else f"{side},1" for side in (before, after)), "@@"))
