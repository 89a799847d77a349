"""Road B in this process: a real Postgres, both flows, the real client, a stand-in; the clock of all is moved by hand."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from common import codec, config
from common.change import Change, Outcome
from common.errors import Misconfigured, Transient
from common.flows import drain, to_salesforce
from common.mapping import Field, Kind
from common.postgres.change_log import ChangeLog
from common.postgres.connect import Database
from common.postgres.mappings import MappingBook
from common.postgres.table import PostgresTable
from common.pubsub.topic import MAX_SEND
from common.salesforce.org import SalesforceOrg
from common.salesforce.session import Session
from tests.integration.accounts import TABLE, map_table, rows, run
from tests.integration.claiming import CALL, CLAIM, Hand
from tests.standin.driving import Standin

FIELDS = (
    Field("Name", "name", Kind.TEXT),
    Field("Phone", "phone", Kind.TEXT),
    Field("Site", "site", Kind.TEXT),
    Field("NumberOfEmployees", "number_of_employees", Kind.INTEGER),
)
ANSWER_SECONDS = 5.0  #: how long a call waits for its answer


class Messages:
    """A topic that keeps what is published until it is asked for."""

    def __init__(self) -> None:
        self.held: list[bytes] = []

    def publish(self, changes: Sequence[Change], *, trace: str = "") -> None:
        self.held += codec.encode(changes, max_changes=MAX_SEND)

    def take(self) -> list[list[Change]]:
        taken, self.held = self.held, []
        return [codec.decode(message) for message in taken]


class Road:
    """One sender and its drainer.

    Args:
        standin: Signed in; reset by its fixture.
        hand: The clock; another Road on the same stand-in shares it.
        answer_seconds: How long a call waits for its answer.
    """

    def __init__(
        self, database: Database, standin: Standin, hand: Hand | None = None, *, answer_seconds: float = ANSWER_SECONDS,
        mapped: bool = True, reserve: int = 20,
    ) -> None:  # fmt: skip
        self.database = database
        self.standin = standin
        self.hand = hand or Hand()
        if mapped:
            map_table(database, fields=FIELDS)
        env = {"SF_LOGIN_URL": standin.url, "SF_CLIENT_ID": "isthmus", "SF_CLIENT_SECRET": "isthmus"}
        self.session = Session(config.salesforce(env), call_seconds=answer_seconds)
        self.book = MappingBook(database)
        self.log = ChangeLog(database, self.book, call_seconds=CALL, claim_seconds=CLAIM, now=self.hand)
        self.topic = Messages()
        self.world = to_salesforce.World(
            self.book, self.log, SalesforceOrg(self.session, self.hand), self.hand, CALL,
            PostgresTable(database, self.hand), reserve_percent=reserve,
        )  # fmt: skip

    def close(self) -> None:
        self.session.close()

    def drain(self) -> list[list[Change]]:
        """What a run of the drainer publishes, message by message."""
        drain.run(self.log, self.topic, go_on=lambda: True)
        return self.topic.take()

    def send(self) -> list[Outcome]:
        """Drain, and send every message once; a message that must come again is left to its lease."""
        outcomes: list[Outcome] = []
        for changes in self.drain():
            with suppress(Transient, Misconfigured):
                outcomes += to_salesforce.apply(changes, self.world)
        return outcomes

    def move(self, seconds: float) -> None:
        """Time passes, here and there."""
        self.hand.move(seconds)
        self.standin.control("POST", "clock", {"move_seconds": seconds})

    def send_all(self, *, step: float = 60.0, most: int = 400, meanwhile: Callable[[], None] = lambda: None) -> None:
        """Send, once a minute, until nothing waits."""
        for _ in range(most):
            self.send()
            if not self.waiting():
                return
            self.move(step)
            meanwhile()
        raise TimeoutError(f"{self.waiting()} edits still wait")

    # -- looking -----------------------------------------------------------------------------------

    def waiting(self) -> int:
        states = "('new', 'claimed', 'sending', 'retry')"
        return int(run(self.database, f"SELECT count(*) FROM isthmus.change_log WHERE state IN {states}")[0][0])

    def here(self) -> dict[str, tuple[Any, ...]]:
        """The rows, by key."""
        names = ", ".join(f.column for f in FIELDS)
        return {r.pop("id"): tuple(r.values()) for r in rows(self.database, f"SELECT id, {names} FROM {TABLE}")}

    def there(self) -> dict[str, tuple[Any, ...]]:
        """The records, by external id; a second one of an external id is an error."""
        names = [f.name for f in FIELDS]
        found = self.standin.query_all(f"SELECT External_Id__c, {', '.join(names)} FROM Account")
        records = {r["External_Id__c"]: tuple(r[n] for n in names) for r in found}
        assert len(found) == len(records), "a record stands there twice"
        return records

    def calls(self) -> int:
        """API calls since the last `forget_calls`, as the stand-in counts them; logins are none."""
        resources = self.standin.control("GET", "calls/summary")["resources"]
        return sum(r["calls"] for r in resources if r["resource"] != "oauth2/token")

    def forget_calls(self) -> None:
        self.standin.control("DELETE", "calls")

    def fault(self, **order: Any) -> None:
        self.standin.control("POST", "faults", order)


def born(database: Database, count: int) -> None:
    """So many new rows."""
    run(
        database,
        f"INSERT INTO {TABLE} (id, name, number_of_employees) SELECT 'r-' || n, 'n' || n, n FROM generate_series(0, {count - 1}) n",
    )
