"""SOQL's date literals (TODAY, LAST_N_DAYS:3, ...) as ranges of days, in UTC."""

from datetime import date, timedelta

from tests.standin.errors import malformed_query

Range = tuple[date, date]  #: first day, and the day after the last one


def days_of(word: str, today: date) -> Range:
    """The days that a date literal names, seen from today."""
    name, _, count = word.partition(":")
    if count:
        return _counted(name, int(count), today)
    if name in ("YESTERDAY", "TODAY", "TOMORROW"):
        first = today + timedelta(days=("YESTERDAY", "TODAY", "TOMORROW").index(name) - 1)
        return first, first + timedelta(days=1)
    step, unit = name.split("_")
    shift = ("LAST", "THIS", "NEXT").index(step) - 1
    if unit == "WEEK":
        sunday = today - timedelta(days=(today.weekday() + 1) % 7) + timedelta(weeks=shift)
        return sunday, sunday + timedelta(weeks=1)
    if unit == "MONTH":
        return _month(today, shift), _month(today, shift + 1)
    return date(today.year + shift, 1, 1), date(today.year + shift + 1, 1, 1)


def _counted(name: str, count: int, today: date) -> Range:
    tomorrow = today + timedelta(days=1)
    if name == "LAST_N_DAYS":
        return today - timedelta(days=count), tomorrow
    if name == "NEXT_N_DAYS":
        return tomorrow, tomorrow + timedelta(days=count)
    if name == "N_DAYS_AGO":
        return today - timedelta(days=count), today - timedelta(days=count - 1)
    raise malformed_query(f"the date literal {name} is not supported by this stand-in")


def _month(today: date, shift: int) -> date:
    months = today.year * 12 + today.month - 1 + shift
    return date(months // 12, months % 12 + 1, 1)
