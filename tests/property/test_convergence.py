"""Whatever is lost, repeated or jumbled on the way: in the end both sides are equal."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, note, settings
from hypothesis import strategies as st

from common import config
from common.change import Change, Ending
from common.errors import Transient
from common.flows import drain, to_postgres, to_salesforce
from common.mapping import Capture, Direction, Field, Kind, Mapping, Policy
from common.postgres import ddl, mappings
from common.postgres.change_log import ChangeLog
from common.postgres.connect import Database, run
from common.postgres.dead_letters import DeadLetters
from common.postgres.mappings import MappingBook
from common.postgres.table import PostgresTable
from common.rules import Rules
from tests.fakes.org import FakeOrg, Record
from tests.integration.accounts import GROWING
from tests.integration.wal import Wal
from tests.stack.postgres import Postgres

RULED = Rules(words=(("s", "S!"), ("t", "T!")), exact=True)  #: the column has words of its own for what Salesforce says
FIELDS = (
    Field("Name", "name", Kind.TEXT),
    Field("Employees__c", "employees", Kind.INTEGER),
    Field("Site", "site", Kind.TEXT, rules=RULED),
)
VALUES: dict[str, list[Any]] = {"Name": ["a", "b", "한"], "Employees__c": ["1", "2", "3"], "Site": [None, "s", "t"]}
CALL_SECONDS = 60


class World:
    """Both sides, and the two topics between them as bags of messages."""

    def __init__(self, database: Database, policy: Policy, skew: timedelta) -> None:
        self.database = database
        self.time = datetime(2026, 1, 1, tzinfo=UTC)
        self.skew = skew
        self.born = 0
        self.inbound: list[Change] = []
        self.outbound: list[list[Change]] = []
        self._forget(policy)
        self.book = MappingBook(database)
        (self.mapping,) = self.book.all()
        self.org = FakeOrg(lambda: self.time, self.ours, self._push)
        self.log = ChangeLog(database, self.book, call_seconds=CALL_SECONDS, claim_seconds=5, now=self.ours)
        self.letters = DeadLetters(database)
        self.to_postgres = to_postgres.World(
            self.book, PostgresTable(database, self.ours), self.org, self.letters, self, self.ours
        )

        self.to_salesforce = to_salesforce.World(
            self.book, self.log, self.org, self.ours, CALL_SECONDS, self.to_postgres.table
        )

    def ours(self) -> datetime:
        """Our clock, which is not Salesforce's."""
        return self.time + self.skew

    def publish(self, changes: list[Change], *, trace: str = "") -> None:
        self.inbound += changes

    def _push(self, record: Record) -> None:
        self.inbound.append(self.org.change(record, self.mapping))

    def _forget(self, policy: Policy) -> None:
        with self.database.transaction() as tx:
            tx.run_bound("SET LOCAL isthmus.origin = 'salesforce.account'")
            tx.run_bound("DELETE FROM salesforce.account")
            for table in GROWING:
                tx.run_bound(f"DELETE FROM isthmus.{table}")
            tx.run(
                "UPDATE isthmus.sync_configurations SET conflict_policy = :policy ::isthmus.conflict_policy",
                policy=policy,
            )

    # -- steps -------------------------------------------------------------------------------------

    def tick(self, milliseconds: int) -> None:
        self.time += timedelta(milliseconds=milliseconds)

    def edit_there(self, n: int, field: str, value: Any) -> None:
        alive = self.org.alive()
        if alive:
            self.org.update(alive[n % len(alive)].id, {field: value})

    def create_there(self, name: str) -> None:
        self.org.create({"Name": name})

    def delete_there(self, n: int) -> None:
        alive = self.org.alive()
        if alive:
            record = alive[n % len(alive)]
            self.org.delete(record.id)
            self.inbound.append(self.org.change(record, self.mapping))

    def undelete_there(self, n: int) -> None:
        dead = [r for r in self.org.records.values() if r.deleted]
        if dead:
            self.org.undelete(dead[n % len(dead)].id)

    def edit_here(self, n: int, field: str, value: Any) -> None:
        column = self.mapping.by_name[field].column
        if field == "Site" and n % 2:  # else in Salesforce's own word, which becomes the column's once it comes back
            value = RULED.forward(value)
        self._with_row(n, f"UPDATE salesforce.account SET {column} = :value WHERE id = :id", value=value)

    def insert_here(self, name: str) -> None:
        self.born += 1
        self._edit("INSERT INTO salesforce.account (id, name) VALUES (:id, :name)", id=f"pg-{self.born}", name=name)

    def delete_here(self, n: int) -> None:
        self._with_row(n, "DELETE FROM salesforce.account WHERE id = :id")

    def _with_row(self, n: int, statement: str, **parameters: Any) -> None:
        with self.database.transaction() as tx:
            keys = [row[0] for row in tx.run("SELECT id FROM salesforce.account ORDER BY sfid NULLS LAST, id")]
        if keys:
            self._edit(statement, id=keys[n % len(keys)], **parameters)

    def _edit(self, statement: str, **parameters: Any) -> None:
        """As an application does; captured at the time that passes here."""
        with self.database.transaction() as tx:
            before = tx.run("SELECT coalesce(max(id), 0) FROM isthmus.change_log")[0][0]
            tx.run(statement, **parameters)
            tx.run("UPDATE isthmus.change_log SET created_at = :now WHERE id > :before", now=self.ours(), before=before)

    def deliver(self, n: int, size: int, keep: bool) -> None:
        """Some waiting messages arrive together, wherever they stand in the queue; perhaps they come again later."""
        if not self.inbound:
            return
        start = n % len(self.inbound)
        batch = self.inbound[start : start + size]
        del self.inbound[start : start + size]
        outcomes = to_postgres.apply(batch, self.to_postgres)
        if keep or any(o.ending is Ending.LATER for o in outcomes):
            self.inbound += batch

    def drain(self) -> None:
        """Publish what waits; `self` would be the wrong topic."""
        drain.run(self.log, _Bag(self.outbound), go_on=lambda: True)

    def send(self, n: int, keep: bool, lose: bool, crash: bool) -> None:
        """One message is sent; perhaps the answer is lost, the sender dies before it settles, or it comes again."""
        if not self.outbound:
            return
        message = self.outbound.pop(n % len(self.outbound))
        self.org.lose_answers = lose
        if crash:
            owed = self.log.take(message)
            self.org.send(self.mapping, [o.send for o in owed])
            self.outbound.append(message)
        else:
            to_salesforce.apply(message, self.to_salesforce)
            if keep:
                self.outbound.append(message)
        self.org.lose_answers = False

    def settle_down(self) -> None:
        """Let time pass until nothing is under way any more."""
        for _ in range(60):
            self.tick(70_000)
            while self.outbound:
                self.send(0, keep=False, lose=False, crash=False)
            self.drain()
            waiting, self.inbound = self.inbound, []
            for start in range(0, len(waiting), 7):
                batch = waiting[start : start + 7]
                outcomes = to_postgres.apply(batch, self.to_postgres)
                if any(o.ending is Ending.LATER for o in outcomes):
                    self.inbound += batch
            if not self.inbound and not self.outbound and not self._open():
                return
        raise AssertionError(f"still under way: {self.inbound} {self.outbound} {self._open()}")

    def _open(self) -> list[Any]:
        with self.database.transaction() as tx:
            return tx.run("SELECT * FROM isthmus.change_log WHERE state IN ('new', 'claimed', 'sending', 'retry')")

    def story(self) -> str:
        """The tables as they stand, for a failing example."""
        with self.database.transaction() as tx:
            tables = ("salesforce.account", "isthmus.change_log", "isthmus.tombstone", "isthmus.dead_letter")
            rows = [f"{t}: {row}" for t in tables for row in tx.dicts(f"SELECT * FROM {t}")]
        return "\n".join(rows + [f"org: {record}" for record in self.org.records.values()])

    def here(self) -> dict[str, tuple[Any, ...]]:
        with self.database.transaction() as tx:
            rows = tx.run("SELECT sfid, name, employees::text, site FROM salesforce.account")
        return {row[0]: tuple(row[1:]) for row in rows}

    def there(self) -> dict[str, tuple[Any, ...]]:
        """In the columns' words."""
        return {r.id: tuple(f.rules.forward(r.fields.get(f.name)) for f in FIELDS) for r in self.org.alive()}


