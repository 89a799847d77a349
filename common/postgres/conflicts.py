"""Conflicts that the policy has decided, and people who decide otherwise."""

from typing import Any

from common.desk import Decision
from common.errors import Terminal
from common.mapping import Mapping
from common.postgres.connect import Database, Transaction
from common.postgres.queries import identifier, load
from common.postgres.values import RECORD_TYPE, into_record

DELETED = "IsDeleted"  #: the field of a conflict between a deletion and an edit

_Q = load("conflicts")


class Conflicts:
    """The fields that both sides wrote."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def find(
        self, *, number: int | None = None, sobject: str | None = None, record: str | None = None,
        settled: bool | None = False, limit: int = 100,
    ) -> list[dict[str, Any]]:  # fmt: skip
        """Newest first.

        Args:
            settled: Whether somebody has looked at them; None for both.
        """
        with self._database.transaction() as tx:
            return tx.dicts(_Q["list"], id=number, object=sobject, record=record, settled=settled, limit=limit)

    def resolve(self, conflict: dict[str, Any], mapping: Mapping, take: str, decision: Decision) -> str:
        """Let a side's value stand, and mark the conflict settled; what was done, in words.

        The policy's loser is written to the row as an edit, which travels to Salesforce like any other.

        Args:
            take: salesforce, postgres.

        Raises:
            Terminal: the row has moved on since, or is gone; nothing was changed.
        """
        with self._database.transaction() as tx:
            done = "it stands already" if take == conflict["winner"] else _write(tx, conflict, mapping, take)
            settled = tx.run(
                _Q["settle"], id=conflict["id"], now=decision.at, who=decision.who, why=decision.why, taken=take
            )
            return done if settled else "somebody else has settled it meanwhile"


def _write(tx: Transaction, conflict: dict[str, Any], mapping: Mapping, take: str) -> str:
    if conflict["field"] == DELETED:
        return _delete(tx, conflict, mapping, take)
    field = mapping.by_name.get(conflict["field"])
    if field is None:
        raise Terminal(
            "unmapped", f"{conflict['field']} is not mapped any more", f"Settle it: --take {conflict['winner']}."
        )
    value, standing = (into_record(field, conflict[side]) for side in (take, conflict["winner"]))
    statement = _named(mapping, "write").replace("{column}", identifier(field.column))
    rows = tx.run(
        statement.replace("{type}", RECORD_TYPE[field.kind]), value=value, standing=standing, record=conflict["record"]
    )
    if not rows:
        raise Terminal(
            "moved_on", f"{mapping.table} {conflict['record']}: {field.column} is not {standing!r} any more",
            f"Somebody has edited it since: settle it as it stands with --take {conflict['winner']}, or edit the row.",
        )  # fmt: skip
    return f"{field.column} is {value!r} again, and travels"


def _delete(tx: Transaction, conflict: dict[str, Any], mapping: Mapping, take: str) -> str:
    if conflict[take] != "true":
        raise Terminal(
            "gone", f"{mapping.table} {conflict['record']} was deleted",
            "Undelete the record in Salesforce's recycle bin: it comes back by itself; then settle this with "
            f"--take {conflict['winner']}.",
        )  # fmt: skip
    if not tx.run(_named(mapping, "delete"), record=conflict["record"]):
        raise Terminal(
            "gone", f"{mapping.table} {conflict['record']} is gone already", f"Settle it: --take {conflict['winner']}."
        )
    return "the row is deleted, and its record will be"


def _named(mapping: Mapping, query: str) -> str:
    return _Q[query].replace("{table}", identifier(mapping.table)).replace("{key}", identifier(mapping.key_column))
