"""All objects and records, and the transactions that change them."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from tests.standin import ids
from tests.standin.clock import Clock
from tests.standin.duplicates import DuplicateRules
from tests.standin.errors import Refused, not_found
from tests.standin.schema import SObject, from_upload
from tests.standin.table import Record, Table

Json = dict[str, Any]
Change = tuple[str, str]  #: object name, record id


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts: a user, through a client, over a channel."""

    user_id: str
    client_id: str = ""
    sends_outbound: bool = True
    channel: str = ""  #: rest, bulkapi or soap; empty for what the org does by itself
    version: str = "67.0"  #: of the API that was called
    call_client: str = ""  #: as `Sforce-Call-Options` names it
    saves_duplicates: bool = False  #: passes the alerts of duplicate rules (`Sforce-Duplicate-Rule-Header`)
    shows_duplicates: bool = False  #: wants the matched records' fields in the refusal

    @property
    def origin(self) -> str:
        """The `changeOrigin` of change events; empty where no API was called."""
        return f"com/salesforce/api/{self.channel}/{self.version};client={self.call_client}" if self.channel else ""


@dataclass(slots=True)
class Transaction:
    """What has been put so far, so that it can be taken back, and what is to be told when it holds."""

    undo: list[tuple[Table, str, Record | None, Actor | None]] = field(default_factory=list)
    notify: dict[Change, None] = field(default_factory=dict)
    notes: Json = field(default_factory=dict)  #: written into the commit's journal entry


class Committed(NamedTuple):
    """One record's way through a transaction: what it was before, what it is after, and who changed it first.

    `sobject` is the object as it was described at that moment. `old` is None for a record that is new, `new` for one that is gone for good; `actor` is None for what the stand-in
    does for itself. Neither record is ever changed in place.
    """

    sobject: SObject
    record_id: str
    old: Record | None
    new: Record | None
    actor: Actor | None


#: Told of each commit, under the lock; what it returns is written into the commit's journal entry.
Listener = Callable[[list[Committed]], Json]


def object_entry(sobject: SObject) -> Json:
    """The journal's entry of an object type."""
    return {"k": "object", "raw": sobject.raw, "at": sobject.changed_at, "ids": sobject.field_ids}


