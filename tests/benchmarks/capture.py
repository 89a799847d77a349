"""What capture costs the application: single-row UPDATEs with the trigger, beside the same with none."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import count, islice

from common.mapping import Capture
from common.postgres.connect import Connection, run
from tests.benchmarks import database
from tests.benchmarks.measure import Pair, Scale, by_turns, rate_of_each
from tests.benchmarks.table import Row, at_least, beside

RECORDS = 1_000
NOTES = """Autocommitted `UPDATE ... SET phone = ... WHERE id = ...` of one row of a table of 12 mapped columns, over one
connection, nobody listening; against the same on a copy of the table (same columns, indexes and rows) without triggers.
With fsync as Postgres has it, and without: then the disk does not hide what the trigger costs. With Debezium the
application pays for `wal_level = logical`, `REPLICA IDENTITY FULL` and a statement trigger that looks at our marker; the
copy beside it is on the same server, without the last two."""

_COPY = f"""CREATE SCHEMA plain;
CREATE TABLE plain.account (LIKE {database.TABLE} INCLUDING ALL);
INSERT INTO plain.account SELECT * FROM {database.TABLE}"""


def measure(scale: Scale) -> Iterator[Row]:
    """Trigger and Debezium, each with fsync on and off."""
    for capture, level in ((Capture.TRIGGER, "replica"), (Capture.DEBEZIUM, "logical")):
        for fsync in (True, False):
            pair = _pair(scale, capture, level, fsync=fsync)
            by = "capture" if capture is Capture.TRIGGER else "Debezium's capture"
            if fsync and capture is Capture.TRIGGER:
                yield at_least(f"UPDATE with {by} / without", pair, 0.65, "updates/s")
            else:
                yield beside(f"UPDATE with {by} / without{'' if fsync else ', fsync off'}", pair, "updates/s")


def _pair(scale: Scale, capture: Capture, level: str, *, fsync: bool) -> Pair:
    plan = replace(database.PLAN, capture=capture)
    with (
        database.server(fsync=fsync, wal_level=level) as postgres,
        database.plain(database.create(postgres, "capture", plan)) as connection,
    ):
        database.fill(connection, RECORDS)
        run(connection, _COPY)
        run(connection, "VACUUM ANALYZE plain.account")
        updates = scale.of(500, 100)
        return by_turns(
            _Updates(connection, database.TABLE, updates).run, _Updates(connection, "plain.account", updates).run,
            scale.of(15, 5),
        )  # fmt: skip


class _Updates:
    def __init__(self, connection: Connection, table: str, updates: int) -> None:
        self._connection = connection
        self._table = table
        self._updates = updates
        self._numbers = count()

    def run(self) -> float:
        return rate_of_each(self._one, list(islice(self._numbers, self._updates)))

    def _one(self, n: int) -> None:
        run(self._connection, f"UPDATE {self._table} SET phone = '+49 30 {n}' WHERE id = 'a-{n % RECORDS}'")
