"""One send: its calls, and the search for what makes a whole call fail.

A rejected record is named in its call's answer and costs no further call. What fails whole is cut:

    a Composite whose collection fails    that collection alone, as five parts in one new Composite: four calls find
                                          one culprit among 200, and the others have landed already
    a Composite that fails itself         its records in halves: twenty calls find one among 1,000
    a field that is refused               once more without the field
"""

from collections import deque
from collections.abc import Iterable, Sequence
from collections.abc import Mapping as Map
from dataclasses import dataclass, replace
from typing import Any, Protocol

from common.change import Op
from common.errors import Transient, Unknown
from common.mapping import Mapping
from common.ports import Sent
from common.salesforce.collection import MAX_SUBREQUESTS, Answers, Collection, Item, pack, parts
from common.salesforce.errors import (
    FIELD_CODES,
    Whole,
    field_refused,
    lacks_parent,
    of_object,
    refused,
    suspicious,
    unanswered,
    whole,
)
from common.salesforce.fields import StoppedFields, named_in
from common.salesforce.lanes import Lanes
from common.salesforce.session import Refused

CUT_CALLS = (
    24  #: twenty find one culprit among 1,000 by halves; the rest waits for its next attempt, and is fewer by then
)
IN_A_ROW = 3  #: failures of Salesforce's own making after which a search ends: it is down, and no record's fault
SURE = 2  #: records that must refuse a field before it counts as refused for the object

BUSY = Sent(
    reason="lanes_busy", hint="Calls under way hold the same parents; it is tried again.",
    retry=True, retry_seconds=1.0, untried=True,
)  # fmt: skip


class Calls(Protocol):
    """What a send needs of a session."""

    @property
    def data_path(self) -> str: ...

    def call(self, method: str, path: str, body: object = None) -> Any: ...


@dataclass(frozen=True, slots=True)
class Known:
    """What all sends of a process share."""

    fields: StoppedFields
    lanes: Lanes