class Store:
    """Tables by object name. Changes happen inside `transaction()`, which holds the lock."""

    def __init__(self, clock: Clock, journal: Callable[[Json], None]) -> None:
        self.clock = clock
        self.lock = threading.RLock()
        self.tables: dict[str, Table] = {}
        self.relations: dict[str, list[Any]] = {}  #: kept by `relations`, by parent, until an object changes
        self.rollups: list[Any] | None = None  #: kept by `rollups` until an object changes
        self.before_commit: Callable[[Transaction], None] = lambda transaction: None
        self.views: dict[str, Store] = {}  #: kept by `access`, by user, until something changes for all
        self.seen_by: Callable[[str], Store] = lambda user_id: self  #: the store as a user sees it
        self.check_references = True
        self.round_decimals = False
        self.duplicates = DuplicateRules()
        self.on_commit: Callable[[list[Change]], list[Json]] = lambda changes: []
        self.listeners: list[Listener] = []
        self.spoil: Callable[[str, str, Json, Json], None] = lambda operation, sobject, body, old: None
        self.write = journal  #: appends an entry to the journal
        self._by_lower: dict[str, Table] = {}
        self._transaction: Transaction | None = None
        self._custom_objects = 0
        self._field_ids = ids.IdSource("00N")

    @property
    def whole(self) -> "Store":
        """Everything, also where this is only what a user sees."""
        return self

    def _changed(self) -> None:
        self.relations.clear()
        self.views.clear()
        self.rollups = None

    def table(self, name: str) -> Table:
        """The table of an object, by name in any case."""
        found = self.tables.get(name) or self._by_lower.get(name.lower())
        if found is None:
            raise not_found()
        return found

    def find_table(self, name: str) -> Table | None:
        return self.tables.get(name) or self._by_lower.get(name.lower())

    def upload(self, given: Json) -> SObject:
        """Add an object, or replace its describe; its records stay."""
        old = self.tables.get(given["name"])
        prefix = old.sobject.prefix if old else self._next_prefix()
        self.place(from_upload(given, self.clock.now(), prefix))
        return self.tables[given["name"]].sobject

    def _next_prefix(self) -> str:
        taken = {table.sobject.prefix for table in self.tables.values()}
        while True:
            prefix = "a" + ids.base62(self._custom_objects, 2)
            self._custom_objects += 1
            if prefix not in taken:
                return prefix

    def place(self, sobject: SObject, record: bool = True) -> None:
        """Put an object type in force, and write it down."""
        with self.lock:
            table = self.tables.get(sobject.name)
            if table is None:
                table = self.tables[sobject.name] = Table(sobject)
                self._by_lower[sobject.name.lower()] = table
            self._number_fields(sobject, table.sobject.field_ids)
            table.describe(sobject)
            self._changed()
            if record:
                self.write(object_entry(sobject))

    def _number_fields(self, sobject: SObject, known: dict[str, str]) -> None:
        known = known | sobject.field_ids
        for field_id in known.values():
            self._field_ids.seen(field_id)
        custom = [name for name, field in sobject.fields.items() if field.raw["custom"]]
        sobject.field_ids = {name: known.get(name) or self._field_ids.take() for name in custom}

    def empty(self, name: str) -> None:
        """Forget an object's records."""
        self._changed()
        self.tables[name] = self._by_lower[name.lower()] = Table(self.tables[name].sobject)

    def drop(self, name: str) -> None:
        """Forget an object and its records."""
        del self.tables[name], self._by_lower[name.lower()]
        self._changed()

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """All or nothing. One inside another is part of it: when it fails, only its own work is taken back."""
        with self.lock:
            if self._transaction is not None:
                start = self.mark()
                try:
                    yield self._transaction
                except BaseException:
                    self.roll_back(start)
                    raise
                return
            self._transaction = Transaction()
            try:
                yield self._transaction
                self.before_commit(self._transaction)
            except BaseException:
                self.roll_back(0)
                raise
            else:
                self._commit(self._transaction)
            finally:
                self._transaction = None

    def put(self, table: Table, record: Record, actor: Actor | None, tells_outbound: bool = True) -> None:
        """Store a record in the open transaction; outbound messages follow where the actor sends them."""
        transaction = self._open()
        transaction.undo.append((table, record["Id"], table.put(record), actor))
        if tells_outbound and actor is not None and actor.sends_outbound:
            transaction.notify[table.sobject.name, record["Id"]] = None

    def purge(self, table: Table, record_id: str) -> None:
        """Remove a record for good, in the open transaction; nobody is told."""
        self._open().undo.append((table, record_id, table.records[record_id], None))
        table.take_back(record_id, None)

    def mark(self) -> int:
        """A point of the open transaction to which it can be rolled back."""
        return len(self._open().undo)

    def roll_back(self, mark: int) -> None:
        transaction = self._open()
        while len(transaction.undo) > mark:
            table, record_id, old, _ = transaction.undo.pop()
            table.take_back(record_id, old)
        kept = {(table.sobject.name, record_id) for table, record_id, *_ in transaction.undo}
        transaction.notify = {change: None for change in transaction.notify if change in kept}

    def _open(self) -> Transaction:
        if self._transaction is None:
            raise RuntimeError("no transaction is open")
        return self._transaction

    def _commit(self, transaction: Transaction) -> None:
        if not transaction.undo:
            return
        changes = _merged(transaction)
        records = [[change.sobject.name, change.new] for change in changes if change.new is not None]
        entry: Json = {"k": "put", "records": records, **transaction.notes}
        gone = [[change.sobject.name, change.record_id] for change in changes if change.new is None]
        if gone:
            entry["gone"] = gone
        queued = self.on_commit([change for change in transaction.notify if list(change) not in gone])
        if queued:
            entry["queued"] = queued
        for listener in self.listeners:
            entry.update(listener(changes))
        self.write(entry)

    def restore(self, name: str, record: Record) -> None:
        """A record from the journal."""
        table = self.tables[name]
        table.put(record)
        table.source.seen(record["Id"])
        table.counter = max(table.counter, len(table.records))

    def forget(self, name: str, record_id: str) -> None:
        """A record that the journal says is gone for good."""
        if record_id in self.tables[name].records:
            self.tables[name].take_back(record_id, None)

    def parent_problem(self, field_label: str, targets: tuple[str, ...], record_id: str) -> Refused | None:
        """Why a lookup cannot point there; None when it can, or when none of its targets is known here."""
        known = [self.tables[name] for name in targets if name in self.tables]
        if not known or not self.check_references:
            return None
        for table in known:
            if record_id in table.records:
                gone = table.records[record_id]["IsDeleted"]
                return Refused("ENTITY_IS_DELETED", "entity is deleted", []) if gone else None
        if len(known) == len(targets) and record_id[:3] not in {table.sobject.prefix for table in known}:
            message = f"{field_label}: id value of incorrect type: {record_id}"
            return Refused("MALFORMED_ID", message, [field_label])
        return Refused("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", [])


def _merged(transaction: Transaction) -> list[Committed]:
    """Each changed record once, in the order of the first changes."""
    first: dict[Change, tuple[Table, str, Record | None, Actor | None]] = {}
    for put in transaction.undo:
        first.setdefault((put[0].sobject.name, put[1]), put)
    return [
        Committed(table.sobject, key, old, table.records.get(key), actor) for table, key, old, actor in first.values()
    ]
