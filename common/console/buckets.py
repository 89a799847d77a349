"""The buckets of a trend: every one of them, in a person's time zone, across changes of the clock. Pure."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

import tzdata  # noqa: F401 the zones themselves, where the machine has none: said here, a bundle takes it along

from common.errors import Terminal

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
STEPS = {
    "5 minutes": timedelta(minutes=5), "15 minutes": timedelta(minutes=15), "30 minutes": timedelta(minutes=30),
    "1 hour": HOUR, "3 hours": 3 * HOUR, "6 hours": 6 * HOUR, "12 hours": 12 * HOUR, "1 day": DAY, "1 week": 7 * DAY,
}  # fmt: skip
MOST_BUCKETS = 2000


def zone(name: str) -> ZoneInfo:
    """A time zone by its IANA name.

    Raises:
        Terminal: there is none of that name.
    """
    if name not in _zones():
        raise Terminal("time_zone", f"there is no time zone {name!r}", "Use an IANA name, such as Asia/Seoul or UTC.")
    return ZoneInfo(name)


@cache
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())


def starts(now: datetime, hours: int, step: timedelta, place: ZoneInfo) -> list[datetime]:
    """Where the buckets begin that cover the last `hours`, the one under way last; in the place's time, in order.

    Days and weeks are the calendar's, though a day may have 23 or 25 hours; weeks begin on Monday. Shorter buckets are as
    long as they say, and are counted from the first day's midnight.

    Raises:
        Terminal: they are too many.
    """
    count = -(-timedelta(hours=hours) // step)
    if count > MOST_BUCKETS:
        raise Terminal(
            "too_many_buckets", f"{count} buckets", f"Ask for {MOST_BUCKETS} at most: longer ones, or fewer hours."
        )
    found = list(_days(now, count, step, place) if step >= DAY else _spans(now, count, step, place))
    return [moment.astimezone(place) for moment in found]


def _days(now: datetime, count: int, step: timedelta, place: ZoneInfo) -> Iterator[datetime]:
    today = now.astimezone(place).date()
    last = today - timedelta(days=today.weekday()) if step > DAY else today
    for n in range(count - 1, -1, -1):
        day = last - n * step
        yield datetime(day.year, day.month, day.day, tzinfo=place).astimezone(UTC)


def _spans(now: datetime, count: int, step: timedelta, place: ZoneInfo) -> Iterator[datetime]:
    first_day = (now - count * step).astimezone(place).date()
    midnight = datetime(first_day.year, first_day.month, first_day.day, tzinfo=place).astimezone(UTC)
    last = (now - midnight) // step
    for n in range(last - count + 1, last + 1):
        yield midnight + n * step


def within_an_hour(moments: list[datetime]) -> bool:
    """Whether a bucket begins where no full hour of UTC does: hourly sums cannot tell then."""
    return any(m.astimezone(UTC).minute or m.astimezone(UTC).second for m in moments)
