"""How many calls Salesforce sees for many edits: drained, published and sent to a real stand-in."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from datetime import datetime, timedelta
from typing import Any

from common import clock, codec, config
from common.change import Ending
from common.flows import bulk, drain, to_salesforce
from common.mapping import Direction, Mapping
from common.postgres.bulk_jobs import BulkJobs
from common.postgres.change_log import ChangeLog
from common.postgres.connect import Connection, Database, run
from common.postgres.mappings import MappingBook
from common.postgres.table import PostgresTable
from common.pubsub.topic import MAX_SEND, PubsubTopic
from common.salesforce import describe
from common.salesforce.bulk import BulkApi
from common.salesforce.org import SalesforceOrg
from common.salesforce.session import Session
from common.work import Work
from tests.benchmarks import database
from tests.benchmarks.measure import Scale, rate
from tests.benchmarks.table import Row
from tests.standin.bulk.driving import wait
from tests.standin.driving import Standin

NOTES = """10,000 new rows, then one edit of three columns of each: drained, cut into messages by the door's own topic, and
sent to the stand-in by `to_salesforce.apply`, message by message. Then the same edits once more as one Bulk API job
(`bulk.Gatherer`, `bulk.step` until it is done, the calls as our client counts them); the seconds include the stand-in's own
work. The calls are the stand-in's own count
(`calls/summary`), logins left out as Salesforce does. Against: one REST call per change (the naive function), and
collections of 200 (jsforce, CumulusCI); those two are arithmetic."""

_FIELDS = ("Name", "Phone", "Description", "BillingCity", "AccountNumber", "NumberOfEmployees", "AnnualRevenue")
_BORN = """INSERT INTO salesforce.account (id, name, phone, description, billing_city, account_number, number_of_employees,
annual_revenue) SELECT 'born-' || n, 'Company ' || n, '+82 2 ' || n, 'A sentence about customer ' || n, '서울', 'AC-' || n, n, n * 1000.25
  FROM generate_series(1, {records}) AS n"""
_EDIT = """UPDATE salesforce.account
   SET phone = phone || ' ext. 1', description = description || ', edited.', number_of_employees = number_of_employees + 1"""


class _Keeps:
    """A Pub/Sub client that keeps what is published."""

    def __init__(self) -> None:
        self.messages: list[bytes] = []

    def publish(self, *, messages: Sequence[Any], **_: object) -> None:
        self.messages += [bytes(message.data) for message in messages]


def measure(scale: Scale) -> Iterator[Row]:
    """Calls for inserts, and for edits."""
    records = scale.of(10_000, 2_000)
    with ExitStack() as stack:
        standin = stack.enter_context(Standin())
        standin.sign_in()
        session = stack.enter_context(Session(_salesforce(standin.url)))
        postgres = stack.enter_context(database.server())
        settings = database.create(postgres, "sends", _plan(session))
        connection = stack.enter_context(database.plain(settings))
        sender = _Sender(stack.enter_context(Database(settings)), session)
        for what, statement in (("inserts", _BORN.format(records=records)), ("edits", _EDIT)):
            standin.control("DELETE", "calls")
            run(connection, statement)
            sent = sender.run()
            assert sent == records, f"{sent} of {records} were sent"
            yield _row(what, records, int(standin.control("GET", "calls/summary")["apiCalls"]))
        run(connection, _EDIT)
        by_rest = rate(records, sender.run)
        run(connection, _EDIT)
        before = session.calls
        by_bulk = rate(records, lambda: sender.run_bulk(records, lambda: _ended(connection, standin)))
        yield _bulk_row(records, session.calls - before)
        yield Row("drain and send, Bulk / Composite", f"{by_bulk:,.0f} records/s", f"{by_rest:,.0f} records/s",
                  f"{by_bulk / by_rest:.3g} x", "-", None)  # fmt: skip


def _salesforce(url: str) -> config.Salesforce:
    return config.salesforce({"SF_LOGIN_URL": url, "SF_CLIENT_ID": "isthmus", "SF_CLIENT_SECRET": "isthmus"})


def _plan(session: Session) -> Mapping:
    return describe.to_mapping(
        describe.fetch(session, "Account"), table=database.TABLE, direction=Direction.BIDIRECTIONAL,
        external_id_field="External_Id__c", only=_FIELDS,
    ).mapping  # fmt: skip


class _Sender:
    """Both doors of road B in this process."""

    def __init__(self, held: Database, session: Session) -> None:
        self._book = book = MappingBook(held)
        self._asked: list[Work] = []
        self._moved = timedelta()
        self._session = session
        self._log = ChangeLog(held, book, call_seconds=60)
        self._world = to_salesforce.World(
            book, self._log, SalesforceOrg(session), clock.now, unknown_seconds=60, table=PostgresTable(held)
        )
        self._jobs = BulkJobs(held, self._log, self._now)

    def run(self) -> int:
        """Send all that is owed; how many records arrived."""
        client = _Keeps()
        topic = PubsubTopic("postgres-changes", max_changes=MAX_SEND, client=client)  # type: ignore[arg-type]
        drain.run(self._log, topic, go_on=lambda: True)
        outcomes = [o for message in client.messages for o in to_salesforce.apply(codec.decode(message), self._world)]
        return sum(o.ending is Ending.SENT for o in outcomes)

    def _now(self) -> datetime:
        return clock.now() + self._moved

    def publish(self, *pieces: Work) -> None:
        self._asked += pieces

    def run_bulk(self, records: int, ended: Callable[[], None]) -> None:
        """The same through one Bulk API job, which is looked at again when it has ended."""
        gatherer = bulk.Gatherer(self._book, self._jobs, self, records)
        world = bulk.World(self._world, self._jobs, BulkApi(self._session))
        gathered = gatherer.run()
        assert gathered == records, f"{gathered} of {records} were gathered"
        state = ""
        while state != "done":
            for piece in self._asked:
                state = bulk.step(piece.body["job"], world)
                assert state != "failed"
            self._asked = []
            ended()
            self._moved += timedelta(seconds=60)
            gatherer.run()


def _ended(connection: Connection, standin: Standin) -> None:
    """Wait for the jobs that the stand-in works on; these calls are a bystander's, and not counted."""
    for (sf_jobs,) in run(connection, "SELECT sf_jobs FROM isthmus.bulk_job WHERE state = 'running'"):
        for held in sf_jobs:
            wait(standin, held["id"])


def _bulk_row(records: int, calls: int) -> Row:
    rest = -(-records // 1000)
    return Row(f"Salesforce calls for {records:,} edits, Bulk API", f"{calls} calls", f"{rest} by Composite",
               f"1/{rest / calls:.3g}", "-", None)  # fmt: skip


def _row(what: str, records: int, calls: int) -> Row:
    fewest, most = records // 1000, records * 12 // 10_000
    return Row(
        f"Salesforce calls for {records:,} {what}", f"{calls} calls", f"{records:,} naive, {records // 200} in collections",
        f"1/{records / calls:,.0f}, 1/{records / 200 / calls:.3g}", f"{fewest} to {most} calls", calls <= most,
    )  # fmt: skip
