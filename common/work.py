"""The other noun that travels: a piece of work that a door asks of another, through topic `work`."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from common.errors import Terminal, Transient

TOPIC = "work"
VERSION = 1
KIND = "kind"  #: the attribute by which each reader's subscription filters

NUDGE = "nudge"  #: something was written: drain now. Its body says nothing, so that any number of them is one
RESYNC = (
    "resync"  #: compare an object's records, all or those since a time: {"object", "since", "reason"}; go on: {"run"}
)
BULK_POLL = "bulk_poll"  #: look after a Bulk API job
BACKFILL = "backfill"  #: do one slice of a first load: {"backfill", "slice"}

_HINT = "It was not written by Isthmus, or was damaged on its way. Discard it, or replay it after an upgrade."


@dataclass(frozen=True, slots=True)
class Work:
    """What is to be done, and what is needed to know for it. The reader must bear to get it twice, and late."""

    kind: str
    body: Mapping[str, Any] = field(default_factory=dict)  #: JSON values


def resync(sobject: str, reason: str, since: datetime | None = None) -> Work:
    """The wish that an object's records be compared, all or those changed since then."""
    return Work(RESYNC, {"object": sobject, "reason": reason, "since": since.isoformat() if since else None})


def slice_of(run: int) -> Work:
    """The wish that a comparison which was begun go on."""
    return Work(RESYNC, {"run": run})


def encode(work: Work) -> bytes:
    """The message's bytes: the kind stands in them too, so that a kept message still knows it without its attributes."""
    held = {"v": VERSION, "kind": work.kind, "body": dict(work.body)}
    return json.dumps(held, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def decode(data: bytes) -> Work:
    """The work of a message. Unknown keys are ignored.

    Raises:
        Transient: it is of a version that a newer release writes.
        Terminal: it is no message of ours.
    """
    try:
        held = json.loads(data)
        version = held["v"]
    except (ValueError, KeyError, TypeError, RecursionError) as exc:
        raise Terminal("work_unreadable", f"{type(exc).__name__}: {exc}", _HINT) from exc
    if version != VERSION:
        raise Transient("message_version", f"version {version!r}", "A newer release wrote it: deploy that release.")
    kind, body = held.get("kind"), held.get("body", {})
    if not isinstance(kind, str) or not kind or not isinstance(body, dict):
        raise Terminal("work_unreadable", f"kind {kind!r}, body of {type(body).__name__}", _HINT)
    return Work(kind, body)


def attributes(work: Work, trace: str = "") -> dict[str, str]:
    """The message's attributes."""
    return {KIND: work.kind} | ({"traceparent": trace} if trace else {})
