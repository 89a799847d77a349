"""Mappings as people make and change them: table, triggers and configuration in one transaction, fenced by a version."""

from collections.abc import Sequence
from typing import Any

from common.desk import Configuration, Decision, Limits
from common.errors import Terminal
from common.mapping import Direction, Mapping
from common.postgres import ddl, mappings, refills
from common.postgres.connect import Database, Transaction
from common.postgres.queries import load

_Q = load("registry")


class Registry:
    """Implements desk.Registry."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def all(self) -> list[Configuration]:
        """Every mapping, by id."""
        with self._database.transaction() as tx:
            held = {m.id: m for m in mappings.read(tx)}
            return [_configuration(held[row["id"]], row) for row in tx.dicts(_Q["configurations"])]

    def statements(self, mapping: Mapping) -> list[str]:
        """The DDL of a new mapping."""
        return ddl.create(mapping)

    def changes(self, before: Mapping, after: Mapping) -> list[str]:
        """The DDL that leads from one to the other; none where no trigger and no column changes."""
        return ddl.change(before, after)

    def create(self, mapping: Mapping, org_id: str) -> int:
        """Table, triggers and configuration; the mapping's id.

        Raises:
            Terminal: the object is mapped to that table already, or the table is somebody else's.
            Misconfigured: the database belongs to another org.
        """
        with self._database.transaction() as tx:
            mappings.bind_org(tx, org_id)
            return build(tx, mapping)

    def change(self, before: Configuration, after: Mapping, limits: Limits) -> None:
        """Carry a change out.

        Raises:
            Terminal: the mapping has changed since `before` was read; nothing was done.
        """
        with self._database.transaction() as tx:
            _hold(tx, before)
            for statement in ddl.change(before.mapping, after):
                tx.run_bound(statement)
            mappings.store_fields(tx, after)
            joined = [f.name for f in after.fields if f.name not in before.mapping.by_name]
            if joined and after.direction is not Direction.PG_TO_SF:
                refills.begin(tx, after, joined)
            tx.run(
                _Q["change"], id=after.id, direction=after.direction, policy=after.policy,
                external_id_field=after.external_id_field, max_daily_calls=limits.max_daily_calls,
                delete_guard_count=limits.delete_guard_count, delete_guard_share=str(limits.delete_guard_share),
            )  # fmt: skip

    def pause(self, ids: Sequence[int], decision: Decision) -> None:
        """Stop delivery; capture goes on."""
        with self._database.transaction() as tx:
            mappings.set_active(tx, list(ids), False, decision.who, decision.why)

    def resume(self, ids: Sequence[int]) -> None:
        """Deliver again."""
        with self._database.transaction() as tx:
            mappings.set_active(tx, list(ids), True)

    def delete(self, before: Configuration) -> int:
        """End capture and forget the mapping; its table stays. How many edits Salesforce never gets.

        Raises:
            Terminal: the mapping has changed since `before` was read; nothing was done.
        """
        with self._database.transaction() as tx:
            _hold(tx, before)
            return remove(tx, before.mapping)


def build(tx: Transaction, mapping: Mapping) -> int:
    """Make a mapping with its table; its id.

    Raises:
        Terminal: the object is mapped to that table already, or the table is there.
    """
    if tx.run(_Q["twin"], sobject=mapping.sobject, table=mapping.table):
        raise Terminal(
            "mapping_exists", f"{mapping.sobject} is mapped to {mapping.table} already",
            "Change that mapping, or name another table (--table).",
        )  # fmt: skip
    if ddl.table_exists(tx, mapping.table):
        holder = next((m.sobject for m in mappings.read(tx) if m.table == mapping.table), None)
        hint = f"It is {holder}'s: see `isthmus mapping list`." if holder else "Drop it if nobody needs it."
        raise Terminal("table_exists", mapping.table, f"{hint} --table names another one.")
    for statement in ddl.create(mapping):
        tx.run_bound(statement)
    return mappings.insert(tx, mapping)


def remove(tx: Transaction, mapping: Mapping) -> int:
    """End capture and forget a mapping; how many edits Salesforce never gets."""
    for statement in ddl.end_capture(mapping):
        tx.run_bound(statement)
    return mappings.delete(tx, mapping)


def _hold(tx: Transaction, before: Configuration) -> None:
    if not tx.run(_Q["lock"], id=before.mapping.id, version=before.version):
        raise Terminal(
            "changed_meanwhile", f"the mapping of {before.mapping.sobject} is not as it was when you looked",
            "Look at it again, then decide.",
        )  # fmt: skip


def _configuration(mapping: Mapping, row: dict[str, Any]) -> Configuration:
    limits = Limits(row["max_daily_calls"], row["delete_guard_count"], float(row["delete_guard_share"]))
    return Configuration(
        mapping, limits, row["is_active"], row["version"], row["created_at"], row["updated_at"], row["paused_by"],
        row["paused_why"],
    )  # fmt: skip
