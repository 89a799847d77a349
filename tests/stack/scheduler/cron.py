"""Cron lines, and when they fire next in a time zone."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

HORIZON = timedelta(days=366 * 8)  #: 29 February comes at least once in it
_RANGES = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))
_MONTHS = {
    m: n for n, m in enumerate(["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"], 1)
}
_DAYS = {d: n for n, d in enumerate(["sun", "mon", "tue", "wed", "thu", "fri", "sat"])}
_NAMES: tuple[dict[str, int], ...] = ({}, {}, {}, _MONTHS, _DAYS)


@dataclass(frozen=True, slots=True)
class Cron:
    """The five fields as sets of numbers."""

    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]  #: 0 is Sunday
    any_day: bool  #: the day of the month is *
    any_weekday: bool

    def after(self, now: datetime, zone: ZoneInfo) -> datetime:
        """The first whole minute after now that fits, by the zone's wall clock; in UTC.

        Raises:
            ValueError: none in eight years.
        """
        moment = now.astimezone(UTC).replace(second=0, microsecond=0) + timedelta(minutes=1)
        end = moment + HORIZON
        while moment < end:
            local = moment.astimezone(zone)
            if not self._fits_day(local):
                moment = max(_next_midnight(local), moment + timedelta(minutes=1))
            elif local.hour not in self.hours:
                moment += timedelta(minutes=60 - local.minute)
            elif local.minute not in self.minutes:
                moment += timedelta(minutes=1)
            else:
                return moment
        raise ValueError("it never fires")

    def _fits_day(self, local: datetime) -> bool:
        if local.month not in self.months:
            return False
        by_date, by_weekday = local.day in self.days, local.isoweekday() % 7 in self.weekdays
        if self.any_day or self.any_weekday:
            return by_date and by_weekday
        return by_date or by_weekday  # cron's old rule: where both are given, either will do


def _next_midnight(local: datetime) -> datetime:
    day = (local.replace(tzinfo=None) + timedelta(days=1)).replace(hour=0, minute=0)
    return day.replace(tzinfo=local.tzinfo).astimezone(UTC)


def parse(line: str) -> Cron:
    """Read a cron line.

    Raises:
        ValueError: it is none.
    """
    fields = line.lower().split()
    if len(fields) != len(_RANGES):
        raise ValueError(f"{line!r} has {len(fields)} fields, not 5")
    minutes, hours, days, months, weekdays = (
        _field(f, low, high, names) for f, (low, high), names in zip(fields, _RANGES, _NAMES, strict=True)
    )
    return Cron(
        minutes, hours, days, months, frozenset(n % 7 for n in weekdays),
        any_day=fields[2].startswith("*"), any_weekday=fields[4].startswith("*"),
    )  # fmt: skip


def _field(text: str, low: int, high: int, names: dict[str, int]) -> frozenset[int]:
    found: set[int] = set()
    for part in text.split(","):
        span, _, step = part.partition("/")
        first, last = _span(span, low, high, names, stepped=bool(step))
        if step and (not step.isdecimal() or int(step) < 1):
            raise ValueError(f"{part!r} has no step")
        if not low <= first <= last <= high:
            raise ValueError(f"{part!r} is not within {low} to {high}")
        found.update(range(first, last + 1, int(step or 1)))
    return frozenset(found)


def _span(text: str, low: int, high: int, names: dict[str, int], *, stepped: bool) -> tuple[int, int]:
    if text == "*":
        return low, high
    first, dash, last = text.partition("-")
    start = _number(first, names)
    if dash:
        return start, _number(last, names)
    return start, high if stepped else start


def _number(text: str, names: dict[str, int]) -> int:
    if text in names:
        return names[text]
    if not text.isdecimal():
        raise ValueError(f"{text!r} is no number")
    return int(text)
