"""What Debezium read in Postgres' log, put into the change log: once, and in the order of the row's edits."""

import json
from collections.abc import Mapping as Map
from collections.abc import Sequence
from typing import Any

from common.mapping import Mapping
from common.ports import Captured, Mappings
from common.postgres.connect import Database, Transaction
from common.postgres.queries import load
from common.postgres.statements import ConfigurationChanged

_Q = load("captured")
_ANOTHER_LIFE = ("INSERT", "DELETE")


class CaptureLog:
    """Implements flows.capture.Captures."""

    def __init__(self, database: Database, mappings: Mappings) -> None:
        self._database = database
        self._mappings = mappings

    def insert(self, mapping: Mapping, captured: Captured) -> bool:
        """Log an edit; False where it is our own, known already, overtaken, or not this capture's.

        Raises:
            Transient, Misconfigured: nothing was logged.
        """
        with self._database.transaction() as tx:
            tx.run(_Q["turn"], table=captured.table, record_id=captured.record_id)
            self._refuse_old(tx, mapping)
            if not self._wanted(tx, mapping, captured):
                return False
            later = tx.run(_Q["later"], table=captured.table, record_id=captured.record_id, position=captured.position)
            left = still_new(captured, [(kind, new or {}) for kind, new in later])
            if left is None:
                return False
            return self._insert(tx, captured, *left)

    def _refuse_old(self, tx: Transaction, mapping: Mapping) -> None:
        """An edit of a column that was mapped just now must not be overlooked."""
        if tx.run(_Q["configuration"]) != [[mapping.configuration]]:
            self._mappings.refresh()
            raise ConfigurationChanged

    def _wanted(self, tx: Transaction, mapping: Mapping, captured: Captured) -> bool:
        found = tx.run(
            _Q["wanted"], mapping_id=mapping.id, table=captured.table, record_id=captured.record_id,
            position=captured.position, transaction=captured.transaction,
            snapshot=captured.snapshot, has_record=captured.has_record,
        )  # fmt: skip
        return bool(found)

    def _insert(self, tx: Transaction, captured: Captured, old: Map[str, Any], new: Map[str, Any]) -> bool:
        rows = tx.run(
            _Q["insert"], table=captured.table, record_id=captured.record_id, change_type=captured.change_type,
            old=_json(old, captured.change_type != "INSERT"), new=_json(new, captured.change_type != "DELETE"),
            made_at=captured.made_at, position=captured.position,
        )  # fmt: skip
        tx.run(_Q["prune"])
        return bool(rows)


def still_new(
    captured: Captured, later: Sequence[tuple[str, Map[str, Any]]]
) -> tuple[Map[str, object], Map[str, object]] | None:
    """Old and new data without the columns that were edited again since; None where nothing of it counts any more.

    A later insertion or deletion is another life of the row: what came before it is history.
    """
    if any(kind in _ANOTHER_LIFE for kind, _ in later):
        return None
    overtaken = {column for _, new in later for column in new}
    old = {c: v for c, v in captured.old.items() if c not in overtaken or captured.change_type == "DELETE"}
    new = {c: v for c, v in captured.new.items() if c not in overtaken}
    if captured.change_type == "UPDATE" and not new:
        return None
    return old, new


def _json(data: Map[str, Any], wanted: bool) -> str | None:
    return json.dumps(dict(data), ensure_ascii=False) if wanted else None
