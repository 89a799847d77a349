"""What an examination found: how it stands with one thing, and what to do about it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from common.errors import IsthmusError, Transient


class Level(StrEnum):
    """How much it matters."""

    OK = "ok"
    SKIPPED = "skipped"  #: could not be looked at from here
    WARNING = "warning"  #: works, or may, and is not as it should be
    PROBLEM = "PROBLEM"  #: something does not work


@dataclass(frozen=True, slots=True)
class Finding:
    """One sentence, and its remedy."""

    subject: str  #: what was looked at: login, pooler, triggers, ...
    level: Level
    says: str
    remedy: str = ""  #: what to do; every warning and problem has one


def ok(subject: str, says: str) -> Finding:
    return Finding(subject, Level.OK, says)


def skipped(subject: str, says: str, remedy: str = "") -> Finding:
    return Finding(subject, Level.SKIPPED, says, remedy)


def warning(subject: str, says: str, remedy: str) -> Finding:
    return Finding(subject, Level.WARNING, says, remedy)


def problem(subject: str, says: str, remedy: str) -> Finding:
    return Finding(subject, Level.PROBLEM, says, remedy)


def of_error(subject: str, exc: IsthmusError) -> Finding:
    """An error's own words; what may heal by waiting is to be looked at again."""
    remedy = exc.hint or ("Look again in a minute." if isinstance(exc, Transient) else "Mend it, then look again.")
    return problem(subject, f"{exc.reason}: {exc.detail}" if exc.detail else exc.reason, remedy)


def examined(subject: str, look: Callable[[], Iterator[Finding]]) -> Iterator[Finding]:
    """What a look finds; an error ends it, and is a finding too."""
    try:
        yield from look()
    except IsthmusError as exc:
        yield of_error(subject, exc)
