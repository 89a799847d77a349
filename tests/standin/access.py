"""Who may see and change what: fields hidden from a user or read-only to it, records not shared with it."""

import copy
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.standin.schema import SObject
from tests.standin.store import Actor, Store, Transaction
from tests.standin.table import Record, Table

Json = dict[str, Any]


@dataclass(slots=True)
class Limits:
    """What one user may not do."""

    hidden: dict[str, set[str]] = field(default_factory=dict)  #: fields by object
    read_only: dict[str, set[str]] = field(default_factory=dict)  #: fields by object
    unshared: set[str] = field(default_factory=set)  #: ids of records


class Access:
    """The limits of all users; who has none sees the store itself."""

    def __init__(self) -> None:
        self._limits: dict[str, Limits] = {}

    def restrict_fields(self, user_id: str, sobject: str, hidden: list[str], read_only: list[str]) -> None:
        """Replace what a user may not see and not write of an object."""
        limits = self._limits.setdefault(user_id, Limits())
        limits.hidden[sobject] = set(hidden)
        limits.read_only[sobject] = set(read_only)

    def unshare(self, user_id: str, record_ids: list[str]) -> None:
        """Replace the records that a user does not see."""
        self._limits.setdefault(user_id, Limits()).unshared = set(record_ids)

    def clear(self) -> None:
        self._limits.clear()

    def snapshot(self) -> Json:
        """All limits, so that `restore` can make them again."""
        return {
            user_id: {
                "hidden": {name: sorted(fields) for name, fields in limits.hidden.items()},
                "readOnly": {name: sorted(fields) for name, fields in limits.read_only.items()},
                "unshared": sorted(limits.unshared),
            }
            for user_id, limits in self._limits.items()
        }

    def restore(self, given: Json) -> None:
        self._limits = {
            user_id: Limits(
                {name: set(fields) for name, fields in one["hidden"].items()},
                {name: set(fields) for name, fields in one["readOnly"].items()},
                set(one["unshared"]),
            )
            for user_id, one in given.items()
        }

    def seen_by(self, store: Store, user_id: str) -> Store:
        """The store as a user sees it; kept until an object, a setting or a limit changes."""
        limits = self._limits.get(user_id)
        if limits is None:
            return store
        found = store.views.get(user_id)
        if found is None:
            found = store.views[user_id] = SeenStore(store, limits)
        return found


class SeenStore(Store):
    """A store with less in it. It shares everything with the whole one, which also does its transactions."""

    def __init__(self, whole: Store, limits: Limits) -> None:
        self.__dict__.update(whole.__dict__)
        self._whole = whole
        self.relations = {}
        self.tables = {name: _seen_table(table, limits) for name, table in whole.tables.items()}
        self._by_lower = {name.lower(): table for name, table in self.tables.items()}

    @property
    def whole(self) -> Store:
        return self._whole

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        with self._whole.transaction() as transaction:
            yield transaction

    def put(self, table: Table, record: Record, actor: Actor | None, tells_outbound: bool = True) -> None:
        # The whole table: who listens to the commit is told of every field.
        self._whole.put(self._whole.tables[table.sobject.name], record, actor, tells_outbound)

    def purge(self, table: Table, record_id: str) -> None:
        self._whole.purge(self._whole.tables[table.sobject.name], record_id)

    def mark(self) -> int:
        return self._whole.mark()

    def roll_back(self, mark: int) -> None:
        self._whole.roll_back(mark)


def _seen_table(table: Table, limits: Limits) -> Table:
    hidden, read_only = (by.get(table.sobject.name, set()) for by in (limits.hidden, limits.read_only))
    seen = copy.copy(table)
    if hidden or read_only:
        seen.sobject = _seen_object(table.sobject, hidden, read_only)
    if limits.unshared:
        seen.records = Shown(table.records, limits.unshared)
    return seen


def _seen_object(sobject: SObject, hidden: set[str], read_only: set[str]) -> SObject:
    fields = [
        {**raw, "createable": False, "updateable": False} if raw["name"] in read_only else raw
        for raw in sobject.raw["fields"]
        if raw["name"] not in hidden
    ]
    seen = SObject({**sobject.raw, "fields": fields}, sobject.changed_at, sobject.field_ids)
    # What the org does by itself it does for every field.
    seen.defaults, seen.auto_numbers = sobject.defaults, sobject.auto_numbers
    seen.unique, seen.has_person_name = sobject.unique, sobject.has_person_name
    return seen


class Shown(MutableMapping[str, Record]):
    """Records without those that are not shared."""

    def __init__(self, records: MutableMapping[str, Record], unshared: set[str]) -> None:
        self._records = records
        self._unshared = unshared

    def __getitem__(self, record_id: str) -> Record:
        if record_id in self._unshared:
            raise KeyError(record_id)
        return self._records[record_id]

    def __setitem__(self, record_id: str, record: Record) -> None:
        self._records[record_id] = record

    def __delitem__(self, record_id: str) -> None:
        del self._records[record_id]

    def __iter__(self) -> Iterator[str]:
        return (record_id for record_id in self._records if record_id not in self._unshared)

    def __len__(self) -> int:
        return sum(1 for _ in self)
