"""Backfills in this process: a real Postgres, the real clients, a stand-in; messages are kept until they are asked for."""

from datetime import timedelta
from typing import Any

from common import clock
from common.backfill import SLICE, Backfill
from common.change import Ending, Outcome
from common.errors import Transient
from common.flows import backfill, to_postgres
from common.mapping import Direction, Field, Kind
from common.postgres.backfills import BackfillTable
from common.postgres.connect import Database
from common.salesforce.bulk_query import BulkQueryApi
from common.salesforce.org import SalesforceOrg
from common.work import BACKFILL, Work
from tests.integration.accounts import TABLE, rows
from tests.integration.road import Messages, Road
from tests.standin.bulk.driving import load, wait
from tests.standin.driving import Standin

FIELDS = (
    Field("Name", "name", Kind.TEXT),
    Field("Phone", "phone", Kind.TEXT),
    Field("Description", "description", Kind.TEXT),
    Field("NumberOfEmployees", "number_of_employees", Kind.INTEGER),
    Field("AnnualRevenue", "annual_revenue", Kind.DECIMAL),
    Field("CreatedDate", "created_date", Kind.DATETIME, createable=False, updateable=False),
    Field("ParentId", "parent_id", Kind.ID, refers_to=("Account",), relationship="Parent"),
)
LATER = timedelta(hours=1)  #: nothing that arrives is too early to be read
TRIES = 200  #: of a message that comes again


class NoGraves:
    """A graveyard that remembers what was buried."""

    def __init__(self) -> None:
        self.buried: list[Outcome] = []

    def bury(self, topic: str, outcomes: Any) -> None:
        self.buried += outcomes


class Loader:
    """Everything that a backfill meets, on a Road."""

    def __init__(
        self, database: Database, standin: Standin, *, slice_records: int = SLICE, road: Road | None = None
    ) -> None:
        self.road = road or Road(database, standin)
        self.database, self.standin = database, standin
        self.slice_records = slice_records
        self.backfills = BackfillTable(database)
        self.query = BulkQueryApi(self.road.session)
        self.changes = Messages()
        self.graves = NoGraves()
        self.asked: list[Work] = []
        table = self.road.world.table
        assert table is not None
        self.table: Any = table
        self.org = SalesforceOrg(self.road.session)  # the clock of the road may be moved by hand; reads tell the time
        self.world = backfill.World(
            self.road.book, self.backfills, self.query, self.org, self.table, self.changes, self, clock.now
        )
        self.up = to_postgres.World(
            self.road.book, self.table, self.org, self.graves, self.changes, lambda: clock.now() + LATER
        )

    def publish(self, *pieces: Work) -> None:
        self.asked += [piece for piece in pieces if piece.kind == BACKFILL]

    # -- doing -------------------------------------------------------------------------------------

    def start(self, direction: Direction = Direction.SF_TO_PG, sobject: str = "Account") -> Backfill:
        (mapping,) = self.road.book.of_object(sobject)
        begun = self.backfills.begin(mapping, direction, "kim", self.slice_records)
        backfill.carry_on(begun, self.backfills, self)
        return begun

    def message(self) -> str:
        """One message, again until it is done with; the query's end is waited for."""
        piece = self.asked.pop(0)
        for _ in range(TRIES):
            try:
                return backfill.step(piece.body["backfill"], piece.body["slice"], self.world)
            except Transient as exc:
                if exc.reason != "salesforce_asked":
                    raise
                found = self.backfills.find(piece.body["backfill"])
                assert found is not None
                wait(self.standin, found.sf_job, "query")
        raise TimeoutError("the query does not end")

    def run(self) -> list[str]:
        """Every message, and those that follow from it."""
        done = []
        while self.asked:
            done.append(self.message())
        return done

    def arrive(self) -> list[str]:
        """What was put aside arrives by the road that changes take; how each ended."""
        endings: list[str] = []
        while held := self.changes.take():
            for changes in held:
                endings += [o.ending.value for o in to_postgres.apply(changes, self.up)]
        return endings

    # -- looking -----------------------------------------------------------------------------------

    def here(self) -> dict[str, tuple[Any, ...]]:
        """The rows, by Salesforce id."""
        names = [f.column for f in self.road.book.of_object("Account")[0].fields]
        found = rows(self.database, f"SELECT sfid, {', '.join(names)} FROM {TABLE} WHERE sfid IS NOT NULL")
        return {r["sfid"]: tuple(_plain(r[n]) for n in names) for r in found}

    def there(self) -> dict[str, tuple[Any, ...]]:
        """The living records, by id."""
        names = [f.name for f in self.road.book.of_object("Account")[0].fields]
        found = self.standin.query_all(f"SELECT Id, {', '.join(names)} FROM Account")
        return {r["Id"]: tuple(_plain(r[n]) for n in names) for r in found}

    def progress(self, begun: Backfill) -> dict[str, Any]:
        (row,) = self.backfills.progress(begun.id)
        return row


def _plain(value: Any) -> Any:
    """Numbers as numbers, times as times."""
    text = str(value)
    if value is None or isinstance(value, bool):
        return value
    if hasattr(value, "isoformat"):
        return value.isoformat()
    if text[4:5] == "-" and "T" in text:
        return clock.parse(text).isoformat()
    try:
        return float(text)
    except ValueError:
        return text


def records(standin: Standin, count: int, *, first: int = 0) -> None:
    """So many accounts in Salesforce."""
    lines = "".join(f"e-{n},n{n},{n}\n" for n in range(first, first + count))
    load(standin, f"External_Id__c,Name,NumberOfEmployees\n{lines}")


__all__ = ["FIELDS", "Ending", "Loader", "records"]
