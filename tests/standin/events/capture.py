"""Makes the events of one committed transaction: in order, merged, and cut off where there are too many."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from tests.standin.events import change
from tests.standin.events.avro import Schema
from tests.standin.events.change import Draft, Moment
from tests.standin.events.log import Event
from tests.standin.events.registry import Registry
from tests.standin.store import Committed

MAX_EVENT_BYTES = 1_000_000  #: a larger one becomes a gap event
OVERFLOW_ID = "000000000000000AAA"


@dataclass(frozen=True, slots=True)
class Rules:
    """The settings that were in force when a transaction was committed."""

    merge: bool = True  #: equal changes of several records become one event
    diffs: bool = True  #: long texts travel as differences
    max_changes: int = 100_000  #: of one transaction; what is beyond becomes one overflow event per object


@dataclass(frozen=True, slots=True)
class Commit:
    """A transaction whose events nobody has needed yet."""

    changes: Sequence[Committed]
    untracked: frozenset[str]  #: objects not selected for capture: they leave gaps in the sequence
    moment: Moment
    rules: Rules
    first: int  #: number of the first event

    def events(self, registry: Registry) -> list[Event]:
        """All events, in commit order, with rising numbers from `first` on."""
        made = []
        for number, (sequence, draft) in enumerate(_in_sequence(self, registry), self.first):
            made.append(_event(number, draft, self.moment, sequence))
        return made


def _in_sequence(commit: Commit, registry: Registry) -> list[tuple[int, Draft]]:
    found: list[tuple[int, Draft]] = []
    known: dict[object, Draft] = {}
    beyond: dict[str, Draft] = {}
    sequence = weight = 0
    for draft in _drafts(commit, registry):
        if draft is None:
            sequence += 1
            continue
        weight += draft.weight
        if weight > commit.rules.max_changes:
            beyond.setdefault(draft.schema.entity, draft)
        elif commit.rules.merge and (same := known.get(draft.same_as)) is not None:
            same.record_ids += draft.record_ids
        else:
            sequence += 1
            known[draft.same_as] = draft
            found.append((sequence, draft))
    for draft in beyond.values():
        sequence += 1
        found.append((sequence, change.gap(draft.schema, "GAP_OVERFLOW", [OVERFLOW_ID], draft.origin, draft.user)))
    return found


def _drafts(commit: Commit, registry: Registry) -> Iterator[Draft | None]:
    """A draft for each change that is told; None for one of an object that is not selected."""
    for changed in commit.changes:
        if changed.sobject.name in commit.untracked:
            yield None
            continue
        draft = change.draft(registry.of_object(changed.sobject), changed, commit.rules.diffs)
        if draft is not None:
            yield draft


def _event(number: int, draft: Draft, moment: Moment, sequence: int) -> Event:
    written = change.payload(draft, moment, sequence)
    if len(written) > MAX_EVENT_BYTES:
        draft = change.gap(draft.schema, f"GAP_{draft.kind}", draft.record_ids, "", draft.user)
        written = change.payload(draft, moment, sequence)
    return Event(number, number, draft.schema.entity, event_id(moment.key, sequence), draft.schema.id, written)


def event_id(key: str, sequence: int) -> str:
    """The id of an event, the same whenever it is made anew."""
    digest = hashlib.md5(f"{key}/{sequence}".encode(), usedforsecurity=False).digest()
    return str(UUID(bytes=digest, version=4))


def gap_event(schema: Schema, kind: str, record_ids: list[str], user: str, origin: str, moment: Moment) -> Event:
    """A gap or overflow event to order; its number is given when it enters the log."""
    return _event(0, change.gap(schema, kind, record_ids, origin, user), moment, 1)


def repeated(event: Event) -> Event:
    """The same event once more: same id, same replay id, another place in the log."""
    return replace(event)