class ToldLate(World):
    """Debezium captures: what was written waits to be told, and is told in any order, perhaps again."""

    def __init__(self, database: Database, policy: Policy, skew: timedelta) -> None:
        super().__init__(database, policy, skew)
        self.wal = Wal(database, install=False)
        self.untold: list[bytes] = []

    def _forget(self, policy: Policy) -> None:
        super()._forget(policy)
        with self.database.transaction() as tx:
            for table in ("public.wal", "isthmus.known_row", "isthmus.captured_edit", "isthmus.own_transaction"):
                tx.run_bound(f"DELETE FROM {table}")

    def _written(self) -> None:
        self.untold += self.wal.take(self.ours())

    def tick(self, milliseconds: int) -> None:
        self._written()  # before time passes: an edit is as old as its commit
        super().tick(milliseconds)

    def tell(self, n: int, keep: bool) -> None:
        self._written()
        if self.untold:
            told = self.untold.pop(n % len(self.untold))
            self.wal.tell(told)
            self.untold += [told] if keep else []

    def send(self, n: int, keep: bool, lose: bool, crash: bool) -> None:
        waiting = list(self.outbound)
        try:
            super().send(n, keep, lose, crash)
        except Transient as exc:
            if exc.reason != "capture_behind":
                raise
            self.outbound = waiting
            self.org.lose_answers = False

    def settle_down(self) -> None:
        for _ in range(60):
            self.tick(70_000)
            while self.untold:
                self.tell(len(self.untold) - 1, keep=False)
            super().settle_down()
            self._written()
            if not self.untold:
                return
        raise AssertionError("our own writes are told for ever")


