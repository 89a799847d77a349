"""SOQL's date literals (TODAY, LAST_N_DAYS:3, ...) as ranges of days, in UTC; fiscal years are calendar years."""

from datetime import date, timedelta

Range = tuple[date, date]  #: first day, and the day after the last one
_MONTHS = {"MONTH": 1, "QUARTER": 3, "YEAR": 12}


def days_of(word: str, today: date) -> Range:
    """The days that a date literal names, seen from today."""
    name, _, count = word.replace("FISCAL_", "").partition(":")
    if count:
        return _counted(name, int(count), today)
    if name in ("YESTERDAY", "TODAY", "TOMORROW"):
        return _span("DAY", ("YESTERDAY", "TODAY", "TOMORROW").index(name) - 1, today)
    if name in ("LAST_90_DAYS", "NEXT_90_DAYS"):
        return _counted(name.replace("90", "N"), 90, today)
    step, unit = name.split("_")
    return _span(unit, ("LAST", "THIS", "NEXT").index(step) - 1, today)


def _counted(name: str, count: int, today: date) -> Range:
    """LAST_N_DAYS ends with today; of longer units the current one is left out."""
    if name.endswith("_AGO"):
        return _span(name.removeprefix("N_").removesuffix("S_AGO"), -count, today)
    step, _, units = name.split("_")
    unit = units.removesuffix("S")
    if step == "NEXT":
        return _span(unit, 1, today)[0], _span(unit, count, today)[1]
    return _span(unit, -count, today)[0], _span(unit, 0 if unit == "DAY" else -1, today)[1]


def _span(unit: str, shift: int, today: date) -> Range:
    """The day, week (from Sunday), month, quarter or year that lies so many steps from today's."""
    if unit == "DAY":
        return today + timedelta(days=shift), today + timedelta(days=shift + 1)
    if unit == "WEEK":
        sunday = today - timedelta(days=(today.weekday() + 1) % 7) + timedelta(weeks=shift)
        return sunday, sunday + timedelta(weeks=1)
    months = _MONTHS[unit]
    first = (today.year * 12 + today.month - 1) // months + shift
    return _month(first * months), _month((first + 1) * months)


def _month(months: int) -> date:
    return date(months // 12, months % 12 + 1, 1)
