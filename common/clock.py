"""Time as a parameter: whoever needs it is given a Clock."""

from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]


def now() -> datetime:
    """The present, aware, in UTC."""
    return datetime.now(UTC)


def parse(text: str) -> datetime:
    """Read any time Salesforce or Postgres writes; UTC.

    Takes `2017-05-02T11:53:53.000Z`, `+0000` without colon and `+00:00`; without an offset UTC is meant.

    Raises:
        ValueError: it is no time, or leaves the calendar's 9999 years when moved to UTC.
    """
    moment = datetime.fromisoformat(text)
    try:
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except OverflowError as exc:
        raise ValueError(f"{text!r} is out of range in UTC") from exc