class _Bag:
    """A topic that keeps its messages."""

    def __init__(self, messages: list[list[Change]]) -> None:
        self._messages = messages

    def publish(self, changes: list[Change], *, trace: str = "") -> None:
        self._messages.append(list(changes))


number = st.integers(0, 5)
edit = st.sampled_from([(f, v) for f, values in VALUES.items() for v in values])
rarely = st.sampled_from([False, False, False, True])


def step(name: str, *arguments: st.SearchStrategy[Any]) -> st.SearchStrategy[Callable[[World], None]]:
    return st.tuples(*arguments).map(lambda drawn: (name, drawn))


there = st.one_of(
    step("create_there", st.sampled_from(VALUES["Name"])),
    edit.flatmap(lambda e: step("edit_there", number, st.just(e[0]), st.just(e[1]))),
    step("delete_there", number),
    step("undelete_there", number),
)
here = st.one_of(
    step("insert_here", st.sampled_from(VALUES["Name"])),
    edit.flatmap(lambda e: step("edit_here", number, st.just(e[0]), st.just(e[1]))),
    step("delete_here", number),
)
between = st.one_of(
    step("tick", st.sampled_from([1, 200, 900, 1500, 30_000])),
    step("deliver", number, st.integers(1, 4), rarely),
    step("drain"),
    step("send", number, rarely, rarely, rarely),
)


SENT_BEFORE_ITS_DELETION_WAS_TOLD: list[Any] = [
    ("insert_here", ("a",)), ("delete_here", (0,)), ("tell", (0, False)), ("drain", ()),
    ("send", (0, False, False, False)), ("deliver", (0, 1, False)),
]  # fmt: skip


@pytest.fixture(scope="module")
def mapped(postgres_server: Postgres) -> Iterator[Database]:
    """A database with one mapping, for all the examples: a new one for each would take most of the time."""
    yield from _mapped(postgres_server, "convergence", Capture.TRIGGER)


