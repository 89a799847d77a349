"""API calls: what each mapping has spent, and what the org said of its daily limit; for all who call Salesforce."""

from collections.abc import Callable
from datetime import UTC, datetime

from common import clock
from common.mapping import Mapping
from common.ports import Allowance, Spent
from common.postgres.connect import Database, Transaction
from common.postgres.queries import bind, load

_Q = load("api_usage")


class Purse:
    """Implements ports.Purse."""

    def __init__(self, database: Database, now: Callable[[], datetime] = clock.now) -> None:
        self._database = database
        self._now = now

    def allowance(self, mapping: Mapping) -> Allowance:
        """What is known before a call is made."""
        found = self._database.at_once(bind(_Q["allowance"], mapping_id=mapping.id, today=_day(self._now())))
        return Allowance(*found[0]) if found else Allowance()

    def spend(self, mapping: Mapping, spent: Spent) -> None:
        """Write down what calls cost, in a transaction of its own: the row of the org's limit is everybody's."""
        if spent.calls:
            with self._database.transaction() as tx:
                spend(tx, mapping, spent, self._now())


def spend(tx: Transaction, mapping: Mapping, spent: Spent, now: datetime) -> None:
    """Write down what calls cost; the last statement of its transaction, for all callers write the same row."""
    tx.run(_Q["count"], mapping_id=mapping.id, today=_day(now), calls=spent.calls)
    tx.run(_Q["note"], used=spent.used, allowed=spent.allowed, closed_until=spent.closed_until, now=now)


def ask_again(tx: Transaction, now: datetime) -> int:
    """Let edits that waited for calls go; the next call finds out how things stand. How many edits that are."""
    waited: int = tx.run(_Q["ask_again"], now=now)[0][0]
    return waited


def _day(now: datetime) -> str:
    return now.astimezone(UTC).date().isoformat()
