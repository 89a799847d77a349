"""Edits, looked for in the change log; and the journey of one record, from everything that is kept of it."""

from collections.abc import Iterator, Sequence
from typing import Any

from common import named
from common.desk import Row
from common.errors import Terminal
from common.mapping import Mapping
from common.postgres.connect import Database, Transaction
from common.postgres.mappings import MappingBook
from common.postgres.queries import Parameter, identifier, load

WALK = 50_000  #: rows of the log that one search looks at: some hundred milliseconds

_Q = load("records")


class Records:
    """Implements desk.Records."""

    def __init__(self, database: Database, book: MappingBook) -> None:
        self._database = database
        self._book = book

    def search(
        self, *, sobject: str | None, record: str | None, state: str | None, before: int | None, limit: int
    ) -> tuple[list[Row], int | None]:
        """Newest first, and before which id to go on; None at the log's end.

        Raises:
            Terminal: the object is not mapped.
        """
        tables = [m.table for m in self._named(sobject)] if sobject else None
        with self._database.transaction() as tx:
            rows = tx.dicts(
                _Q["search"], before=before, walk=WALK, limit=limit, tables=tables, record=record, state=state
            )
        found = [row for row in rows if row["id"] is not None]
        (walk,) = (row for row in rows if row["id"] is None)
        further = found[-1]["id"] if len(found) == limit else walk["reached"] if walk["walked"] == WALK else None
        return [_shown(row) for row in found], further

    def journey(self, name: str, record: str) -> list[Row]:
        """at, step, detail: what happened to a record, oldest first.

        Args:
            name: An object's API name, or schema.table.
            record: The row's key, or a Salesforce id.

        Raises:
            Terminal: the object is not mapped, or nothing is known of the record.
        """
        steps: list[Row] = []
        for mapping in self._named(name):
            with self._database.transaction() as tx:
                steps += _journey(tx, mapping, record)
        if not steps:
            raise Terminal(
                "record_unknown", f"nothing is known of {name} {record}", "Name the row's key, or its Salesforce id."
            )
        return sorted(steps, key=lambda s: s["at"])

    def _named(self, name: str) -> list[Mapping]:
        self._book.refresh(older_than=1.0)
        return named.mapped(self._book.all(), name)


def _shown(row: Row) -> Row:
    return {name: value for name, value in row.items() if name not in ("reached", "walked")}


def _journey(tx: Transaction, mapping: Mapping, record: str) -> Iterator[Row]:
    statement = _Q["row"].replace("{table}", identifier(mapping.table)).replace("{key}", identifier(mapping.key_column))
    rows = tx.dicts(statement, record=record)
    graves = tx.dicts(_Q["tombstones"], table=mapping.table, record=record)
    key = next((r["record"] for r in (*rows, *graves) if r["record"]), record)
    sfid = next((r["sfid"] for r in (*rows, *graves) if r["sfid"]), None)
    for row in rows:
        yield from _sides(row)
    for grave in graves:
        yield _step(grave["deleted_at"], "deleted", mapping, side=grave["side"], sfid=grave["sfid"])
    for edit in tx.dicts(_Q["edits"], table=mapping.table, record=key):
        yield from _edit(edit, mapping)
    yield from _decided(tx, mapping, key, [n for n in (key, sfid) if n])


def _sides(row: Row) -> Iterator[Row]:
    if row["written_at"]:
        yield {"at": row["written_at"], "step": "sent", "detail": {"sfid": row["sfid"]}}
    if row["read_at"]:
        echo = bool(row["written_at"]) and row["read_at"] > row["written_at"]
        detail = {"sfid": row["sfid"], "system_modstamp": row["system_modstamp"]}
        yield {"at": row["read_at"], "step": "echoed" if echo else "applied", "detail": detail}


def _edit(edit: Row, mapping: Mapping) -> Iterator[Row]:
    about = {"edit": edit["id"], "change": edit["change"]}
    yield _step(edit["made_at"], "captured", mapping, **about, columns=edit["columns"] or [])
    if edit["ended_at"]:
        yield _step(edit["ended_at"], edit["state"], mapping, **about, error=edit["error"])
    else:
        more = {name: edit[name] for name in ("attempts", "next_attempt_at", "error", "hint", "waits_for")}
        yield _step(edit["made_at"], edit["state"], mapping, **about, **more)


def _decided(tx: Transaction, mapping: Mapping, key: str, names: Sequence[str]) -> Iterator[Row]:
    parameters: dict[str, Parameter] = {"sobject": mapping.sobject, "names": list(names)}
    for letter in tx.dicts(_Q["letters"], **parameters):
        about = {name: letter[name] for name in ("id", "reason", "hint", "topic")}
        yield _step(letter["created_at"], "buried", mapping, **about)
        if letter["state"] != "kept":
            yield _step(letter["updated_at"], letter["state"], mapping, id=letter["id"], by=letter["decided_by"])
    for conflict in tx.dicts(_Q["conflicts"], id=mapping.id, record=key):
        about = {name: conflict[name] for name in ("id", "field", "winner")}
        yield _step(conflict["created_at"], "conflicted", mapping, **about)
        if conflict["settled_at"]:
            by = {"by": conflict["settled_by"], "taken": conflict["taken"]}
            yield _step(conflict["settled_at"], "settled", mapping, **about, **by)


def _step(at: Any, step: str, mapping: Mapping, **detail: Any) -> Row:
    return {"at": at, "step": step, "detail": {"table": mapping.table, **detail}}
