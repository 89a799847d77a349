"""`python -m tests.load.retention`: thirty days at a million changes a month; the database's size each day.

The trigger, the claims, the settlements and the pruning are the real ones; only the calendar is moved: the columns whose
default is the time take it from a table of ours. Nothing is scaled: every change is a real edit of real width.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

from common import config
from common.change import Ending, Outcome
from common.flows.drain import merge
from common.mapping import Direction, Field, Kind, Mapping
from common.ports import Owed, Settled
from common.postgres import ddl, mappings
from common.postgres.change_log import ChangeLog
from common.postgres.connect import Connection, Database, connect, run
from common.postgres.mappings import MappingBook
from common.postgres.migrate import migrate
from common.postgres.prune import Pruning
from tests.stack.postgres import Postgres, free_port

ROWS = 20_000
MEGABYTE = 1_000_000
ROOM = 500 * MEGABYTE  #: what a free database holds (Neon, Supabase)
REFUSED = 500  #: one record in so many is refused, and stays until its next edit
SETTLE = timedelta(days=8)  #: by then everything that is kept for days has begun to go

FIELDS = tuple(
    Field(name, name.lower(), kind)
    for name, kind in (
        ("Name", Kind.TEXT), ("Phone", Kind.TEXT), ("Site", Kind.TEXT), ("Street", Kind.TEXT), ("City", Kind.TEXT),
        ("Country", Kind.TEXT), ("Description", Kind.TEXT), ("Revenue", Kind.DECIMAL), ("Employees", Kind.INTEGER),
        ("Active", Kind.BOOLEAN), ("Founded", Kind.DATE), ("Seen", Kind.DATETIME),
    )
)  # fmt: skip

_CALENDAR = """
CREATE SCHEMA sim;
CREATE TABLE sim.clock (now timestamptz NOT NULL);
INSERT INTO sim.clock VALUES (now());
GRANT USAGE ON SCHEMA sim TO PUBLIC;
CREATE FUNCTION sim.now() RETURNS timestamptz LANGUAGE sql STABLE AS 'SELECT now FROM sim.clock';
ALTER TABLE isthmus.change_log ALTER created_at SET DEFAULT sim.now();
ALTER TABLE isthmus.tombstone ALTER deleted_at SET DEFAULT sim.now();
ALTER TABLE isthmus.sync_metrics ALTER "timestamp" SET DEFAULT sim.now();
ALTER TABLE isthmus.dead_letter ALTER created_at SET DEFAULT sim.now();
ALTER TABLE isthmus.dead_letter ALTER updated_at SET DEFAULT sim.now();
"""

_FILL = """
SET isthmus.origin = 'salesforce.account';
INSERT INTO salesforce.account (id, sfid, name, phone, site, street, city, country, description, revenue, employees, active,
                                founded, seen)
SELECT 'k' || n, 's' || n, 'Account number ' || n, '02-1234-' || n, 'Site ' || n, n || ' Teheran-ro, Gangnam-gu', '서울',
       'Korea', repeat(md5(n::text), 10), n * 1.25, n, true, '2020-01-01', now()
  FROM generate_series(1, {rows}) AS n;
RESET isthmus.origin
"""

_EDIT = """
UPDATE salesforce.account
   SET description = left(repeat(md5(random()::text), 10), 320), seen = clock_timestamp(), employees = employees + 1,
       site = 'Site ' || random()
 WHERE id IN (SELECT 'k' || (1 + floor(random() * {rows}))::integer FROM generate_series(1, {count}))
"""

_BORN = """
INSERT INTO salesforce.account (id, name, phone, description, revenue)
SELECT 'new' || nextval('sim.born'), 'Born here', '010-' || n, repeat(md5(n::text), 10), n
  FROM generate_series(1, {count}) AS n
"""

_DIE = """
DELETE FROM salesforce.account
 WHERE id IN (SELECT id FROM salesforce.account WHERE id LIKE 'new%' AND sfid IS NOT NULL LIMIT {count})
"""

#: At worst each change is settled alone: as many metrics as changes, and the arrivals' too.
_METRICS = """
INSERT INTO isthmus.sync_metrics (sync_config_id, direction, synced_count, status, lag_ms, duration_ms)
SELECT 1, 'PG_TO_SF', 1, 'SUCCESS', n, n
  FROM generate_series(1, {count}) AS n
"""

_SIZES = """
SELECT pg_database_size(current_database()), pg_total_relation_size('isthmus.change_log'),
       pg_indexes_size('isthmus.change_log'), pg_total_relation_size('isthmus.sync_metrics'),
       pg_total_relation_size('salesforce.account'), (SELECT count(*) FROM isthmus.change_log)
"""


_DUE_FOR_VACUUM = """
SELECT s.relid::regclass::text
  FROM pg_stat_user_tables AS s
 WHERE s.n_dead_tup > current_setting('autovacuum_vacuum_threshold')::integer
                      + current_setting('autovacuum_vacuum_scale_factor')::real * s.n_live_tup
