"""How long a door takes to start, beside an empty function of the same framework."""

import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from statistics import median

from tests.benchmarks.doors import DOORS, HERE, SETTINGS, Function
from tests.benchmarks.measure import Scale, all_by_turns
from tests.benchmarks.table import Row
from tests.stack import stack

MOST = 2.0  #: times the empty function's start
NOTES = """From the start of the process (`python -m functions_framework`) until a GET is answered with 200, all doors and the
empty function in turn, byte code already compiled. Doors import the Pub/Sub client and simple-salesforce
when they first need them, so for a door whose first request needs them (unless it loads them itself) that request takes
the time that is not counted here. Medians; the ratio is the median of each round's own."""


def measure(scale: Scale) -> Iterator[Row]:
    """One row for each door."""
    with tempfile.TemporaryDirectory(prefix="isthmus-bench-") as logs:
        works: dict[str, Callable[[], float]] = {"empty": partial(_start, HERE, "empty", Path(logs))}
        works |= {door: partial(_start, DOORS, door, Path(logs)) for door in stack.DOORS}
        all_by_turns(works, 1)  # compiles, and brings the files into memory
        seen = all_by_turns(works, scale.of(9, 3))
    for door in stack.DOORS:
        ratio = median(d / e for d, e in zip(seen[door], seen["empty"], strict=True))
        yield Row(
            f"start of {door}", f"{median(seen[door]) * 1000:.0f} ms", f"{median(seen['empty']) * 1000:.0f} ms",
            f"{ratio:.2f} x", f"<= {MOST:g} x", ratio <= MOST,
        )  # fmt: skip


def _start(folder: Path, name: str, logs: Path) -> float:
    function = Function(folder, name, logs, SETTINGS)
    try:
        return function.start()
    finally:
        function.stop()
