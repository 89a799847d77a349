"""What a mapping takes in the database when somebody else is to capture, in the caller's transaction."""

from dataclasses import replace

from common.mapping import Capture, Mapping
from common.postgres import ddl, mappings
from common.postgres.connect import Transaction


def recapture(tx: Transaction, mapping: Mapping, capture: Capture) -> None:
    """Let somebody else capture from this transaction on."""
    for statement in ddl.change_capture(mapping, replace(mapping, capture=capture)):
        tx.run_bound(statement)
    mappings.set_capture(tx, mapping, capture)
