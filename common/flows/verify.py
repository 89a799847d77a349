"""Whether both sides are equal, value for value: range by range of ids, in bounded memory; changes nothing."""

from collections.abc import Iterator, Sequence
from collections.abc import Mapping as Map
from dataclasses import dataclass, field
from datetime import date, datetime, time
from decimal import Decimal
from hashlib import sha256

from common.change import Change
from common.comparing import Image, Pairs
from common.errors import Terminal
from common.mapping import Field, Mapping

RANGE = 2000  #: records: one call of Salesforce's, some megabytes here


@dataclass(frozen=True, slots=True)
class Difference:
    """One record, or one of its fields, that is not the same on both sides."""

    record: str
    what: str  #: value, no_row (of a record), no_record (of a row; or it is hidden), unreadable (a value has no place here)
    field: str = ""
    salesforce: object = None
    postgres: object = None


@dataclass(frozen=True, slots=True)
class Side:
    count: int
    digest: str  #: of all values, in a form that both sides share


@dataclass(frozen=True, slots=True)
class Compared:
    """One range of ids: above `after`, up to `upto`; without an end where that is empty."""

    after: str
    upto: str
    salesforce: Side
    postgres: Side
    waiting: int = 0  #: records of which edits wait: what was edited is left out
    differences: Sequence[Difference] = ()

    @property
    def equal(self) -> bool:
        return self.salesforce == self.postgres and not self.differences


def ranges(mapping: Mapping, pairs: Pairs, *, size: int = RANGE) -> Iterator[Compared]:
    """Every range of ids from the first on."""
    after = ""
    while True:
        compared = between(mapping, pairs, after, size=size)
        yield compared
        if not compared.upto:
            return
        after = compared.upto


def between(mapping: Mapping, pairs: Pairs, after: str, upto: str = "", *, size: int = RANGE) -> Compared:
    """Compare the next range of ids; where no end is given, it ends where either side has had so many."""
    end = upto or pairs.slice_end(mapping, after, size)
    records = pairs.records(mapping, after, end, 2 * size if upto else size)
    if not upto and len(records) == size:
        end = records[-1].record_id
    images = pairs.images(mapping, after, end)
    return _Range(mapping, pairs).compare(after, end, records, images)


@dataclass(slots=True)
class _Range:
    """Both sides of a range as texts, and what differs."""

    mapping: Mapping
    pairs: Pairs
    there: list[str] = field(default_factory=list)
    here: list[str] = field(default_factory=list)
    differences: list[Difference] = field(default_factory=list)
    waiting: int = 0

    def compare(self, after: str, upto: str, records: Sequence[Change], images: Sequence[Image]) -> Compared:
        rows = {image.record_id: image for image in images}
        lacking = [c.record_id for c in records if c.record_id not in rows]
        leaving = self.pairs.leaving(self.mapping, lacking) if lacking else set()
        self.waiting += len(leaving)
        for change in records:
            if change.record_id not in leaving:
                self._pair(change, rows.pop(change.record_id, None))
        for record_id, image in rows.items():
            self._alone(record_id, image)
        return Compared(
            after, upto, _side(self.there), _side(self.here), self.waiting, tuple(self.differences)
        )  # fmt: skip

    def _pair(self, change: Change, image: Image | None) -> None:
        edited = image.edited if image else frozenset()
        self.waiting += bool(edited)
        try:
            arriving = self.mapping.arriving(change)
        except Terminal as exc:
            self.differences.append(Difference(change.record_id, "unreadable", exc.detail))
            return
        theirs = self._values(arriving, edited)
        self.there.append(_text(change.record_id, theirs))
        if image is None:
            self.differences.append(Difference(change.record_id, "no_row"))
            return
        ours = self._values(image.row, edited)
        self.here.append(_text(change.record_id, ours))
        self.differences += [
            Difference(change.record_id, "value", f.name, theirs[f.name], ours[f.name])
            for f in self._compared(edited)
            if theirs[f.name] != ours[f.name]
        ]

    def _alone(self, record_id: str, image: Image) -> None:
        self.here.append(_text(record_id, self._values(image.row, image.edited)))
        self.differences.append(Difference(record_id, "no_record"))

    def _values(self, held: Map[str, object], edited: frozenset[str]) -> dict[str, object]:
        return {f.name: self.pairs.comparable(f.kind, held.get(f.column)) for f in self._compared(edited)}

    def _compared(self, edited: frozenset[str]) -> list[Field]:
        return [f for f in self.mapping.fields if f.column not in edited]


def _side(texts: Sequence[str]) -> Side:
    return Side(len(texts), sha256("\n".join(sorted(texts)).encode("utf-8", "replace")).hexdigest()[:16])


def _text(record_id: str, values: Map[str, object]) -> str:
    return repr((record_id, [(name, plain(value)) for name, value in values.items()]))


def plain(value: object) -> object:
    """A compared value as text, the same for equal ones; null and booleans as they are."""
    if isinstance(value, Decimal):
        return f"{value.normalize():f}" if value.is_finite() else str(value)
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    return value if value is None or isinstance(value, bool) else str(value)
