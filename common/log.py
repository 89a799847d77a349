"""One JSON line per change at the end of its journey, in the keys that Google Cloud Logging knows. No field values."""

import json
import sys
from collections.abc import Iterable
from datetime import datetime

from common.change import Ending, Outcome
from common.errors import IsthmusError

_SEVERITY = {Ending.FAILED: "ERROR", Ending.WAITS: "WARNING", Ending.LATER: "DEBUG"}


def endings(door: str, outcomes: Iterable[Outcome], *, now: datetime, trace: str = "", attempt: int = 1) -> None:
    """Write how each change ended.

    Args:
        now: When they ended, for the lag.
        trace: `projects/P/traces/ID`, where the request told.
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
                "lag_ms": round((now - change.stamp).total_seconds() * 1000),
                "attempt": attempt,
                **({"logging.googleapis.com/trace": trace} if trace else {}),
            }
        )
    _write(lines)


def run(door: str, event: str, *, trace: str = "", **numbers: float | str) -> None:
    """Write what one run of a door did: counts and milliseconds, by name."""
    line: dict[str, object] = {
        "severity": "INFO",
        "message": f"{door} {event}",
        "event": event,
        "door": door,
        **numbers,
    }
    _write([line | ({"logging.googleapis.com/trace": trace} if trace else {})])


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
    _write([line | ({"logging.googleapis.com/trace": trace} if trace else {})])


def _write(lines: list[dict[str, object]]) -> None:
    # One write, so that lines of threads do not mix; in ASCII, so that no character can stop it.
    sys.stdout.write("".join(json.dumps(line) + "\n" for line in lines))
    sys.stdout.flush()
