"""How things stand, per mapping: what waits, since when, what failed."""

from typing import Any

from common.postgres.connect import Database
from common.postgres.queries import load


def read(database: Database) -> list[dict[str, Any]]:
    """One row per mapping."""
    with database.transaction() as tx:
        return tx.dicts(load("status")["mappings"])
