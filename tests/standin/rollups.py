"""Roll-up fields: what a parent sums up of its children, renewed at the end of each transaction that changed them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.standin import records
from tests.standin.relations import children
from tests.standin.store import Actor, Store, Transaction
from tests.standin.table import Record

FUNCTIONS: dict[str, Callable[[list[Any]], Any]] = {
    "COUNT": lambda values: float(len(values)),
    "SUM": lambda values: float(sum(values)),
    "MIN": lambda values: min(values, default=None),
    "MAX": lambda values: max(values, default=None),
}


@dataclass(frozen=True, slots=True)
class Rollup:
    """`parent.target` is `function` of `of` over the children whose `lookup` names the parent."""

    parent: str
    target: str
    child: str
    lookup: str
    function: str
    of: str


def rollups_of(store: Store) -> list[Rollup]:
    """All roll-ups whose children are known: from each field's `rollup` in the compact form."""
    if store.rollups is None:
        found = [
            Rollup(name, field.name, given["object"], given["field"], given["function"], given.get("of", "Id"))
            for name, table in store.tables.items()
            for field in table.sobject.fields.values()
            if (given := field.raw.get("rollup")) is not None
        ]
        store.rollups = [one for one in found if one.child in store.tables and one.function in FUNCTIONS]
    return list(store.rollups)


def follow(store: Store, transaction: Transaction) -> None:
    """Renew the roll-ups of every parent that the transaction touches, also of what that changes in turn."""
    rollups = rollups_of(store)
    seen = 0
    while rollups and seen < len(transaction.undo):
        put, seen = transaction.undo[seen:], len(transaction.undo)
        touched: dict[tuple[Rollup, str], Actor | None] = {}
        for table, record_id, old, actor in put:
            for rollup in rollups:
                for parent_id in _parents(rollup, table.sobject.name, old, table.records.get(record_id)):
                    touched[rollup, parent_id] = actor
        for (rollup, parent_id), actor in touched.items():
            _renew(store, rollup, parent_id, actor)


def _parents(rollup: Rollup, name: str, old: Record | None, new: Record | None) -> list[str]:
    """The parents that may have another sum: those of the child before and after, and a parent that is new."""
    found = [one[rollup.lookup] for one in (old, new) if one and name == rollup.child and rollup.lookup in one]
    if name == rollup.parent and old is None and new is not None:
        found.append(new["Id"])
    return found


def _renew(store: Store, rollup: Rollup, parent_id: str, actor: Actor | None) -> None:
    parents, below = store.tables[rollup.parent], store.tables[rollup.child]
    parent = parents.records.get(parent_id)
    if parent is None or parent["IsDeleted"]:
        return
    listed = (child.get(rollup.of) for child in children(below, rollup.lookup, parent_id))
    value = FUNCTIONS[rollup.function]([one for one in listed if one is not None])
    if parent.get(rollup.target) != value:
        by = actor or Actor(parent["LastModifiedById"])
        records.put_changed(store, parents, parent, {rollup.target: value}, by)
