"""The org's daily limit of API calls, where a person knows better than what was last heard of it."""

from datetime import datetime

from common.postgres.connect import Transaction
from common.postgres.queries import load


def ask_again(tx: Transaction, now: datetime) -> int:
    """Let edits that waited for calls go; the next call finds out how things stand. How many edits that are."""
    waited: int = tx.run(load("api_usage")["ask_again"], now=now)[0][0]
    return waited
