"""What Debezium read in Postgres' log, put into the change log: once, and in the order of the row's edits."""

import json
from collections.abc import Mapping as Map
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from common.mapping import Mapping
from common.ports import Captured, Mappings
from common.postgres import behind
from common.postgres.connect import Database, Transaction
from common.postgres.queries import load
from common.postgres.statements import ConfigurationChanged

_Q = load("captured")
_BEHIND = load("behind")
_NOBODY = -1  #: no transaction has this id
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
            told = captured
            if mapping.is_told_late and captured.snapshot:
                captured = _as_edit(tx, mapping, captured)
            wanted = self._wanted(tx, mapping, captured)
            later = tx.run(_Q["later"], table=captured.table, record_id=captured.record_id, position=captured.position)
            left = still_new(captured, [(kind, new or {}) for kind, new in later])
            if mapping.is_told_late:
                entering = captured.new if not wanted else left[1] if left else {}
                _link(tx, told, overtaken=sorted(captured.new.keys() - entering.keys()))
            logged = wanted and left is not None and self._insert(tx, captured, *left)
            if mapping.is_told_late and later:
                _rebase(tx, captured)
            return logged

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


def _as_edit(tx: Transaction, mapping: Mapping, captured: Captured) -> Captured:
    """A snapshot's row that was edited since it was known is an edit like any other."""
    old, new = behind.missed(tx, mapping, captured.record_id, captured.new, captured.position)
    if not new:
        return captured
    return replace(captured, change_type="UPDATE", old=old, new=new, transaction=_NOBODY, snapshot=False)


def _link(tx: Transaction, captured: Captured, overtaken: list[str]) -> None:
    """Keep what was told, whoever wrote it: by it a row is known to be captured."""
    told: dict[str, Any] = {"table": captured.table, "record_id": captured.record_id, "position": captured.position}
    new = _json(captured.new, True)
    tx.run(_BEHIND["overlay"], new=new, transaction=captured.transaction, **told)
    tx.run(
        _BEHIND["link"], transaction=captured.transaction, change_type=captured.change_type,
        old=_json(captured.old, True), new=new, overtaken=overtaken, **told,
    )  # fmt: skip
    if captured.change_type == "DELETE":
        tx.run(_BEHIND["ended"], **told)
        tx.run(_BEHIND["prune"])


def _rebase(tx: Transaction, captured: Captured) -> None:
    """A later edit is judged by what the first of those edits found that it stands for."""
    links = behind.links_of(tx, captured.table, [captured.record_id]).get(captured.record_id, [])
    for edit in tx.dicts(_BEHIND["open_edits"], table=captured.table, record_id=captured.record_id):
        found = behind.found_by(edit["log_position"], links)
        old = {c: found.get(c, v) for c, v in edit["old_data"].items()}
        if old != edit["old_data"]:
            tx.run(_BEHIND["rebase"], id=edit["id"], old=_json(old, True))


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


def has_slot(tx: Transaction) -> bool:
    """Whether a connector already follows this database: what is edited before it does is never told."""
    found: bool = tx.run(_Q["slot"])[0][0]
    return found
