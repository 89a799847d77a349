"""Road B, first half: claim what Postgres owes Salesforce, merge it per record, publish it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from common.change import Change, Op
from common.errors import Misconfigured, Transient
from common.ports import Batch, Entry, Log, Topic

CLAIM = 1000  #: records in one claim, and changes of one object in a message at most


@dataclass(slots=True)
class Drained:
    records: int = 0
    published: int = 0
    refused: int = 0


def run(log: Log, topic: Topic, *, go_on: Callable[[], bool], trace: str = "") -> Drained:
    """Drain until the log is empty or `go_on` says no.

    Raises:
        Transient, Misconfigured: what could not be published was given back to the log.
    """
    done = Drained()
    while go_on():
        claimed = log.claim(CLAIM, merge)
        _publish(log, topic, claimed.changes, trace)
        done.records += claimed.records
        done.published += len(claimed.changes)
        done.refused += len(claimed.refused)
        if claimed.records < CLAIM:
            break
    return done


def _publish(log: Log, topic: Topic, changes: Sequence[Change], trace: str) -> None:
    by_object: dict[str, list[Change]] = {}  # in the log's order: objects that others look up to come first
    for change in changes:
        by_object.setdefault(change.sobject, []).append(change)
    groups = list(by_object.values())
    while groups:
        try:
            topic.publish(groups[0], trace=trace)
        except (Transient, Misconfigured):
            log.release([c for group in groups for c in group])
            raise
        groups.pop(0)


def merge(entries: Sequence[Entry]) -> Batch:
    """One record's open edits, in their order, as one.

    Insert and updates make one insert, updates one update (the later value of a column wins). Inserted and
    deleted again is nothing at all, but only if no attempt was made: a lost attempt may have created the record.
    What follows a deletion is another life of the record and waits for the next claim.
    """
    life = _first_life(entries)
    first, last = life[0], life[-1]
    rows = tuple(e.id for e in life)
    if last.change_type == "DELETE":
        unborn = first.change_type == "INSERT" and not any(e.attempts for e in life) and not last.old.get("sfid")
        return Batch(rows, None) if unborn else Batch(rows, Op.DELETE, {}, last.made_at)
    values: dict[str, object] = {}
    for entry in life:  # nobody wrote the empty columns of a new row; a column emptied later was written
        values |= {c: v for c, v in entry.new.items() if v is not None or entry.change_type == "UPDATE"}
    return Batch(rows, Op.UPSERT, values, last.made_at)


def _first_life(entries: Sequence[Entry]) -> Sequence[Entry]:
    for n, entry in enumerate(entries):
        if entry.change_type == "DELETE":
            return entries[: n + 1]
    return entries
