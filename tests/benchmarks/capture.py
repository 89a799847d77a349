"""What capture costs the application: single-row UPDATEs with the trigger, beside the same with none."""

from collections.abc import Iterator
from itertools import count, islice

from common.postgres.connect import Connection, run
from tests.benchmarks import database
from tests.benchmarks.measure import Scale, by_turns, rate_of_each
from tests.benchmarks.table import Row, at_least, beside

RECORDS = 1_000
NOTES = """Autocommitted `UPDATE ... SET phone = ... WHERE id = ...` of one row of a table of 12 mapped columns, over one
connection, nobody listening; against the same on a copy of the table (same columns, indexes and rows) without triggers.
With fsync as Postgres has it, and without: then the disk does not hide what the trigger costs."""

_COPY = f"""CREATE SCHEMA plain;
CREATE TABLE plain.account (LIKE {database.TABLE} INCLUDING ALL);
INSERT INTO plain.account SELECT * FROM {database.TABLE}"""


def measure(scale: Scale) -> Iterator[Row]:
    """One row with fsync on, one with it off."""
    for fsync in (True, False):
        with (
            database.server(fsync=fsync) as postgres,
            database.plain(database.create(postgres, "capture")) as connection,
        ):
            database.fill(connection, RECORDS)
            run(connection, _COPY)
            run(connection, "VACUUM ANALYZE plain.account")
            updates = scale.of(500, 100)
            pair = by_turns(
                _Updates(connection, database.TABLE, updates).run, _Updates(connection, "plain.account", updates).run,
                scale.of(15, 5),
            )  # fmt: skip
        if fsync:
            yield at_least("UPDATE with capture / without", pair, 0.65, "updates/s")
        else:
            yield beside("UPDATE with capture / without, fsync off", pair, "updates/s")


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
