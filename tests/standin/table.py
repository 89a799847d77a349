"""One object's records in memory, with the indexes that lookups and polling use."""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterator, MutableMapping
from typing import Any

from tests.standin.ids import IdSource
from tests.standin.schema import Field, SObject

Record = dict[str, Any]  #: non-null values by API name, as REST writes them; never changed in place


class KeyIndex:
    """From a field's value to the ids of the living records that have it."""

    def __init__(self, case_sensitive: bool) -> None:
        self._case_sensitive = case_sensitive
        self._ids: dict[Any, dict[str, None]] = {}

    def _key(self, value: Any) -> Any:
        return value if self._case_sensitive or type(value) is not str else value.lower()

    def add(self, value: Any, record_id: str) -> None:
        self._ids.setdefault(self._key(value), {})[record_id] = None

    def remove(self, value: Any, record_id: str) -> None:
        key = self._key(value)
        ids = self._ids.get(key)
        if ids is None:
            return
        ids.pop(record_id, None)
        if not ids:
            del self._ids[key]

    def find(self, value: Any) -> list[str]:
        return list(self._ids.get(self._key(value), ()))


class StampIndex:
    """Record ids by SystemModstamp, one bucket for each second, seconds in order."""

    def __init__(self) -> None:
        self._stamps: list[str] = []
        self._buckets: dict[str, dict[str, None]] = {}

    def add(self, stamp: str, record_id: str) -> None:
        bucket = self._buckets.get(stamp)
        if bucket is None:
            bucket = self._buckets[stamp] = {}
            insort(self._stamps, stamp)
        bucket[record_id] = None

    def remove(self, stamp: str, record_id: str) -> None:
        bucket = self._buckets[stamp]
        del bucket[record_id]
        if not bucket:
            del self._buckets[stamp]
            del self._stamps[bisect_left(self._stamps, stamp)]

    def between(self, low: str | None, high: str | None) -> Iterator[str]:
        """Ids from low to high, both included, ordered by (SystemModstamp, Id)."""
        start = bisect_left(self._stamps, low) if low is not None else 0
        end = bisect_right(self._stamps, high) if high is not None else len(self._stamps)
        for stamp in self._stamps[start:end]:
            yield from sorted(self._buckets[stamp])

    def newest(self) -> Iterator[str]:
        """Ids, the last changed first."""
        for stamp in reversed(self._stamps):
            yield from sorted(self._buckets[stamp], reverse=True)


class Table:
    """All records of one object, deleted ones included."""

    def __init__(self, sobject: SObject) -> None:
        self.sobject = sobject
        self.records: MutableMapping[str, Record] = {}
        self.ids: list[str] = []
        self.deleted: dict[str, None] = {}
        self.stamps = StampIndex()
        self.keys: dict[str, KeyIndex] = {}
        self.source = IdSource(sobject.prefix)
        self._counted = [0]  # a list, so that a copy of the table goes on with the same numbers
        self._lookups: dict[str, None] = {}
        self.describe(sobject)

    @property
    def counter(self) -> int:
        """The last auto-number that was given."""
        return self._counted[0]

    @counter.setter
    def counter(self, number: int) -> None:
        self._counted[0] = number

    def describe(self, sobject: SObject) -> None:
        """Follow a changed describe: index what is now keyed."""
        self.sobject = sobject
        looked_up = [sobject.fields[name] for name in self._lookups if name in sobject.fields]
        self.keys = {field.name: self._index_of(field) for field in (*sobject.keyed, *looked_up)}

    def lookup(self, name: str) -> KeyIndex:
        """The index on a lookup field, made when it is first asked for: most lookups never are."""
        index = self.keys.get(name)
        if index is None:
            self._lookups[name] = None
            index = self.keys[name] = self._index_of(self.sobject.fields[name])
        return index

    def _index_of(self, field: Field) -> KeyIndex:
        index = KeyIndex(field.case_sensitive)
        for record_id, record in self.records.items():
            if field.name in record and not record["IsDeleted"]:
                index.add(record[field.name], record_id)
        return index

    def put(self, record: Record) -> Record | None:
        """Store a record over what was there; returns what was there."""
        record_id = record["Id"]
        old = self.records.get(record_id)
        self.records[record_id] = record
        if old is None:
            self._add_id(record_id)
        else:
            self.stamps.remove(old["SystemModstamp"], record_id)
        self.stamps.add(record["SystemModstamp"], record_id)
        self._index(record_id, old, record)
        return old

    def _add_id(self, record_id: str) -> None:
        if self.ids and record_id < self.ids[-1]:
            insort(self.ids, record_id)
        else:
            self.ids.append(record_id)

    def take_back(self, record_id: str, old: Record | None) -> None:
        """Undo a put."""
        if old is not None:
            self.put(old)
            return
        record = self.records.pop(record_id)
        self.stamps.remove(record["SystemModstamp"], record_id)
        self._index(record_id, record, None)
        del self.ids[bisect_left(self.ids, record_id)]

    def _index(self, record_id: str, old: Record | None, new: Record | None) -> None:
        was = old if old is not None and not old["IsDeleted"] else None
        now = new if new is not None and not new["IsDeleted"] else None
        for name, index in self.keys.items():
            before = was.get(name) if was is not None else None
            after = now.get(name) if now is not None else None
            if before == after:
                continue
            if before is not None:
                index.remove(before, record_id)
            if after is not None:
                index.add(after, record_id)
        if new is not None and now is None:
            self.deleted[record_id] = None
        else:
            self.deleted.pop(record_id, None)

    def find(self, field: str, value: Any) -> list[str]:
        """Ids of the living records with this value in a keyed field."""
        return self.keys[field].find(value)

    def living(self) -> int:
        return len(self.records) - len(self.deleted)

    def after_id(self, record_id: str) -> Iterator[str]:
        """Ids greater than the given one, in order."""
        return iter(self.ids[bisect_right(self.ids, record_id) :])
