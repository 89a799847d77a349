"""Changes as the bytes of a message: versioned JSON, several changes of one object in one message."""

import json
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from common import clock
from common.change import Change, Op, Side, Value
from common.errors import Terminal, Transient

VERSION = 1
MAX_BYTES = 1_000_000  #: Pub/Sub takes 10 MB; a tenth keeps one push short

_BEGINNING = b'{"v":'  # of every message

_OPS = {op.value: op for op in Op}
_VALUES = {str, bool, type(None)}
_HINT = "It was not written by Isthmus, or was damaged on its way. Discard it, or replay it after an upgrade."


def encode(changes: Sequence[Change], *, max_changes: int) -> Iterator[bytes]:
    """As few messages as fit.

    Args:
        changes: Of one object and source.
        max_changes: In one message.
    """
    parts: list[bytes] = []
    size = 0
    for change in changes:
        part = _dump(_as_json(change))
        if parts and (len(parts) == max_changes or size + len(part) > MAX_BYTES):
            yield _message(changes[0], parts)
            parts, size = [], 0
        parts.append(part)
        size += len(part)
    if parts:
        yield _message(changes[0], parts)


def is_ours(data: bytes) -> bool:
    """Whether a message was encoded here, of whatever version, and so is none of Debezium's."""
    return data.startswith(_BEGINNING)


def _message(first: Change, parts: Sequence[bytes]) -> bytes:
    head = _dump({"v": VERSION, "source": first.source, "sobject": first.sobject})
    return head[:-1] + b',"changes":[' + b",".join(parts) + b"]}"


def _dump(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def _as_json(change: Change) -> dict[str, object]:
    held: dict[str, object] = {
        "id": change.record_id,
        "op": change.op,
        "stamp": change.stamp.isoformat(),
        "event": change.event_id,
        "fields": change.fields,
    }
    if change.origin:
        held["origin"] = change.origin
    if change.read_at:
        held["read_at"] = change.read_at.isoformat()
    if change.buried:
        held["buried"] = True
    return held


def decode(data: bytes) -> list[Change]:
    """The changes of a message. Unknown keys are ignored.

    Raises:
        Transient: it is of a version that a newer release writes.
        Terminal: it is no message of ours.
    """
    try:
        message = json.loads(data)
        version = message["v"]
    except (ValueError, KeyError, TypeError, RecursionError) as exc:
        raise Terminal("message_unreadable", str(exc), _HINT) from exc
    if version != VERSION:
        raise Transient("message_version", f"version {version!r}", "A newer release wrote it: deploy that release.")
    try:
        source, sobject = Side(message["source"]), _text(message["sobject"])
        return [_from_json(source, sobject, held) for held in _is(message["changes"], list)]
    except (ValueError, KeyError, TypeError, AttributeError) as exc:
        raise Terminal("message_unreadable", f"{type(exc).__name__}: {exc}", _HINT) from exc


def _from_json(source: Side, sobject: str, held: dict[str, Any]) -> Change:
    read_at = held.get("read_at")
    return Change(
        source=source,
        sobject=sobject,
        record_id=_text(held["id"]),
        op=_OPS[held["op"]],
        stamp=_moment(held["stamp"]),
        event_id=_text(held["event"]),
        fields=_fields(held["fields"]),
        origin=_text(held.get("origin", "")),
        read_at=_moment(read_at) if read_at else None,
        buried=bool(held.get("buried", False)),
    )


def _is(value: Any, kind: type) -> Any:
    if not isinstance(value, kind):
        raise TypeError(f"{kind.__name__} expected, not {type(value).__name__}")
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"str expected, not {type(value).__name__}")
    return value


def _fields(held: Any) -> dict[str, Value]:
    fields: dict[str, Value] = _is(held, dict)
    if strange := set(map(type, fields.values())) - _VALUES:  # types and not values: this runs for every field there is
        raise TypeError(f"text, boolean or null expected, not {strange.pop().__name__}")
    return fields


def _moment(text: str) -> datetime:
    return clock.parse(text)
