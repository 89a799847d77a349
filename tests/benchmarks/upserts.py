"""upsert_postgres: rows per second, beside the same statement in a bare loop, and beside the naive function."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from itertools import count
from typing import Any

import pg8000.native

from common import clock, codec, config
from common.change import Ending
from common.flows import to_postgres
from common.postgres.connect import Database, run
from common.postgres.dead_letters import DeadLetters
from common.postgres.mappings import MappingBook
from common.postgres.table import PostgresTable
from tests.benchmarks import database
from tests.benchmarks.measure import Scale, by_turns, rate_of_each
from tests.benchmarks.table import Row, at_least, beside

BATCH = 200  #: changes in a message
NOTES = """Complete changes of 12 columns (text, id, boolean, integer, decimal, date, time) in messages of 200 of distinct
records; each round inserts fresh records, then updates every one of them. Ours: `codec.decode` and
`flows.to_postgres.apply`, from the message's bytes to the outcomes. Against, 1: the very SQL text that ours sends,
prepared beforehand, over the same driver. Against, 2: for each record a new connection and one autocommitted
`INSERT ... ON CONFLICT`, without triggers, guard or tombstones; with the driver's defaults, which make a TLS context for
each connection (every database outside loopback wants one, and a handshake besides), and, for comparison, with TLS switched
off, which only loopback allows. Each has a database of its own; fsync as Postgres has it."""

_NAIVE_TABLE = """CREATE TABLE naive AS SELECT sfid, system_modstamp, name, account_number, phone, billing_city, description,
owner_id, is_active, number_of_employees, annual_revenue, founded_on, created_date, rating FROM salesforce.account;
ALTER TABLE naive ADD PRIMARY KEY (sfid)"""

_UPDATED = "SELECT count(*) FROM salesforce.account WHERE description LIKE 'Version 2 %'"


class _Nobody:
    """Stands where nobody must be called: complete changes are never read, nor asked for again."""

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"a complete change needs no {name}")


class _Taken(Exception):
    """Instead of an answer: what a table would have run."""


class _Scripts(Database):
    """Runs no script, but tells what it is."""

    def at_once(self, script: str) -> list[list[Any]]:
        raise _Taken(f"BEGIN;\n{script};\nCOMMIT")


def measure(scale: Scale) -> Iterator[Row]:
    """Both rows."""
    batches = scale.of(20, 5)
    with ExitStack() as stack:
        postgres = stack.enter_context(database.server())
        ours = _Ours(stack, database.create(postgres, "ours"), batches)
        bare = _Bare(stack, database.create(postgres, "bare"), batches)
        pair = by_turns(ours.run, bare.run, scale.of(9, 3))
        yield at_least("upsert_postgres / its bare statement", pair, 0.7, "rows/s")
        naive = _Naive(database.create(postgres, "naive"), scale.of(100, 20))
        pair = by_turns(ours.run, naive.run, scale.of(7, 3))
        yield at_least("upsert_postgres / naive function", pair, 300, "rows/s")
        naive.options["ssl_context"] = False
        pair = by_turns(ours.run, naive.run, scale.of(7, 3))
        yield beside("upsert_postgres / naive function, TLS off", pair, "rows/s")


def _messages(batches: int) -> Iterator[Sequence[bytes]]:
    """Per round: messages with new records, then with a newer version of each."""
    for number in count():
        first = number * batches * BATCH
        changes = [
            [database.change(first + b * BATCH + n, version) for n in range(BATCH)]
            for version in (1, 2) for b in range(batches)
        ]  # fmt: skip
        yield [message for batch in changes for message in codec.encode(batch, max_changes=BATCH)]


class _Ours:
    def __init__(self, stack: ExitStack, settings: config.Database, batches: int) -> None:
        held = stack.enter_context(Database(settings))
        self._rounds = _messages(batches)
        self.world = _world(held)

    def run(self) -> float:
        messages = next(self._rounds)
        return rate_of_each(self._one, messages, units=BATCH)

    def _one(self, message: bytes) -> None:
        outcomes = to_postgres.apply(codec.decode(message), self.world)
        assert all(o.ending is Ending.APPLIED for o in outcomes)


class _Bare:
    def __init__(self, stack: ExitStack, settings: config.Database, batches: int) -> None:
        self._connection = stack.enter_context(database.plain(settings))
        self._rounds = _messages(batches)
        self._world = _world(stack.enter_context(_Scripts(settings)))
        self._written = 0

    def run(self) -> float:
        scripts = [self._script(message) for message in next(self._rounds)]
        found = rate_of_each(self._one, scripts, units=BATCH)
        self._written += len(scripts) * BATCH // 2
        assert [[self._written]] == run(self._connection, _UPDATED)
        return found

    def _script(self, message: bytes) -> str:
        try:
            to_postgres.apply(codec.decode(message), self._world)
        except _Taken as taken:
            return str(taken)
        raise AssertionError("the table ran no script")

    def _one(self, script: str) -> None:
        run(self._connection, script)


class _Naive:
    """What people write first: every record opens a connection and is one statement."""

    def __init__(self, settings: config.Database, records: int) -> None:
        self._target = settings.target
        self._records = records
        self._numbers = count()
        self.options: dict[
            str, Any
        ] = {}  #: of the driver; by default it prepares TLS, which only loopback goes without
        with database.plain(settings) as connection:
            run(connection, _NAIVE_TABLE)

    def run(self) -> float:
        records = [self._record(next(self._numbers)) for _ in range(self._records)]
        return rate_of_each(self._one, records)

    def _record(self, n: int) -> dict[str, Any]:
        change = database.change(n, 1)
        values = {f.column: change.fields[f.name] for f in database.FIELDS}
        return {"sfid": change.record_id, "system_modstamp": change.stamp, **values, "number_of_employees": n}

    def _one(self, record: dict[str, Any]) -> None:
        connection = pg8000.native.Connection(
            user=self._target.user, host=self._target.host, port=self._target.port, database=self._target.name,
            **self.options,
        )  # fmt: skip
        names = ", ".join(record)
        updates = ", ".join(f"{name} = excluded.{name}" for name in record if name != "sfid")
        values = ", ".join(f":{name}" for name in record)
        connection.run(
            f"INSERT INTO naive ({names}) VALUES ({values}) ON CONFLICT (sfid) DO UPDATE SET {updates}", **record
        )
        connection.close()


def _world(held: Database) -> to_postgres.World:
    return to_postgres.World(
        mappings=MappingBook(held), table=PostgresTable(held), org=_Nobody(), graveyard=DeadLetters(held),
        topic=_Nobody(), now=clock.now,
    )  # fmt: skip
