"""Forests and circles of parents and children: whatever the order, both sides end with the same lookups."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st

from common import config
from common.change import Change, Ending
from common.family import Row
from common.flows import drain, to_postgres, to_salesforce
from common.postgres.change_log import ChangeLog
from common.postgres.connect import Database, run
from common.postgres.dead_letters import DeadLetters
from common.postgres.mappings import MappingBook
from common.postgres.table import PostgresTable
from tests.fakes.org import FakeOrg, Record
from tests.integration.accounts import GROWING
from tests.integration.families import map_family
from tests.stack.postgres import Postgres

CALL_SECONDS = 60
TABLES = {"Account": "salesforce.account", "Contact": "salesforce.contact"}
KEYS = {"Account": ("a0", "a1", "a2", "a3"), "Contact": ("c0", "c1", "c2", "c3")}
#: The relationship columns, each with its lookup, and whom it leads to.
PARENTS = {
    "Account": {"parent__external_id": ("ParentId", "Account")},
    "Contact": {
        "account__external_id": ("AccountId", "Account"),
        "reports_to__external_id": ("ReportsToId", "Contact"),
    },
}


class World:
    """Both sides; the topics between them are bags of messages."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.time = datetime(2026, 1, 1, tzinfo=UTC)
        self.inbound: list[Change] = []
        self.outbound: list[list[Change]] = []
        with database.transaction() as tx:
            for table in TABLES.values():
                tx.run("SET LOCAL isthmus.origin = :table", table=table)
                tx.run_bound(f"DELETE FROM {table}")
            for table in GROWING:
                tx.run_bound(f"DELETE FROM isthmus.{table}")
        self.book = MappingBook(database)
        self.mappings = {m.sobject: m for m in self.book.all()}
        self.org = FakeOrg(self.now, pushed=self._pushed)
        self.log = ChangeLog(database, self.book, call_seconds=CALL_SECONDS, claim_seconds=5, now=self.now)
        self.table = PostgresTable(database, self.now)
        self.in_world = to_postgres.World(self.book, self.table, self.org, DeadLetters(database), self, self.now)
        self.out_world = to_salesforce.World(self.book, self.log, self.org, self.now, CALL_SECONDS, self.table)

    def now(self) -> datetime:
        return self.time

    def publish(self, changes: list[Change], *, trace: str = "") -> None:
        self.inbound += changes

    def _pushed(self, record: Record) -> None:
        self.inbound.append(self.org.change(record, self.mappings[record.sobject]))

    # -- steps -------------------------------------------------------------------------------------

    def tick(self, milliseconds: int) -> None:
        self.time += timedelta(milliseconds=milliseconds)

    def insert_here(self, sobject: str, n: int, parents: list[int]) -> None:
        """A row under one of few keys, with parents among few keys: they may come later, or never."""
        columns, name = PARENTS[sobject], "name" if sobject == "Account" else "last_name"
        keys = [KEYS[kind][p] if p < 4 else None for p, (_, kind) in zip(parents, columns.values(), strict=False)]
        names, values = ", ".join(columns), ", ".join(f":p{i}" for i in range(len(columns)))
        self._edit(
            f"INSERT INTO {TABLES[sobject]} (id, {name}, {names}) VALUES (:id, :id, {values}) ON CONFLICT (id) DO NOTHING",
            id=KEYS[sobject][n], **{f"p{i}": key for i, key in enumerate(keys)},
        )  # fmt: skip

    def edit_here(self, sobject: str, n: int, parents: list[int]) -> None:
        column, (_, kind) = list(PARENTS[sobject].items())[parents[0] % len(PARENTS[sobject])]
        value = KEYS[kind][parents[1]] if parents[1] < 4 else None
        self._edit(f"UPDATE {TABLES[sobject]} SET {column} = :value WHERE id = :id", id=KEYS[sobject][n], value=value)

    def delete_here(self, sobject: str, n: int) -> None:
        self._edit(f"DELETE FROM {TABLES[sobject]} WHERE id = :id", id=KEYS[sobject][n])

    def edit_there(self, n: int, parent: int) -> None:
        """Somebody moves a record to another parent, in Salesforce."""
        alive = self.org.alive()
        if not alive:
            return
        record = alive[n % len(alive)]
        lookup, kind = next(iter(PARENTS[record.sobject].values()))
        others = [r.id for r in alive if r.sobject == kind]
        self.org.update(record.id, {lookup: others[parent % len(others)] if others else None})

    def _edit(self, statement: str, **parameters: Any) -> None:
        with self.database.transaction() as tx:
            before = tx.run("SELECT coalesce(max(id), 0) FROM isthmus.change_log")[0][0]
            tx.run(statement, **parameters)
            tx.run("UPDATE isthmus.change_log SET created_at = :now WHERE id > :before", now=self.time, before=before)

    def deliver(self, n: int, size: int) -> None:
        start = n % len(self.inbound) if self.inbound else 0
        batch, self.inbound[start : start + size] = self.inbound[start : start + size], []
        for sobject in TABLES:
            own = [c for c in batch if c.sobject == sobject]
            outcomes = to_postgres.apply(own, self.in_world)
            if any(o.ending is Ending.LATER for o in outcomes):
                self.inbound += own

    def drain(self) -> None:
        drain.run(self.log, _Bag(self.outbound), go_on=lambda: True)

    def send(self, n: int, keep: bool, lose: bool) -> None:
        if not self.outbound:
            return
        message = self.outbound.pop(n % len(self.outbound))
        self.org.lose_answers = lose
        to_salesforce.apply(message, self.out_world)
        self.org.lose_answers = False
        if keep:
            self.outbound.append(message)

    def settle_down(self) -> None:
        """Until nothing is under way but children whose parents do not exist."""
        for _ in range(80):
            self.tick(4_000_000)
            self.drain()
            while self.outbound:
                self.send(0, keep=False, lose=False)
            self.deliver(0, len(self.inbound))
            if (
                not self.inbound
                and not self.outbound
                and not self.open("NOT (state = 'retry' AND waits_for IS NOT NULL AND next_attempt_at > :now)")
            ):
                return
        raise AssertionError(f"still under way: {self.inbound} {self.open('true')}")

    # -- what is seen ------------------------------------------------------------------------------

    def open(self, which: str) -> list[dict[str, Any]]:
        with self.database.transaction() as tx:
            return tx.dicts(
                f"SELECT table_name, record_id, state::text, waits_for, last_error FROM isthmus.change_log "
                f"WHERE state IN ('new', 'claimed', 'sending', 'retry') AND {which}",
                **({"now": self.time} if ":now" in which else {}),
            )

    def awaited(self) -> list[tuple[str, str]]:
        """The parents that somebody waits for, or gave up waiting for."""
        with self.database.transaction() as tx:
            rows = tx.run(
                "SELECT waits_for FROM isthmus.change_log WHERE state IN ('retry', 'failed') AND waits_for IS NOT NULL"
            )
        return [(row.table, row.key) for row in (Row.parse(found) for [found] in rows)]

    def troubled(self) -> set[tuple[str, str]]:
        """Rows with edits that did not arrive: they wait, or failed."""
        with self.database.transaction() as tx:
            rows = tx.run("SELECT table_name, record_id FROM isthmus.change_log WHERE state IN ('retry', 'failed')")
        return {(table, key) for table, key in rows}

    def here(self) -> dict[tuple[str, str], tuple[Any, ...]]:
        """Each row: what its relationship columns say, and what its lookups say."""
        found = {}
        for sobject, table in TABLES.items():
            columns = [
                *PARENTS[sobject],
                *(self.mappings[sobject].by_name[lookup].column for lookup, _ in PARENTS[sobject].values()),
            ]
            with self.database.transaction() as tx:
                for key, *values in tx.run(f"SELECT id, {', '.join(columns)} FROM {table}"):
                    found[table, key] = tuple(values)
        return found

    def there(self) -> dict[tuple[str, str], tuple[Any, ...]]:
        found = {}
        for r in self.org.alive():
            ids = [r.fields.get(lookup) for lookup, _ in PARENTS[r.sobject].values()]
            keys = [self.org.records[str(i)].fields.get("External_Id__c") if i else None for i in ids]
            found[TABLES[r.sobject], str(r.fields["External_Id__c"])] = (*keys, *ids)
        return found


