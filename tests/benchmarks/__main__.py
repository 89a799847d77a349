"""`make bench`: measures side by side, prints a table, writes a whole run to results.md. A missed number is no error."""

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from tests.benchmarks import (
    backfill,
    capture,
    database,
    drain,
    latency,
    receiver,
    sends,
    standin,
    starts,
    table,
    trends,
    upserts,
    waking,
)
from tests.benchmarks.measure import Scale
from tests.benchmarks.table import Row


@dataclass(frozen=True, slots=True)
class Measurement:
    rows: Callable[[Scale], Iterator[Row]]
    notes: str


ALL = {
    "upserts": Measurement(upserts.measure, upserts.NOTES),
    "backfill": Measurement(backfill.measure, backfill.NOTES),
    "receiver": Measurement(receiver.measure, receiver.NOTES),
    "sends": Measurement(sends.measure, sends.NOTES),
    "drain": Measurement(drain.measure, drain.NOTES),
    "capture": Measurement(capture.measure, capture.NOTES),
    "latency": Measurement(latency.measure, latency.NOTES),
    "waking": Measurement(waking.measure, waking.NOTES),
    "standin": Measurement(standin.measure, standin.NOTES),
    "trends": Measurement(trends.measure, trends.NOTES),
    "starts": Measurement(starts.measure, starts.NOTES),
}


def main() -> int:
    options = _options()
    scale = Scale(options.quick)
    chosen = options.only or list(ALL)
    rows: list[Row] = []
    try:
        for name in chosen:
            rows += _measured(name, scale)
    finally:  # what was measured before a measurement broke is not lost
        print(table.show(rows))
        if chosen == list(ALL) and not options.quick:
            with database.server() as postgres:
                version = database.version(postgres)
            table.write(rows, [(name, ALL[name].notes) for name in chosen], version)
    return 0


def _measured(name: str, scale: Scale) -> list[Row]:
    began = time.perf_counter()
    print(f"{name} ...", file=sys.stderr, flush=True)
    rows: list[Row] = []
    for row in ALL[name].rows(scale):
        rows.append(row)
        print("   ", *row.cells, sep="  ", file=sys.stderr, flush=True)
    print(f"    took {time.perf_counter() - began:.0f} s", file=sys.stderr, flush=True)
    return rows


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument(
        "--only", action="append", choices=ALL, metavar="NAME", help=f"one of {', '.join(ALL)}; may be repeated"
    )
    parser.add_argument("--quick", action="store_true", help="little of everything, to see that it works")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
