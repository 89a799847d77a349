"""The table of results: printed, and written to results.md."""

import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from tests.benchmarks.measure import Pair

RESULTS = Path(__file__).with_name("results.md")
HEAD = ("what", "ours", "against", "ratio", "wanted", "ok")

_INTRODUCTION = """# Benchmarks

Written by `make bench`; see `python -m tests.benchmarks --help`. What is compared ran by turns in one run on one
machine, clients and servers included: the ratios mean something, the absolute numbers say as much about that machine. A ratio is the median of the rounds' own
ratios, with the lowest and the highest of them; where those lie on both sides of what is wanted, "ok" is a matter of luck.
"""


@dataclass(frozen=True, slots=True)
class Row:
    """One measured thing. `ok` is None where nothing was wanted of it."""

    what: str
    ours: str
    against: str
    ratio: str
    wanted: str
    ok: bool | None

    @property
    def cells(self) -> tuple[str, ...]:
        return self.what, self.ours, self.against, self.ratio, self.wanted, _word(self.ok)


def _word(ok: bool | None) -> str:
    return {True: "yes", False: "MISSED", None: "-"}[ok]


def at_least(what: str, pair: Pair, wanted: float, unit: str) -> Row:
    """A row of rates, of which ours should be at least so many times the other one."""
    return replace(beside(what, pair, unit), wanted=f">= {wanted:g} x", ok=pair.ratio >= wanted)


def beside(what: str, pair: Pair, unit: str) -> Row:
    """A row of rates that nothing is wanted of: it stands beside another one for fairness."""
    ratio = f"{_short(pair.ratio)} x ({_short(pair.least)} to {_short(pair.most)})"
    return Row(what, f"{_short(pair.ours)} {unit}", f"{_short(pair.against)} {unit}", ratio, "-", None)


def _short(number: float) -> str:
    return f"{number:,.0f}" if number >= 100 else f"{number:.3g}"


def show(rows: Sequence[Row]) -> str:
    """The table as people read it in a terminal."""
    widths = [max(len(cells[n]) for cells in (HEAD, *(r.cells for r in rows))) for n in range(len(HEAD))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(r, widths, strict=True)).rstrip()
             for r in (HEAD, tuple("-" * w for w in widths), *(r.cells for r in rows))]  # fmt: skip
    return "\n".join(lines)


def write(rows: Sequence[Row], notes: Sequence[tuple[str, str]], postgres: str) -> None:
    """Write results.md.

    Args:
        notes: What each measurement counts, by its name.
        postgres: The server's version.
    """
    facts = f"{datetime.now(UTC):%Y-%m-%d}, Python {platform.python_version()}, Postgres {postgres}, {os.cpu_count()} cores."
    table = [HEAD, tuple("---" for _ in HEAD), *(r.cells for r in rows)]
    lines = [_INTRODUCTION, facts, ""]
    lines += ["| " + " | ".join(cells) + " |" for cells in table]
    lines += ["", "## What is counted", ""]
    lines += [f"**{name}.** {' '.join(text.split())}\n" for name, text in notes]
    RESULTS.write_text("\n".join(lines), encoding="utf-8")
