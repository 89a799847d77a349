"""What a mapping takes in the database: built, and captured by somebody else, each in the caller's transaction."""

from dataclasses import replace

from common.errors import Terminal
from common.mapping import Capture, Mapping
from common.postgres import ddl, mappings
from common.postgres.connect import Transaction


def build(tx: Transaction, mapping: Mapping) -> None:
    """Table, indexes, triggers and configuration.

    Raises:
        Terminal: there is such a table already.
    """
    if ddl.table_exists(tx, mapping.table):
        holder = next((m.sobject for m in mappings.read(tx) if m.table == mapping.table), None)
        hint = f"It is {holder}'s: see `isthmus mapping list`." if holder else "Drop it if nobody needs it."
        raise Terminal("table_exists", mapping.table, f"{hint} --table names another one.")
    for statement in ddl.create(mapping):
        tx.run_bound(statement)
    mappings.insert(tx, mapping)


def recapture(tx: Transaction, mapping: Mapping, capture: Capture) -> None:
    """Let somebody else capture from this transaction on."""
    for statement in ddl.change_capture(mapping, replace(mapping, capture=capture)):
        tx.run_bound(statement)
    mappings.set_capture(tx, mapping, capture)
