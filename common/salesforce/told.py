"""What others tell us of records: refused in few words, stamped with no more than they know."""

from collections.abc import Mapping
from datetime import datetime

from common import clock
from common.change import MODSTAMP, UNSTAMPED, Value
from common.errors import Terminal

MAX_WORDS = 200


def refused(reason: str, detail: str = "", hint: str = "") -> Terminal:
    """A refusal. A stranger's words are repeated in the log and in the answer: as few of them as help."""
    return Terminal(reason, detail if len(detail) <= MAX_WORDS else f"{detail[:MAX_WORDS]}...", hint)


def stamp(fields: Mapping[str, Value]) -> datetime:
    """SystemModstamp, or the least it can be.

    Raises:
        Terminal: it is no time; it would overwrite everything, or nothing.
    """
    for name in (MODSTAMP, "LastModifiedDate", "CreatedDate"):
        text = fields.get(name)
        if isinstance(text, str) and text:
            try:
                return clock.parse(text.strip())
            except ValueError as exc:
                raise refused(
                    "time_unreadable", f"{name} {text!r}", "Expected a time such as 2026-01-31T10:00:00.000Z."
                ) from exc
    return UNSTAMPED
