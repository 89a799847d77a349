"""The guard against mass deletions, on both roads: what was deleted beyond measure waits until a person has spoken."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from common.desk import Decision
from common.mapping import Mapping
from common.postgres.connect import Database, Transaction
from common.postgres.queries import identifier, load

_Q = load("guard")


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


def hold_arriving(tx: Transaction, mapping: Mapping, sfids: Sequence[str], now: datetime) -> set[str]:
    """Hold those of the rows that are too many to go unasked, their records being deleted in Salesforce.

    What a person has allowed goes; what one has refused stays. Counting takes a lock: batches of a table come one by one.
    """
    if not sfids:
        return set()
    decided = {sfid: allowed for sfid, allowed in tx.run(_Q["decided"], table=mapping.table, sfids=list(sfids))}
    asked = [i for i in sfids if i not in decided]
    refused = {i for i, allowed in decided.items() if not allowed}
    if not asked:
        return refused
    tx.run(_Q["arrive"], table=mapping.table, now=now, rows=len(asked))
    if not _too_many(tx, mapping, asked, now):
        return refused
    tx.run(_Q["arrive"], table=mapping.table, now=now, rows=-len(asked))
    tx.run(_Q["hold_arriving"], table=mapping.table, now=now, sfids=asked)
    return refused | set(asked)


def _too_many(tx: Transaction, mapping: Mapping, sfids: Sequence[str], now: datetime) -> bool:
    (count, share, went, held), *_ = tx.run(
        _Q["arrived"], table=mapping.table, mapping_id=mapping.id, now=now, sfids=list(sfids)
    )
    if went + held <= count:
        return False
    table = identifier(mapping.table)
    left = tx.run(_Q["left"].replace("{table}", table), table_name=table)[0][0]
    return bool(went + held > share * (left - len(sfids) + went))


class HeldDeletions:
    """What people do with held deletions, of both roads."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def by_table(self) -> list[dict[str, Any]]:
        """How many are held, by table, and since when."""
        with self._database.transaction() as tx:
            return tx.dicts(_Q["held"]) + tx.dicts(_Q["held_here"])

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

    # -- of records that Salesforce deleted ----------------------------------------------------------

    def rows(self, mapping: Mapping, limit: int) -> list[dict[str, Any]]:
        """Rows whose deletion in Salesforce waits for a person."""
        query = _Q["held_records_here"].replace("{table}", identifier(mapping.table))
        with self._database.transaction() as tx:
            return tx.dicts(query.replace("{key}", identifier(mapping.key_column)), table=mapping.table, limit=limit)

    def decide(self, table: str, sfids: Sequence[str], allowed: bool, decision: Decision) -> int:
        """Let rows go with the next read of their records, or keep them. How many."""
        with self._database.transaction() as tx:
            return len(
                tx.run(
                    _Q["decide"], table=table, sfids=list(sfids), allowed=allowed, now=decision.at, who=decision.who,
                    why=decision.why,
                )
            )  # fmt: skip
