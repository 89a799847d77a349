"""Edits that Salesforce refused for good, and what people decide about them. Their dead letters follow."""

from collections.abc import Sequence
from typing import Any

from common.desk import Decision
from common.mapping import Mapping
from common.postgres.connect import Database, Transaction
from common.postgres.queries import as_json, identifier, load

ALL = 1_000_000  #: more than anybody looks at; the log holds each failed record once

_Q = load("failures")


class Failures:
    """The change log's failed edits, by record."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def find(
        self, *, sobject: str | None = None, record: str | None = None, reason: str | None = None, limit: int = ALL
    ) -> list[dict[str, Any]]:
        """One row for each record that matches, the oldest failure first.

        Args:
            sobject: An object's API name, or schema.table.
        """
        with self._database.transaction() as tx:
            return tx.dicts(_Q["list"], object=sobject, record=record, reason=reason, limit=limit)

    def edits(self, table: str, record: str) -> list[dict[str, Any]]:
        """A record's failed edits, in their order, with all values."""
        with self._database.transaction() as tx:
            return tx.dicts(_Q["edits"], table=table, record=record)

    def retry(self, found: Sequence[dict[str, Any]], decision: Decision) -> int:
        """Open them again; how many edits that are. What fails once more has a new letter."""
        with self._database.transaction() as tx:
            edits = len(tx.run(_Q["retry"], records=_records(found)))
            _close(tx, found, "replayed", decision)
            tx.run(_Q["wake"])
            return edits

    def ignore(self, found: Sequence[dict[str, Any]], decision: Decision) -> int:
        """Give them up; how many edits that are."""
        with self._database.transaction() as tx:
            edits = len(
                tx.run(
                    _Q["ignore"], records=_records(found), now=decision.at, who=decision.who, why=decision.why
                )
            )  # fmt: skip
            _close(tx, found, "discarded", decision)
            return edits


def sfids(database: Database, mapping: Mapping, keys: Sequence[str]) -> list[str]:
    """The Salesforce ids of a mapping's records, where they are known."""
    statement = _Q["sfids"].replace("{table}", identifier(mapping.table))
    with database.transaction() as tx:
        rows = tx.run(
            statement.replace("{key}", identifier(mapping.key_column)), table=mapping.table, record_ids=list(keys)
        )
        return [row[0] for row in rows]


def _records(found: Sequence[dict[str, Any]]) -> str:
    return as_json({"table_name": f["table"], "record_id": f["record"]} for f in found)


def _close(tx: Transaction, found: Sequence[dict[str, Any]], state: str, decision: Decision) -> None:
    records = as_json({"sobject": f["object"], "record_id": f["record"]} for f in found)
    tx.run(_Q["close"], records=records, state=state, now=decision.at, who=decision.who, why=decision.why)
