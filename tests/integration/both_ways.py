"""Both roads in this process, made by the command line: a real Postgres, the real client, a stand-in, one clock."""

from collections.abc import Callable, Sequence

from common.change import UNSTAMPED, Change, Op, Outcome, Side
from common.flows import to_postgres, to_salesforce
from common.postgres.connect import Database
from common.postgres.dead_letters import DeadLetters
from common.postgres.table import PostgresTable
from tests.integration.road import Road
from tests.standin.driving import Standin

Isthmus = Callable[..., str]


class BothWays(Road):
    """A sender and its drainer, and a reader of one object's records."""

    def __init__(self, database: Database, standin: Standin, sobject: str) -> None:
        super().__init__(database, standin, mapped=False)
        self.sobject = sobject
        self.arriving = to_postgres.World(
            self.book, PostgresTable(database, self.hand), self.world.org, DeadLetters(database), self.topic, self.hand
        )

    def read(self, *ids: str, buried: bool = False) -> list[Outcome]:
        """Read these records, some seconds after whatever was done to them."""
        self.move(5)
        now = self.hand().isoformat()
        hints = [
            Change(Side.SALESFORCE, self.sobject, i, Op.UPSERT, UNSTAMPED, f"hint/{i}/{now}", buried=buried)
            for i in ids
        ]
        outcomes = to_postgres.apply(hints, self.arriving)
        self.topic.take()
        return outcomes

    def deliver(self, changes: Sequence[Change]) -> list[Outcome]:
        """Send what was drained before."""
        return to_salesforce.apply(changes, self.world)