"""


class Months:
    """A database that lives through days of load in some minutes."""

    def __init__(self, settings: config.Database, plain: Connection, changes_a_day: int) -> None:
        self.database = Database(settings)
        self.plain = plain
        self.time = datetime.now(UTC)
        self.hourly = changes_a_day // 24
        run(plain, _CALENDAR)
        run(plain, "CREATE SEQUENCE sim.born")
        with self.database.transaction() as tx:
            mapping = Mapping(0, "Account", "salesforce.account", Direction.BIDIRECTIONAL, FIELDS)
            for statement in ddl.create(mapping):
                tx.run_bound(statement)
            mappings.insert(tx, mapping)
            tx.run("UPDATE isthmus.sync_configurations SET delete_guard_count = 1000000")
        run(plain, _FILL.format(rows=ROWS))
        self.log = ChangeLog(self.database, MappingBook(self.database), call_seconds=720, now=lambda: self.time)
        self.mapping = self.log._mappings.all()[0]

    def day(self) -> int:
        """Twenty-four hours; how many changes were captured."""
        began = self.time
        captured = sum(self._hour() for _ in range(24))
        run(self.plain, "UPDATE isthmus.dead_letter SET updated_at = sim.now() WHERE updated_at < "
            f"'{began.isoformat()}' AND created_at >= '{began.isoformat()}'")  # fmt: skip
        return captured

    def _hour(self) -> int:
        self.time += timedelta(hours=1)
        run(self.plain, f"UPDATE sim.clock SET now = '{self.time.isoformat()}'")
        before = run(self.plain, "SELECT coalesce(max(id), 0) FROM isthmus.change_log")[0][0]
        few = self.hourly // 20
        for statement, count in ((_EDIT, self.hourly - 2 * few), (_BORN, few), (_DIE, few)):
            for part in _parts(count, 50):
                run(self.plain, statement.format(rows=ROWS, count=part))
        after = run(self.plain, "SELECT coalesce(max(id), 0) FROM isthmus.change_log")[0][0]
        run(self.plain, _METRICS.format(count=after - before))
        self._send()
        self._vacuum()
        Pruning(self.database, config.Retention(), lambda: True, self.time).run()
        return int(after - before)

    def _vacuum(self) -> None:
        """What autovacuum does with its own settings: it looks every minute, and here an hour is over in less than one."""
        for (table,) in run(self.plain, _DUE_FOR_VACUUM):
            run(self.plain, f"VACUUM (ANALYZE) {table}")

    def _send(self) -> None:
        while changes := self.log.claim(500, merge).changes:
            self.log.settle(self.mapping, [self._answered(o) for o in self.log.take(changes)])

    def _answered(self, owed: Owed) -> Settled:
        if hash(owed.change.event_id) % REFUSED == 0:
            # A reason a day: the limit of burials counts real minutes, and a day is over before one is.
            outcome = Outcome(owed.change, Ending.FAILED, f"refused_on_{self.time:%m_%d}", "Mend it.", "No.")
            return Settled(owed, outcome)
        return Settled(owed, Outcome(owed.change, Ending.SENT), owed.send.sfid or f"S{owed.change.record_id}")

    def sizes(self) -> list[int]:
        """Database, change log, its indexes, metrics, the mapped table (bytes); rows of the change log."""
        return run(self.plain, _SIZES)[0]


def _parts(count: int, size: int) -> Iterator[int]:
    for start in range(0, count, size):
        yield min(size, count - start)


def simulate(days: int, changes_a_day: int) -> list[list[int]]:
    """Live through the days, print each one's sizes, and return them."""
    with tempfile.TemporaryDirectory(prefix="isthmus-retention-") as folder:
        Path(folder).chmod(0o755)
        server = Postgres(
            Path(folder) / "data", free_port(), {"fsync": "off", "autovacuum": "off"}
        )  # see Months._vacuum
        server.start()
        try:
            settings = config.database({"DATABASE_URL": server.url()})
            migrate(settings)
            with closing(connect(settings)) as plain:
                return list(_days(Months(settings, plain, changes_a_day), days))
        finally:
            server.stop()


def _days(months: Months, days: int) -> Iterator[list[int]]:
    print("  day  changes  database  change_log  (indexes)  metrics  account     rows  took", flush=True)
    for day in range(1, days + 1):
        began = time.perf_counter()
        changes = months.day()
        sizes = months.sizes()
        shown = [f"{size / MEGABYTE:.0f} MB" for size in sizes[:-1]]
        print(f"{day:>5}{changes:>9}{shown[0]:>10}{shown[1]:>12}{shown[2]:>11}{shown[3]:>9}{shown[4]:>9}{sizes[-1]:>9}"
              f"{time.perf_counter() - began:>5.0f}s", flush=True)  # fmt: skip
        yield sizes


def grows(sizes: list[list[int]]) -> str:
    """Why the curve is not flat; empty where it is."""
    settled = [day[0] for day in sizes[SETTLE.days :]]
    half = len(settled) // 2
    first, second = max(settled[:half]), max(settled[half:])
    if second > 1.1 * first:
        return f"it still grows: {first / MEGABYTE:.0f} MB at most, then {second / MEGABYTE:.0f} MB"
    if second > ROOM:
        return f"it needs {second / MEGABYTE:.0f} MB"
    return ""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.load.retention", description=__doc__)
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--changes", type=int, default=1_000_000, help="in thirty days")
    options = parser.parse_args()
    if options.days < 2 * SETTLE.days:
        parser.error(f"--days is {options.days}: a curve shows whether it is flat after {2 * SETTLE.days} or more")
    sizes = simulate(options.days, options.changes // 30)
    why = grows(sizes)
    print(f"FAILED: {why}" if why else f"The size stays bounded: {max(d[0] for d in sizes) / MEGABYTE:.0f} MB at most.")
    return 1 if why else 0


if __name__ == "__main__":
    sys.exit(main())
