"""drain_change_log and upsert_salesforce without Salesforce, beside reading and marking the same rows in bare SQL."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack

from common import clock, codec, config
from common.change import Change, Ending
from common.flows import drain, to_salesforce
from common.mapping import Mapping
from common.ports import Read, Send, Sent, Spent
from common.postgres.change_log import ChangeLog
from common.postgres.connect import Connection, Database, run
from common.postgres.mappings import MappingBook
from common.postgres.queries import literal
from common.postgres.table import PostgresTable
from common.pubsub.topic import MAX_SEND
from tests.benchmarks import database
from tests.benchmarks.measure import Scale, by_turns, rate
from tests.benchmarks.table import Row, at_least

NOTES = """Edits of two columns, one per record, captured by the trigger (not timed). Ours, timed: `drain.run` (claim, merge,
encode; the topic keeps the bytes), then for each message `codec.decode` and `to_salesforce.apply` (take, an org that
answers at once, settle with ids written back and metrics), until every row of the log is done. Against: 1,000 rows at a
time, in one transaction, `SELECT` id, table, record, type, old and new data, time `FOR UPDATE SKIP LOCKED`, then one
`UPDATE` that marks them done; the same driver, the rows as Python values. Each has a database of its own."""

_READ = """SELECT id, table_name, record_id, change_type, old_data, new_data, created_at
  FROM isthmus.change_log WHERE state = 'new' ORDER BY id LIMIT 1000 FOR UPDATE SKIP LOCKED"""
_MARK = "UPDATE isthmus.change_log SET state = 'done', processed_at = now() WHERE id = ANY ({ids})"
_EDIT = "UPDATE salesforce.account SET phone = phone || '.', description = md5(description)"
_LEFT = "SELECT count(*) FROM isthmus.change_log WHERE state <> 'done'"


def measure(scale: Scale) -> Iterator[Row]:
    """The one row."""
    records = scale.of(10_000, 2_000)
    with ExitStack() as stack:
        postgres = stack.enter_context(database.server())
        ours = _Ours(stack, database.create(postgres, "ours"), records)
        bare = _Bare(stack, database.create(postgres, "bare"), records)
        pair = by_turns(ours.run, bare.run, scale.of(7, 3))
        yield at_least("drain, take and settle / bare SQL", pair, 0.3, "changes/s")


class _Encodes:
    """A topic that keeps the messages."""

    def __init__(self) -> None:
        self.messages: list[bytes] = []

    def publish(self, changes: Sequence[Change], *, trace: str = "") -> None:
        self.messages += codec.encode(changes, max_changes=MAX_SEND)


class _AtOnce:
    """An org that takes everything and needs no time."""

    def read(self, mapping: Mapping, ids: Sequence[str], *, deleted: bool = False) -> Read:
        raise AssertionError("a known record is not read")

    org_id = ""  # the benchmark's database is bound to none

    def send(self, mapping: Mapping, sends: Sequence[Send]) -> list[Sent]:
        return [Sent(send.sfid) for send in sends]

    def spent(self) -> Spent:
        return Spent()


class _Edited:
    """A database whose rows are all edited before each round."""

    def __init__(self, stack: ExitStack, settings: config.Database, records: int) -> None:
        self.connection: Connection = stack.enter_context(database.plain(settings))
        self.records = records
        database.fill(self.connection, records)

    def edit(self) -> None:
        run(self.connection, _EDIT)

    def refuse_rest(self) -> None:
        left = run(self.connection, _LEFT)[0][0]
        assert left == 0, f"{left} rows are not done"


class _Ours:
    def __init__(self, stack: ExitStack, settings: config.Database, records: int) -> None:
        held = stack.enter_context(Database(settings))
        self._edited = _Edited(stack, settings, records)
        book = MappingBook(held)
        self._log = ChangeLog(held, book, call_seconds=60)
        self._world = to_salesforce.World(
            book, self._log, _AtOnce(), clock.now, unknown_seconds=60, table=PostgresTable(held)
        )

    def run(self) -> float:
        self._edited.edit()
        found = rate(self._edited.records, self._drain)
        self._edited.refuse_rest()
        return found

    def _drain(self) -> None:
        topic = _Encodes()
        drain.run(self._log, topic, go_on=lambda: True)
        for message in topic.messages:
            outcomes = to_salesforce.apply(codec.decode(message), self._world)
            assert all(o.ending is Ending.SENT for o in outcomes)


class _Bare:
    def __init__(self, stack: ExitStack, settings: config.Database, records: int) -> None:
        self._edited = _Edited(stack, settings, records)

    def run(self) -> float:
        self._edited.edit()
        found = rate(self._edited.records, self._mark)
        self._edited.refuse_rest()
        return found

    def _mark(self) -> None:
        connection = self._edited.connection
        while True:
            run(connection, "BEGIN")
            rows = run(connection, _READ)
            if rows:
                run(connection, _MARK.format(ids=literal([row[0] for row in rows])))
            run(connection, "COMMIT")
            if not rows:
                return
