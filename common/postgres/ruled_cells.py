"""CSV on its way into the staging table, where a mapping's rules change values: the changed ones stand behind the row."""

import csv
import io
from collections.abc import Iterator, Sequence
from typing import Any

from common.backfill import cells
from common.errors import Terminal
from common.mapping import Field
from common.postgres.values import arriving

ROWS = 1000  #: written at a time


def with_ruled_cells(
    chunks: Iterator[bytes], ruled: Sequence[tuple[int, Field]], refused: list[list[Any]]
) -> Iterator[bytes]:
    """The rows with what the rules make of some of their cells, in bounded memory.

    Args:
        ruled: Fields with rules, each with its place in the row.
        refused: Rows that a rule has no value for are put here, and leave the stream.
    """
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n")
    for number, row in enumerate(cells(chunks), 1):
        try:
            writer.writerow([*row, *(_cell(field, row[place]) for place, field in ruled)])
        except Terminal:
            refused.append([cell or None for cell in row])
        if number % ROWS == 0:
            yield _taken(out)
    yield _taken(out)


def _cell(field: Field, cell: str) -> str:
    value = arriving(field, cell or None)
    if isinstance(value, bool):
        return "true" if value else "false"
    return value or ""


def _taken(out: io.StringIO) -> bytes:
    text = out.getvalue()
    out.seek(0)
    out.truncate()
    return text.encode()