def _mapped(server: Postgres, name: str, capture: Capture) -> Iterator[Database]:
    with Database(config.database({"DATABASE_URL": server.url()}), check_schema=False) as outside:
        run(outside._connection(), f"CREATE DATABASE {name} TEMPLATE isthmus_template")
    with Database(config.database({"DATABASE_URL": server.url(name)})) as database:
        mapping = Mapping(0, "Account", "salesforce.account", Direction.BIDIRECTIONAL, FIELDS, capture=capture)
        with database.transaction() as tx:
            for statement in ddl.create(mapping):
                tx.run_bound(statement)
            mappings.insert(tx, mapping)
        if capture is Capture.DEBEZIUM:
            Wal(database)
        yield database


@pytest.fixture(scope="module")
def told_late(postgres_server: Postgres) -> Iterator[Database]:
    """The same, with Debezium as its capture."""
    yield from _mapped(postgres_server, "told_late", Capture.DEBEZIUM)


@settings(max_examples=1500, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(there | between, min_size=5, max_size=40), skew=st.sampled_from([-3, 0, 3]))
def test_any_jumble_of_messages_converges(mapped: Database, steps: list[Any], skew: int) -> None:
    """Only Salesforce is edited: repeated, jumbled and late messages end in its newest state."""
    world = World(mapped, Policy.LAST_WRITER_WINS, timedelta(seconds=skew))

    for name, arguments in steps:
        getattr(world, name)(*arguments)
    world.settle_down()

    assert world.there() == world.here()


@settings(max_examples=800, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    steps=st.lists(there | here | between, min_size=5, max_size=40),
    policy=st.sampled_from(list(Policy)),
    skew=st.sampled_from([-3, 0, 3]),
)
def test_edits_on_both_sides_converge(mapped: Database, steps: list[Any], policy: Policy, skew: int) -> None:
    """Both sides are edited, answers get lost and senders die: both sides end equal, or a failure says why not."""
    world = World(mapped, policy, timedelta(seconds=skew))
    note(f"{policy=} {skew=} " + "; ".join(f"{name}{arguments}" for name, arguments in steps))

    for name, arguments in steps:
        getattr(world, name)(*arguments)
    world.settle_down()

    failed = {row[0] for row in _failed(mapped)}
    there, here = world.there(), world.here()
    note(world.story())
    assert {k: v for k, v in there.items() if k not in failed} == {k: v for k, v in here.items() if k not in failed}


@settings(max_examples=800, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    steps=st.lists(there | here | between | step("tell", number, rarely), min_size=5, max_size=40),
    policy=st.sampled_from(list(Policy)),
    skew=st.sampled_from([-3, 0, 3]),
)
@example(steps=SENT_BEFORE_ITS_DELETION_WAS_TOLD, policy=Policy.LAST_WRITER_WINS, skew=0)
def test_a_capture_that_is_behind_converges(told_late: Database, steps: list[Any], policy: Policy, skew: int) -> None:
    """Edits enter the log late and in any order, while their rows' records arrive: both sides end equal all the same."""
    world = ToldLate(told_late, policy, timedelta(seconds=skew))
    note(f"{policy=} {skew=} " + "; ".join(f"{name}{arguments}" for name, arguments in steps))

    for name, arguments in steps:
        getattr(world, name)(*arguments)
    world.settle_down()

    failed = {row[0] for row in _failed(told_late)}
    there, here = world.there(), world.here()
    note(world.story())
    assert {k: v for k, v in there.items() if k not in failed} == {k: v for k, v in here.items() if k not in failed}


def _failed(database: Database) -> list[list[Any]]:
    """Records whose edits Salesforce refused: they stand in the dead letters."""
    with database.transaction() as tx:
        return tx.run(
            "SELECT DISTINCT coalesce(t.sfid, b.sfid) FROM isthmus.change_log AS c "
            "LEFT JOIN salesforce.account AS t ON t.id = c.record_id "
            "LEFT JOIN isthmus.tombstone AS b ON b.record_id = c.record_id WHERE c.state = 'failed'"
        )
