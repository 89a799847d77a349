"""One fault: what goes wrong, where, and how often; and how an order becomes one."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any

from tests.standin.events.failures import KNOWN as EVENT_ERRORS

Json = dict[str, Any]

CALLS = {
    "status": int,  #: answered instead of doing the work
    "status_after_commit": int,  #: the work is done, this is answered
    "latency_seconds": float,  #: the call waits that long, then the work is done and answered
    "timeout_seconds": float,  #: the work is done at once, the answer is held back that long
    "drop_before_work": bool,  #: the connection is cut, nothing is done
    "drop_after_commit": bool,  #: the work is done, the connection is cut without an answer
    "drop_in_body": int,  #: the work is done, the connection ends after so many bytes of the answer's body
    "commit_after_seconds": float,  #: no answer; the work is done that much later, on the stand-in's clock
    "expire_session": bool,  #: the caller's session ends, 401 is answered
}
RECORDS = {
    "record_error": dict,  #: {"statusCode", "message", "fields"}: this record is refused
    "request_error": dict,  #: {"status", "errorCode", "message"}: the call that brings this record fails whole
}
MESSAGES = {"outbound": str}  #: what happens to an outbound message
EVENT_CALLS = {"event_error": str}  #: a Pub/Sub call fails with this error code (`service.unavailable`, ...)
OUTBOUND = ("lose", "duplicate", "delay", "reorder")
KINDS: dict[str, Callable[[Any], Any]] = {**CALLS, **RECORDS, **MESSAGES, **EVENT_CALLS}
LIMITS: Json = {"match": "", "probability": 1.0, "seed": 0, "times": None, "for_seconds": None}
NUMBERS = {"probability": float, "times": int, "for_seconds": float, "seconds": float}
MOST_TIMES = 1_000_000_000
OPTIONS: dict[str, tuple[str, ...]] = {
    "status": ("errorCode", "message"),
    "status_after_commit": ("errorCode", "message"),
    "commit_after_seconds": ("hold",),
    "record_error": ("object", "operation", "where", "gives"),
    "request_error": ("object", "operation", "where", "gives", "scope"),
    "outbound": ("seconds",),
}
SCOPES = ("call", "collection")


@dataclass(slots=True)
class Fault:
    """A fault in force. `order` is what was asked for, with the defaults filled in."""

    kind: str
    value: Any
    order: Json
    match: re.Pattern[str]
    where: re.Pattern[str] | None
    until: float | None  #: on the stand-in's clock; None without end
    random: Random = field(default_factory=Random)
    happened: int = 0

    def strikes(self, text: str, now: float) -> bool:
        """Whether it happens now to what `text` names; counts it."""
        order = self.order
        if order["times"] is not None and self.happened >= order["times"]:
            return False
        if (self.until is not None and now >= self.until) or not self.match.search(text):
            return False
        if order["probability"] < 1.0 and self.random.random() >= order["probability"]:
            return False
        self.happened += 1
        return True

    def concerns(self, operation: str, sobject: str, body: Json, old: Json) -> bool:
        """Whether a record fault means this record: its object, what is done to it, and what it holds."""
        order = self.order
        if order.get("object") not in (None, sobject) or order.get("operation") not in (None, operation):
            return False
        if order.get("gives") is not None and order["gives"] not in body:
            return False
        if self.where is None:
            return True
        name = order["where"]["field"]
        value = body.get(name, old.get(name))
        return value is not None and self.where.search(str(value)) is not None

    def as_json(self) -> Json:
        return {**self.order, "happened": self.happened}


def ordered(given: Json, now: float) -> Fault:
    """The fault that an order asks for; ValueError says what is wrong with the order."""
    kinds = [name for name in KINDS if given.get(name) not in (None, False)]
    if len(kinds) != 1:
        raise ValueError(f"a fault is exactly one of {', '.join(KINDS)}")
    kind = kinds[0]
    unknown = set(given) - {*KINDS, *LIMITS, *OPTIONS.get(kind, ())}
    if unknown:
        raise ValueError(f"{kind} does not know {', '.join(sorted(unknown))}")
    order = {**LIMITS, **{name: value for name, value in given.items() if name not in KINDS}}
    order |= {name: convert(order[name]) for name, convert in NUMBERS.items() if order.get(name) is not None}
    if not 0 <= (order["times"] or 0) <= MOST_TIMES:
        raise ValueError(f"times is a number from 0 to {MOST_TIMES}")
    order[kind] = _value(kind, given[kind])
    if order.get("scope", "call") not in SCOPES:
        raise ValueError(f"scope is one of {', '.join(SCOPES)}")
    where = order.get("where")
    return Fault(
        kind,
        order[kind],
        order,
        _pattern("match", order["match"]),
        _pattern("where.matches", where["matches"]) if where else None,
        now + order["for_seconds"] if order["for_seconds"] is not None else None,
        Random(order["seed"]),
    )


def _value(kind: str, given: Any) -> Any:
    value = KINDS[kind](given)
    if kind in ("status", "status_after_commit"):
        return _status(value)
    if kind.endswith("_seconds") and value < 0:
        raise ValueError(f"{kind} cannot be less than 0")
    if kind == "outbound" and value not in OUTBOUND:
        raise ValueError(f"outbound is one of {', '.join(OUTBOUND)}")
    if kind == "event_error" and value not in EVENT_ERRORS:
        raise ValueError(f"event_error is one of {', '.join(EVENT_ERRORS)}")
    if kind == "record_error":
        fields = [str(name) for name in value.get("fields", ())]
        return {"statusCode": str(value["statusCode"]), "message": str(value.get("message", "")), "fields": fields}
    if kind == "request_error":
        words = {"errorCode": str(value["errorCode"]), "message": str(value.get("message", ""))}
        return {"status": _status(int(value.get("status", 400))), **words}
    return value


def _status(number: int) -> int:
    if not 400 <= number <= 599:
        raise ValueError(f"a status is 400 to 599, not {number}")
    return number


def _pattern(name: str, text: str) -> re.Pattern[str]:
    try:
        return re.compile(text)
    except re.error as exc:
        raise ValueError(f"{name} is not a regular expression: {exc}") from exc
