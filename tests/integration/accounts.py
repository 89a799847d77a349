"""A mapped table of accounts with a column of every kind, and short ways to write, read and watch it."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from common import config, ids
from common.change import MODSTAMP, Change, Value
from common.mapping import Field, Kind, Mapping
from common.postgres import ddl, mappings
from common.postgres.connect import Database, Transaction
from tests.fakes.factories import NOON, a_change, a_mapping

TABLE = "salesforce.account"
WAIT_SECONDS = 10.0
#: Tables of ours that hold what happened to rows.
GROWING = (
    "change_log", "tombstone", "dead_letter", "conflict", "sync_metrics", "arrived_deletions", "held_deletion",
)  # fmt: skip

FIELDS = (
    Field("Name", "name", Kind.TEXT),
    Field("Phone", "phone", Kind.TEXT),
    Field("AnnualRevenue", "annual_revenue", Kind.DECIMAL),
    Field("NumberOfEmployees", "number_of_employees", Kind.INTEGER),
    Field("Active__c", "active", Kind.BOOLEAN),
    Field("Founded__c", "founded", Kind.DATE),
    Field("Seen__c", "seen", Kind.DATETIME),
    Field("Opens__c", "opens", Kind.TIME),
    Field("ParentId", "parent_id", Kind.ID),
    Field("Source__c", "source", Kind.TEXT, updateable=False),
    Field("Score__c", "score", Kind.DECIMAL, createable=False, updateable=False),
)


def sfid(n: int) -> str:
    """The n-th account's Salesforce id."""
    return ids.to_18(f"001{n:012d}")


def map_table(database: Database, *, extra: str = "", **bent: Any) -> Mapping:
    """Create a mapping with its table and triggers, as the command line does.

    Args:
        extra: SQL of the application's own, run afterwards.
        bent: Fields of the mapping that differ.
    """
    mapping = a_mapping(**({"fields": FIELDS} | bent))
    with database.transaction() as tx:
        for statement in ddl.create(mapping):
            tx.run_bound(statement)
        number = mappings.insert(tx, mapping)
        if extra:
            tx.run_bound(extra)
        return next(m for m in mappings.read(tx) if m.id == number)


def record(
    n: int = 1, *, mapping: Mapping | None = None, stamp: Any = NOON, read_at: Any = None, **fields: Value
) -> Change:
    """A complete change of the n-th account; fields that are not named are empty."""
    names = mapping.fields if mapping else FIELDS
    whole: dict[str, Value] = {MODSTAMP: stamp.isoformat(), "External_Id__c": None} | {f.name: None for f in names}
    return a_change(
        record_id=sfid(n), stamp=stamp, read_at=read_at, event_id=f"event-{n}-{stamp.isoformat()}",
        fields=whole | fields,
    )  # fmt: skip


def run(database: Database, statement: str, **parameters: Any) -> list[list[Any]]:
    """One statement in a transaction of its own, as an application would."""
    with database.transaction() as tx:
        return tx.run(statement, **parameters)


def rows(database: Database, statement: str, **parameters: Any) -> list[dict[str, Any]]:
    """The same, by column name."""
    with database.transaction() as tx:
        return tx.dicts(statement, **parameters)


def log(database: Database) -> list[dict[str, Any]]:
    """The whole change log, in its order."""
    return rows(database, "SELECT *, state::text AS state, claim::text AS claim FROM isthmus.change_log ORDER BY id")


def captured(database: Database) -> list[tuple[str, Any, Any]]:
    """What was captured: change type, old and new data."""
    return [(r["change_type"], r["old_data"], r["new_data"]) for r in log(database)]


def set_log(database: Database, assignments: str) -> None:
    """Bring all rows of the change log into another state."""
    run(database, f"UPDATE isthmus.change_log SET {assignments}")


@contextmanager
def silently(database: Database, table: str = TABLE) -> Iterator[Transaction]:
    """A transaction of ours: the trigger hears nothing of this table."""
    with database.transaction() as tx:
        tx.run("SET LOCAL isthmus.origin = :table", table=table)
        yield tx


def insert(database: Database, key: str, number: int | None = None, **columns: Any) -> None:
    """A row that both sides know: nothing of it is captured."""
    values = {"id": key, "sfid": None if number is None else sfid(number)} | columns
    names = ", ".join(f'"{name}"' for name in values)
    with silently(database) as tx:
        tx.run(f"INSERT INTO {TABLE} ({names}) VALUES ({', '.join(':' + n for n in values)})", **values)


def row(database: Database, key: str) -> dict[str, Any] | None:
    """One row of the accounts."""
    return next(iter(rows(database, f"SELECT * FROM {TABLE} WHERE id = :key", key=key)), None)


def at_the_same_time(*works: Callable[[], Any]) -> list[Any]:
    """Run each in a thread, all from the same moment; their results, in order. What one raises is raised."""
    barrier = threading.Barrier(len(works), timeout=WAIT_SECONDS)
    results: list[Any] = [None] * len(works)
    raised: list[BaseException] = []

    def start(n: int, work: Callable[[], Any]) -> None:
        try:
            barrier.wait()
            results[n] = work()
        except BaseException as exc:
            raised.append(exc)

    threads = [threading.Thread(target=start, args=(n, work)) for n, work in enumerate(works)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if raised:
        raise raised[0]
    return results


class Background:
    """One call in a thread of its own, whose result is asked for later."""

    def __init__(self, work: Callable[[], Any]) -> None:
        self._work = work
        self._result: Any = None
        self._raised: BaseException | None = None
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._result = self._work()
        except BaseException as exc:
            self._raised = exc

    def result(self) -> Any:
        """Wait for its end."""
        self._thread.join(WAIT_SECONDS)
        assert not self._thread.is_alive(), "it still waits"
        if self._raised is not None:
            raise self._raised
        return self._result


def wait_for_blocked(database: Database, count: int = 1) -> None:
    """Return once so many sessions of this database wait for a lock."""
    pause = threading.Event()
    for _ in range(int(WAIT_SECONDS / 0.01)):
        waiting = run(
            database,
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'",
        )
        if waiting[0][0] >= count:
            return
        pause.wait(0.01)
    raise TimeoutError(f"{count} sessions should wait for a lock by now")


@contextmanager
def another(settings: config.Database) -> Iterator[Database]:
    """A second process's view of the same database."""
    with Database(settings) as database:
        yield database


def endings(verdicts: Sequence[Any]) -> list[str]:
    """Each verdict in a word: its ending, `read`, or `read_buried`."""
    return [v.outcome.ending.value if v.outcome else "read_buried" if v.buried else "read" for v in verdicts]
