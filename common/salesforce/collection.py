"""Up to 200 records as one collection of the REST API: its path, its body, its answers."""

from collections.abc import Iterator, Sequence
from collections.abc import Mapping as Map
from decimal import Decimal
from typing import Any, NamedTuple, TypeVar

from common.change import Op, Value
from common.mapping import Kind, Mapping
from common.ports import Send, Sent
from common.salesforce.errors import refused

MAX_COLLECTION = 200  #: records in one collection that writes; REST API guide, "sObject Collections"
MAX_SUBREQUESTS = 5  #: collections in one Composite; REST API guide, "Composite Resources"

T = TypeVar("T")
Answers = dict[int, Sent]


class Item(NamedTuple):
    """A record to send, and its place in the answer."""

    place: int
    send: Send


class Collection:
    """Records for one call or one subrequest. All of one kind: `delete` and `update` by id, `upsert` by external id."""

    def __init__(self, mapping: Mapping, kind: str, items: Sequence[Item]) -> None:
        self._mapping = mapping
        self.kind = kind
        self.items = items

    def __len__(self) -> int:
        return len(self.items)

    @property
    def method(self) -> str:
        return "DELETE" if self.kind == "delete" else "PATCH"

    @property
    def path(self) -> str:
        if self.kind == "delete":
            return f"composite/sobjects?ids={','.join(i.send.sfid or '' for i in self.items)}&allOrNone=false"
        if self.kind == "update":
            return "composite/sobjects"
        return f"composite/sobjects/{self._mapping.sobject}/{self._mapping.external_id_field}"

    @property
    def body(self) -> dict[str, Any] | None:
        if self.kind == "delete":
            return None
        return {"allOrNone": False, "records": [self._record(item.send) for item in self.items]}

    def _record(self, send: Send) -> dict[str, Any]:
        kinds = self._mapping.by_name
        key = {"id": send.sfid} if send.sfid else {self._mapping.external_id_field: send.external_id}
        parents = {k.name: k for k in self._mapping.parent_keys}
        values: dict[str, Any] = {}
        for name, value in send.fields.items():
            if name in parents:  # a lookup by its parent's external id; emptied, it goes as the lookup itself
                values[parents[name].relationship] = {parents[name].field: value}
            else:
                values[name] = as_json(kinds[name].kind, value) if name in kinds else value
        return {"attributes": {"type": self._mapping.sobject}, **key, **values}

    def subrequest(self, reference: str, data_path: str) -> dict[str, Any]:
        held = {"method": self.method, "url": f"{data_path}{self.path}", "referenceId": reference}
        return held | ({"body": self.body} if self.body is not None else {})

    def read(self, results: Sequence[Map[str, Any]]) -> Answers:
        """Each record's own answer; results stand in the order of what was sent."""
        return {i.place: answer(i.send, result) for i, result in zip(self.items, results, strict=True)}


def pack(mapping: Mapping, items: Sequence[Item]) -> list[Collection]:
    """As few collections as fit: deletions first, so that what follows may take their unique values."""
    kinds: dict[str, list[Item]] = {"delete": [], "update": [], "upsert": []}
    for item in items:
        kinds[kind_of(item.send)].append(item)
    return [
        Collection(mapping, kind, part) for kind, members in kinds.items() for part in parts(members, MAX_COLLECTION)
    ]


def kind_of(send: Send) -> str:
    """How a record is told to Salesforce: `delete` and `update` by id, `upsert` by external id."""
    if send.op is Op.DELETE:
        return "delete"
    return "update" if send.sfid else "upsert"


def parts(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]


def answer(send: Send, result: Map[str, Any]) -> Sent:
    """What one record's result means."""
    if result.get("success"):
        return Sent(sfid=result.get("id") or send.sfid)
    error = (result.get("errors") or [{}])[0]
    code, message = str(error.get("statusCode", "UNKNOWN_EXCEPTION")), str(error.get("message", ""))
    if send.op is Op.DELETE and code in ("ENTITY_IS_DELETED", "INVALID_CROSS_REFERENCE_KEY", "NOT_FOUND"):
        return Sent(sfid=send.sfid)  # somebody was faster
    return refused(code, message)


def as_json(kind: Kind, value: Value) -> Value | int | float:
    """The value as REST takes it. A number stays a number as long as JSON's readers keep all its digits."""
    if value is None or kind not in (Kind.DECIMAL, Kind.INTEGER):
        return value
    number = Decimal(str(value))
    if number == number.to_integral_value():
        return int(number)
    nearest = float(number)
    return nearest if Decimal(repr(nearest)) == number else str(value)
