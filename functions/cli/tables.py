"""Rows printed as a table for people; nothing is cut off."""

from collections.abc import Mapping, Sequence
from datetime import datetime


def show(rows: Sequence[Mapping[str, object]], *, empty: str = "none") -> None:
    """Print rows under their column names, or the word for nothing."""
    if not rows:
        print(empty)
        return
    names = list(rows[0])
    cells = [names, *([_text(row[name]) for name in names] for row in rows)]
    widths = [max(len(line[n]) for line in cells) for n in range(len(names))]
    for line in cells:
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


def _text(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, datetime):
        return value.isoformat(sep=" ", timespec="seconds")
    return str(value).replace("\n", " ")
