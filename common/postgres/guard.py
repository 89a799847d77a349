"""The guard against mass deletions: what was deleted in Postgres beyond measure waits until a person has spoken."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from common.postgres.connect import Database, Transaction
from common.postgres.queries import identifier, load

_Q = load("guard")


@dataclass(frozen=True, slots=True)
class Decision:
    """A person's word, kept with what it was about."""

    who: str
    why: str
    at: datetime


def hold(tx: Transaction, tables: Sequence[str], now: datetime) -> set[tuple[str, str]]:
    """Hold the deletions of those of the tables that lose too many rows; (table, record id) of each.

    Too many is more than the mapping's count, and more than its share of the rows that there were.
    """
    held: set[tuple[str, str]] = set()
    for suspect in tx.dicts(_Q["suspects"], tables=list(tables), now=now):
        table = suspect["table_name"]
        left = tx.run(_Q["left"].replace("{table}", identifier(table)), table_name=identifier(table))[0][0]
        if suspect["deletions"] > suspect["share"] * (left + suspect["deletions"]):
            held |= {(table, row[0]) for row in tx.run(_Q["hold"], table=table, now=now)}
    return held


class HeldDeletions:
    """What people do with held deletions."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def by_table(self) -> list[dict[str, Any]]:
        """How many are held, by table, and since when."""
        with self._database.transaction() as tx:
            return tx.dicts(_Q["held"])

    def records(self, table: str, limit: int) -> list[dict[str, Any]]:
        """The held deletions of a table, oldest first."""
        with self._database.transaction() as tx:
            return tx.dicts(_Q["held_records"], table=table, limit=limit)

    def allow(self, table: str, decision: Decision) -> int:
        """Let them go on to Salesforce, never to be held again; how many."""
        with self._database.transaction() as tx:
            told = tx.run(_Q["allow"], table=table, now=decision.at, who=decision.who, why=decision.why)
            return int(told[0][0])

    def refuse(self, ids: Sequence[int], decision: Decision) -> int:
        """Take them back; the rows come again with the next read of their records. How many."""
        with self._database.transaction() as tx:
            return len(tx.run(_Q["refuse"], ids=list(ids), now=decision.at, who=decision.who, why=decision.why))
