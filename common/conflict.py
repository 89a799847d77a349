"""Three-way merge of an arriving record with edits that the other side has not got yet. Pure."""

from collections.abc import Callable, Sequence
from collections.abc import Mapping as Map
from dataclasses import dataclass, field
from datetime import datetime

from common.mapping import Kind, Mapping, Policy

Canonical = Callable[[Kind, object], object]


@dataclass(frozen=True, slots=True)
class Edit:
    """One logged edit of a row, by column."""

    id: int
    change_type: str  #: INSERT, UPDATE, DELETE
    state: str
    old: Map[str, object]
    new: Map[str, object]
    made_at: datetime


@dataclass(frozen=True, slots=True)
class Conflict:
    field: str
    old: object
    postgres: object
    salesforce: object
    winner: str  #: salesforce, postgres


@dataclass(frozen=True, slots=True)
class Merged:
    """What is left to do: columns that stay as they are here, and edits that need not be sent any more."""

    keep: frozenset[str]
    retract: Map[int, frozenset[str]]  #: log row -> columns
    conflicts: Sequence[Conflict] = field(default_factory=tuple)


def merge(
    mapping: Mapping, arriving: Map[str, object], stamp: datetime, edits: Sequence[Edit], canonical: Canonical
) -> Merged:
    """Decide column by column between what Salesforce says and what was edited here.

    The arriving value is compared with the value the first edit found. Equal: Salesforce did not touch it, the
    edit stays. Equal to the edit's own: it is there already. Anything else: both sides wrote, the policy decides.

    Args:
        arriving: By column, every mapped one, as the columns say it: rules are carried out.
        edits: The row's unsettled edits in their order.
        canonical: Brings values of both sides into comparable form.
    """
    keep: set[str] = set()
    retract: dict[int, set[str]] = {}
    conflicts: list[Conflict] = []
    for column in _edited(mapping, edits):
        touching = [e for e in edits if column in e.new]
        gone, conflict = _meet(mapping, column, arriving.get(column), stamp, touching, canonical)
        conflicts += [conflict] if conflict else []
        if gone:
            for edit in touching:
                retract.setdefault(edit.id, set()).add(column)
        else:
            keep.add(column)
    return Merged(frozenset(keep), {k: frozenset(v) for k, v in retract.items()}, tuple(conflicts))


def _meet(
    mapping: Mapping, column: str, arriving: object, stamp: datetime, touching: Sequence[Edit], canonical: Canonical
) -> tuple[bool, Conflict | None]:
    """Whether a column's edits are gone, and the conflict where both sides wrote."""
    target, first, last = mapping.by_column[column], touching[0], touching[-1]
    theirs, ours = canonical(target.kind, arriving), canonical(target.kind, target.rules.settled(last.new[column]))
    if theirs == ours:
        return True, None
    if first.change_type == "UPDATE" and theirs == canonical(target.kind, first.old.get(column)):
        return False, None
    gone = _salesforce_wins(mapping.policy, stamp, last.made_at)
    winner = "salesforce" if gone else "postgres"
    return gone, Conflict(target.name, first.old.get(column), last.new[column], arriving, winner)


def delete_wins(policy: Policy, stamp: datetime, edits: Sequence[Edit]) -> bool:
    """Whether a record that Salesforce deleted takes its edited row along."""
    return not edits or _salesforce_wins(policy, stamp, edits[-1].made_at)


def deletion_yields(
    mapping: Mapping, arriving: Map[str, object], stamp: datetime, edits: Sequence[Edit], canonical: Canonical
) -> bool:
    """Whether a row that was deleted here, and whose deletion Salesforce has not got yet, comes back.

    It does where Salesforce changed the record since the row last had its values, and the policy lets Salesforce win.
    Fields that nobody can write are no sign of that: our own send moves LastModifiedDate and formulas too.

    Args:
        arriving: By column, every mapped one, as the columns say it: rules are carried out.
        edits: The row's unsettled edits in their order; the last one is the deletion.
    """
    deletion = edits[-1]
    base = dict(deletion.old)
    for edit in reversed(edits[:-1]):  # what was edited and never sent is no value that Salesforce could have
        base |= edit.old if edit.change_type == "UPDATE" else {}
    touched = any(
        canonical(f.kind, arriving.get(f.column)) != canonical(f.kind, base[f.column])
        for f in mapping.fields
        if f.column in base and (f.updateable or f.createable)
    )
    return touched and _salesforce_wins(mapping.policy, stamp, deletion.made_at)


def _edited(mapping: Mapping, edits: Sequence[Edit]) -> list[str]:
    """Columns that people wrote: an empty column of a new row is no edit."""
    written = {
        column: None
        for edit in edits
        for column, value in edit.new.items()
        if column in mapping.by_column and (edit.change_type == "UPDATE" or value is not None)
    }
    return list(written)


def _salesforce_wins(policy: Policy, stamp: datetime, made_at: datetime) -> bool:
    """By commit times where the policy says so; on the same second the edit made here, which is the finer clock, wins."""
    if policy is Policy.LAST_WRITER_WINS:
        return stamp > made_at
    return policy is Policy.SALESFORCE_WINS