class _Bag:
    def __init__(self, messages: list[list[Change]]) -> None:
        self._messages = messages

    def publish(self, changes: list[Change], *, trace: str = "") -> None:
        self._messages.append(list(changes))


sobject = st.sampled_from(sorted(TABLES))
place = st.integers(0, 3)
family = st.lists(st.integers(0, 5), min_size=2, max_size=2)
rarely = st.sampled_from([False, False, False, True])


def step(name: str, *arguments: st.SearchStrategy[Any]) -> st.SearchStrategy[Callable[[World], None]]:
    return st.tuples(*arguments).map(lambda drawn: (name, drawn))


insert = step("insert_here", sobject, place, family)
steps = st.one_of(
    insert,
    insert,
    step("edit_here", sobject, place, family),
    step("drain"),
    step("send", place, rarely, rarely),
    step("deliver", place, st.integers(1, 4)),
    step("edit_there", place, place),
    step("tick", st.sampled_from([1, 900, 70_000])),
)


@pytest.fixture(scope="module")
def mapped(postgres_server: Postgres) -> Iterator[Database]:
    """A database with both mappings, for all the examples."""
    with Database(config.database({"DATABASE_URL": postgres_server.url()}), check_schema=False) as outside:
        run(outside._connection(), "CREATE DATABASE families TEMPLATE isthmus_template")
    with Database(config.database({"DATABASE_URL": postgres_server.url("families")})) as database:
        map_family(database)
        yield database


def _run(database: Database, plan: list[Any]) -> World:
    note("; ".join(f"{name}{arguments}" for name, arguments in plan))
    world = World(database)
    for name, arguments in plan:
        getattr(world, name)(*arguments)
    world.settle_down()
    note(f"here {world.here()}\nthere {world.there()}\nopen {world.open('true')}")
    return world


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(plan=st.lists(steps, min_size=3, max_size=30))
def test_families_converge(mapped: Database, plan: list[Any]) -> None:
    """Chains, circles, late and absent parents, lost answers, repeated messages: both sides end with the same lookups,
    in both columns; whoever still waits names a parent that Salesforce does not have."""
    world = _run(mapped, plan)

    troubled, here, there = world.troubled(), world.here(), world.there()
    assert {k: v for k, v in there.items() if k not in troubled} == {k: v for k, v in here.items() if k not in troubled}
    assert not set(world.awaited()) & there.keys()


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    plan=st.lists(steps | step("delete_here", sobject, place), min_size=3, max_size=30),
)
def test_families_with_deaths_settle(mapped: Database, plan: list[Any]) -> None:
    """Parents and children are deleted in between: nothing hangs, and what stands on both sides has the same parents."""
    world = _run(mapped, plan)

    troubled, here, there = world.troubled(), world.here(), world.there()
    assert there.keys() - troubled == here.keys() - troubled
    assert not set(world.awaited()) & there.keys()
