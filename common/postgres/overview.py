"""How things stand, for a person who looks: is it well, how far behind, what failed."""

from collections.abc import Mapping as Map
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from common.clock import Clock
from common.desk import Decision, Row
from common.postgres import api_limit, identity, mappings, status
from common.postgres.connect import Database, Transaction
from common.postgres.queries import load

LATE = timedelta(minutes=5)  #: an edit that waits longer than the slowest wait for company is worth a look
STUCK = timedelta(hours=1)
TROUBLE = frozenset({"database", "failures", "letters", "held_deletions", "api_limit"})  #: what a person must mend

_Q = load("overview")


class Overview:
    """Implements desk.Overview."""

    def __init__(self, database: Database, now: Clock) -> None:
        self._database = database
        self._now = now

    def mappings(self) -> list[Row]:
        """One row for each mapping, with `lag`: direction -> when something last arrived, and how long it took."""
        rows = status.read(self._database)
        with self._database.transaction() as tx:
            ((summed,),) = tx.run(load("trends")["summed_until"])
            lags = tx.dicts(_Q["lag"], summed_until=summed)
        return [row | {"lag": {lag.pop("direction"): lag for lag in _of(lags, row["id"])}} for row in rows]

    def checks(self) -> list[Row]:
        """check, state (ok, warning, trouble), count, since, detail; the same checks at all times."""
        now = self._now()
        with self._database.transaction() as tx:
            return [_check(_moved(tx), now), *(_check(row, now) for row in tx.dicts(_Q["checks"]))]

    def api(self) -> Map[str, Sequence[Row]]:
        """Calls of today by mapping, the org's own count, refused fields, Bulk API jobs."""
        return status.api(self._database)

    def mark(self) -> str:
        """A text that differs once something has happened that a page shows."""
        with self._database.transaction() as tx:
            return str(tx.run(_Q["mark"])[0][0])


class Switch:
    """Implements desk.Switch."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def paused(self) -> Row | None:
        """paused_at, paused_by, paused_why; None where everything goes on."""
        with self._database.transaction() as tx:
            return mappings.paused_all(tx)

    def pause(self, decision: Decision) -> None:
        """Stop delivering everything, both ways; capture goes on."""
        with self._database.transaction() as tx:
            mappings.pause_all(tx, True, decision.who, decision.why)

    def resume(self, now: datetime) -> int:
        """Deliver again; how many edits waited for API calls and are tried now."""
        with self._database.transaction() as tx:
            mappings.pause_all(tx, False)
            return api_limit.ask_again(tx, now)


def _of(lags: list[Row], mapping: int) -> list[Row]:
    return [{k: v for k, v in lag.items() if k != "id"} for lag in lags if lag["id"] == mapping]


def _moved(tx: Transaction) -> dict[str, Any]:
    moved = identity.changed(identity.read(tx))
    words = ", ".join(f"{name} {was} -> {now}" for name, (was, now) in moved.items())
    return {"check": "database", "count": len(moved), "since": None, "detail": words}


def _check(row: Row, now: datetime) -> Row:
    if not row["count"]:
        return row | {"state": "ok", "since": None}
    if row["check"] == "waiting":
        waited = now - row["since"]
        return row | {"state": "trouble" if waited > STUCK else "warning" if waited > LATE else "ok"}
    return row | {"state": "trouble" if row["check"] in TROUBLE else "warning"}
