"""How things stand, per mapping: what waits, since when, what failed."""

from datetime import UTC, datetime
from typing import Any

from common.postgres import drifts
from common.postgres.connect import Database
from common.postgres.queries import load


def read(database: Database) -> list[dict[str, Any]]:
    """One row per mapping."""
    with database.transaction() as tx:
        return tx.dicts(load("status")["mappings"])


def api(database: Database) -> dict[str, list[dict[str, Any]]]:
    """API calls of today by mapping, the org's own count, refused fields, Bulk API jobs; empty lists where none."""
    queries = load("api_usage")
    with database.transaction() as tx:
        calls = tx.dicts(queries["today"], today=datetime.now(UTC).date().isoformat())
        org = [row for row in tx.dicts(queries["org"]) if row["seen_at"] or row["closed_until"]]
        jobs = tx.dicts(load("bulk_job")["status"])
        return {
            "calls": calls,
            "org": org,
            "stopped_fields": tx.dicts(queries["stopped_fields"]),
            "drift": drifts.find(tx),
            "bulk_jobs": jobs,
        }
