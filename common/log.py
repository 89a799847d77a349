"""One JSON line per change at the end of its journey, in the keys that Google Cloud Logging knows. No field values."""

import json
import re
import sys
from collections.abc import Iterable
from datetime import datetime

from common.change import UNSTAMPED, Change, Ending, Outcome
from common.errors import IsthmusError

_TRACEPARENT = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-")  #: W3C Trace Context
_project = "-"

_SEVERITY = {Ending.FAILED: "ERROR", Ending.WAITS: "WARNING", Ending.HELD: "WARNING", Ending.LATER: "DEBUG"}


def for_project(project: str) -> None:
    """Name the Google Cloud project, so that lines link to their traces. Once, when a door starts."""
    global _project
    _project = project or "-"


def endings(door: str, outcomes: Iterable[Outcome], *, now: datetime, trace: str = "", attempt: int = 1) -> None:
    """Write how each change ended.

    Args:
        now: When they ended, for the lag.
        trace: A traceparent, where the request told.
        attempt: Which delivery this was.
    """
    lines: list[dict[str, object]] = []
    for outcome in outcomes:
        change = outcome.change
        lines.append(
            {
                "severity": _SEVERITY.get(outcome.ending, "INFO"),
                "message": f"{change.sobject} {change.record_id} {outcome.ending}",
                "event": "change",
                "door": door,
                "sobject": change.sobject,
                "record_id": change.record_id,
                "event_id": change.event_id,
                "outcome": outcome.ending,
                "reason": outcome.reason,
                **_lag(change, now),
                "attempt": attempt,
                **_traced(trace),
            }
        )
    _write(lines)


def _lag(change: Change, now: datetime) -> dict[str, object]:
    """Milliseconds since it was made, where anybody knows when that was."""
    return {} if change.stamp == UNSTAMPED else {"lag_ms": round((now - change.stamp).total_seconds() * 1000)}


def run(door: str, event: str, *, trace: str = "", **numbers: float | str) -> None:
    """Write what one run of a door did: counts and milliseconds, by name."""
    line: dict[str, object] = {
        "severity": "INFO",
        "message": f"{door} {event}",
        "event": event,
        "door": door,
        **numbers,
    }
    _write([line | _traced(trace)])


def trouble(door: str, exc: IsthmusError, *, trace: str = "") -> None:
    """Write why a door could not go on."""
    line: dict[str, object] = {
        "severity": "WARNING",
        "message": f"{door}: {exc}",
        "event": "trouble",
        "door": door,
        "reason": exc.reason,
        "hint": exc.hint,
    }
    _write([line | _traced(trace)])


def _traced(traceparent: str) -> dict[str, object]:
    """The key under which Cloud Logging links a line to its trace."""
    found = _TRACEPARENT.match(traceparent)
    return {"logging.googleapis.com/trace": f"projects/{_project}/traces/{found[1]}"} if found else {}


def _write(lines: list[dict[str, object]]) -> None:
    # One write, so that lines of threads do not mix; in ASCII, so that no character can stop it.
    sys.stdout.write("".join(json.dumps(line) + "\n" for line in lines))
    sys.stdout.flush()
