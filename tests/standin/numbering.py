"""Auto-number fields: their display format, such as `A-{YYYY}{MM}-{00000}`."""

import re

DEFAULT = "{00000000}"
_PART = re.compile(r"\{(0+|YYYY|YY|MM|DD)\}")


def written(display: str, number: int, stamp: str) -> str:
    """A number in its display format; `stamp` is now, as audit fields have it."""
    dates = {"YYYY": stamp[:4], "YY": stamp[2:4], "MM": stamp[5:7], "DD": stamp[8:10]}

    def part(match: re.Match[str]) -> str:
        word = match[1]
        return dates.get(word) or str(number).zfill(len(word))

    return _PART.sub(part, display)
