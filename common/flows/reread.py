"""Records that are to be read from Salesforce again, so that both sides are equal."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from common.desk import Decision, HeldDeletions
from common.flows import to_postgres
from common.mapping import Mapping
from common.ports import Topic

AFTER = timedelta(seconds=15)  #: by then the transaction of whoever asks has ended
SLICE = 200  #: deletions decided in one transaction
TO_SALESFORCE, TO_POSTGRES = "to Salesforce", "to Postgres"  #: the roads, as sql/queries/guard.sql calls them


def ask(mapping: Mapping, sfids: Sequence[str], topic: Topic, now: datetime) -> None:
    """Ask upsert_postgres to read them, deleted ones included, some seconds from now. Returns once that is confirmed."""
    if sfids:
        topic.publish(
            [
                to_postgres.look_later(mapping, i, now + AFTER, f"reread/{i}/{now.isoformat()}")
                for i in dict.fromkeys(sfids)
            ]
        )


def decide_deletions(
    held: HeldDeletions, mapping: Mapping, road: str, allowed: bool, topic: Topic, decision: Decision
) -> int:
    """Let a table's held deletions of one road go, or keep what they would delete. How many.

    What is kept of Salesforce's comes back as its records are read; rows that may go, go as theirs are.
    """
    if road == TO_POSTGRES:
        return _decide_arrived(held, mapping, allowed, topic, decision)
    return held.allow(mapping.table, decision) if allowed else _take_back(held, mapping, topic, decision)


def _take_back(held: HeldDeletions, mapping: Mapping, topic: Topic, decision: Decision) -> int:
    refused = 0
    while slice_ := held.records(mapping.table, SLICE):
        # Asked for first: what is asked for in vain does no harm, what is never asked for stays away.
        ask(mapping, [row["sfid"] for row in slice_], topic, decision.at)
        refused += held.refuse([row["id"] for row in slice_], decision)
    return refused


def _decide_arrived(held: HeldDeletions, mapping: Mapping, allowed: bool, topic: Topic, decision: Decision) -> int:
    decided = 0
    while slice_ := [row["sfid"] for row in held.rows(mapping, SLICE)]:
        if allowed:
            ask(mapping, slice_, topic, decision.at)
        decided += held.decide(mapping.table, slice_, allowed, decision)
    return decided