class Sending:
    """The records of one send, until each has its answer."""

    def __init__(self, session: Calls, mapping: Mapping, known: Known) -> None:
        self._session = session
        self._mapping = mapping
        self._known = known
        self._answers: Answers = {}
        self._stopped: dict[int, dict[str, str]] = {}  #: by place: fields that the record goes without
        self._once_more: list[Item] = []  #: what goes again without a field
        self._spare = CUT_CALLS
        self._failed_in_a_row = 0
        self._ended: Sent | None = None  #: nothing more is called: the daily limit, or an org that is down

    def run(self, items: Iterable[Item]) -> Answers:
        """Send; one answer for each item, by its place."""
        todo = deque(self._groups(self._without_stopped(items)))
        first = len(todo)
        while todo:
            group = todo.popleft()
            if self._ended is not None or (first <= 0 and self._spare <= 0):
                self._all_alike(group, self._ended or _unspent(group))
                continue
            self._spare -= first <= 0
            first -= 1
            todo.extend(self._call(group))
            todo.extend(self._groups(self._once_more))
            self._once_more = []
        return {place: self._with_stopped(place, sent) for place, sent in self._answers.items()}

    def _groups(self, items: Sequence[Item]) -> list[Sequence[Collection]]:
        return list(parts(pack(self._mapping, items), MAX_SUBREQUESTS))

    # -- one call ------------------------------------------------------------------------------------

    def _call(self, group: Sequence[Collection]) -> list[Sequence[Collection]]:
        """Make one call; what must be called anew because of its answer."""
        with self._known.lanes.through(_keys(self._mapping, group)) as entered:
            if not entered:
                self._all_alike(group, BUSY)
                return []
            try:
                return self._single(group[0]) if len(group) == 1 else self._composite(group)
            except Refused as exc:
                return self._refused(group, exc, inside=False)
            except Transient as exc:
                self._all_alike(group, _sent(exc))
                return []

    def _single(self, collection: Collection) -> list[Sequence[Collection]]:
        self._read(collection, self._session.call(collection.method, collection.path, collection.body))
        return []

    def _composite(self, group: Sequence[Collection]) -> list[Sequence[Collection]]:
        body = {
            "allOrNone": False,
            "collateSubrequests": False,
            "compositeRequest": [c.subrequest(f"c{n}", self._session.data_path) for n, c in enumerate(group)],
        }
        reply = self._session.call("POST", "composite", body)
        again: list[Sequence[Collection]] = []
        for collection, part in zip(group, reply["compositeResponse"], strict=True):
            status = int(part["httpStatusCode"])
            if status < 300:
                self._read(collection, part["body"])
            else:
                again += self._refused([collection], _first_error(part["body"], status), inside=True)
        return again

    def _read(self, collection: Collection, results: Sequence[Map[str, Any]]) -> None:
        self._failed_in_a_row = 0
        self._answers |= collection.read(results)
        self._once_more += self._refusing_fields(collection, results)

    # -- whole failures ------------------------------------------------------------------------------

    def _refused(self, group: Sequence[Collection], exc: Refused, *, inside: bool) -> list[Sequence[Collection]]:
        """Decide what a request that failed whole means; what to call instead."""
        kind = whole(exc.code, exc.message)
        items = [item for collection in group for item in collection.items]
        if kind is Whole.FIELD:
            fields = named_in(exc.message, exc.fields, _fields(items))
            if fields:
                self._known.fields.stop(self._mapping.sobject, fields, exc.message)
                self._once_more += self._spared(items, dict.fromkeys(fields, exc.message))
                return []
        if kind is Whole.CLOSED:
            self._ended = replace(refused(exc.code, exc.message), untried=True, closed=True)
        if kind in (Whole.OBJECT, Whole.FIELD):  # a field that we did not send: the external id's
            self._all_alike(group, of_object(exc.code, exc.message))
        elif self._ended is not None:
            self._all_alike(group, self._ended)
        elif kind is not Whole.CUT or len(items) == 1 or self._is_down(exc):
            self._all_alike(group, refused(exc.code, exc.message))
        else:
            return self._cut(group, items, inside=inside)
        return []

    def _cut(self, group: Sequence[Collection], items: list[Item], *, inside: bool) -> list[Sequence[Collection]]:
        if inside:  # it failed inside a Composite that did not: its parts can do the same
            size = -(-len(items) // MAX_SUBREQUESTS)
            kind = group[0].kind
            return [[Collection(self._mapping, kind, part) for part in parts(items, size)]]
        middle = len(items) // 2
        return [*self._groups(items[:middle]), *self._groups(items[middle:])]

    def _is_down(self, exc: Refused) -> bool:
        if not suspicious(exc.code):
            return False
        self._failed_in_a_row += 1
        if self._failed_in_a_row >= IN_A_ROW:
            self._ended = replace(refused(exc.code, exc.message), untried=True)
        return self._ended is not None

    def _all_alike(self, group: Sequence[Collection], sent: Sent) -> None:
        for collection in group:
            self._answers.update({item.place: sent for item in collection.items})

    # -- fields --------------------------------------------------------------------------------------

    def _without_stopped(self, items: Iterable[Item]) -> list[Item]:
        stopped = {f.name: f"{f.stopped} in Salesforce: see `isthmus drift list`" for f in self._mapping.stopped}
        stopped |= self._known.fields.of(self._mapping.sobject)
        if not stopped:
            return list(items)
        return [left for item in items if (left := self._less(item, stopped)) is not None]

    def _less(self, item: Item, stopped: Map[str, str]) -> Item | None:
        """The record without these fields; None where nothing is left to send."""
        mine = {name: words for name, words in stopped.items() if name in item.send.fields}
        if not mine or item.send.op is Op.DELETE:
            return item
        self._stopped.setdefault(item.place, {}).update(mine)
        left = {name: value for name, value in item.send.fields.items() if name not in mine}
        if not left and item.send.sfid:
            self._answers[item.place] = Sent(item.send.sfid)
            return None
        return Item(item.place, replace(item.send, fields=left))

    def _spared(self, items: Sequence[Item], fields: Map[str, str]) -> list[Item]:
        return [left for item in items if (left := self._less(item, fields)) is not None]

    def _refusing_fields(self, collection: Collection, results: Sequence[Map[str, Any]]) -> list[Item]:
        """Records that were refused for fields alone, without those; where every record says so, the field is stopped."""
        again: list[Item] = []
        words: dict[str, str] = {}
        blamed: dict[str, int] = {}
        for item, result in zip(collection.items, results, strict=True):
            named = _named(item, result)
            if named:
                blamed.update({name: blamed.get(name, 0) + 1 for name in named})
                words |= named
                again += self._spared([item], named)
        for name, count in blamed.items():
            carried = sum(name in item.send.fields for item in collection.items)
            if count == carried >= SURE:
                self._known.fields.stop(self._mapping.sobject, [name], words[name])
        return again

    def _with_stopped(self, place: int, sent: Sent) -> Sent:
        stopped = self._stopped.get(place)
        if not stopped or sent.reason:
            return sent
        return replace(field_refused(stopped), sfid=sent.sfid)


def _fields(items: Iterable[Item]) -> set[str]:
    return {name for item in items for name in item.send.fields}


def _named(item: Item, result: Map[str, Any]) -> dict[str, str]:
    """The fields of this record that its refusal names, if it is for fields alone."""
    errors = [] if result.get("success") else list(result.get("errors") or [])
    if not errors or any(e.get("statusCode") not in FIELD_CODES or lacks_parent(str(e.get("message"))) for e in errors):
        return {}
    return {
        name: str(e.get("message", ""))
        for e in errors
        for name in named_in(str(e.get("message", "")), e.get("fields") or (), item.send.fields)
    }


def _keys(mapping: Mapping, group: Sequence[Collection]) -> frozenset[str]:
    """What no other call under way may touch: these records and their parents; siblings of unknown parents as well."""
    keys: set[str] = set()
    for item in (item for collection in group for item in collection.items):
        keys.add(item.send.sfid or f"{mapping.sobject}/{item.send.external_id}")
        keys |= {f"{mapping.sobject}?"} if item.send.parents is None else item.send.parents
    return frozenset(keys)


def _unspent(group: Sequence[Collection]) -> Sent:
    return Sent(
        reason="culprit_sought", detail=f"one of {sum(map(len, group))} records makes its whole request fail",
        hint="The search goes on with the next attempt.", retry=True, untried=True,
    )  # fmt: skip


def _sent(exc: Transient) -> Sent:
    """What a request's failure means for each of its records."""
    if isinstance(exc, Unknown):
        return unanswered(exc.detail)
    return Sent(reason=exc.reason, detail=exc.detail, hint=exc.hint, retry=True)


def _first_error(body: Any, status: int) -> Refused:
    first = body[0] if isinstance(body, list) and body else {}
    return Refused(
        status, str(first.get("errorCode", f"HTTP_{status}")), str(first.get("message", "")), first.get("fields") or ()
    )
