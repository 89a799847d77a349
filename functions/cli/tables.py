"""Rows printed as a table for people, or as JSON for programs; nothing is cut off."""

import json
import unicodedata
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal

Rows = Sequence[Mapping[str, object]]


def show(rows: Rows, *, empty: str = "none", as_json: bool = False) -> None:
    """Print rows under their column names, or the word for nothing; as JSON an array of objects, times in ISO 8601."""
    if as_json:
        print_json(list(rows))
        return
    if not rows:
        print(empty)
        return
    names = list(rows[0])
    cells = [names, *([_text(row[name]) for name in names] for row in rows)]
    widths = [max(_width(line[n]) for line in cells) for n in range(len(names))]
    for line in cells:
        padded = (cell + " " * (width - _width(cell)) for cell, width in zip(line, widths, strict=True))
        print("  ".join(padded).rstrip())


def print_json(value: object) -> None:
    """Print anything that the database gives."""
    print(json.dumps(value, ensure_ascii=False, indent=2, default=_plain))


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return value.isoformat()
    return float(value) if isinstance(value, Decimal) else str(value)


def _width(text: str) -> int:
    """Columns on a terminal: Korean letters take two, what is put on top of another one takes none."""
    return sum(
        0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in ("W", "F") else 1 for c in text
    )


def _text(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return value.isoformat(sep=" ", timespec="seconds")
    return str(value).replace("\n", " ")
