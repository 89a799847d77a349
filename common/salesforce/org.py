"""One Salesforce org: records read whole, edits sent in as few calls as fit."""

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any, TypeVar
from urllib.parse import quote

from common import clock
from common.change import MODSTAMP, Change, Op, Side, Value
from common.errors import Misconfigured, Transient, Unknown
from common.mapping import ID, Kind, Mapping
from common.ports import Read, Send, Sent
from common.salesforce.errors import refused, unanswered
from common.salesforce.session import Refused, Session

MAX_RETRIEVE = 2000  #: records in one collections retrieve; REST API guide, "sObject Collections"
MAX_COLLECTION = 200  #: records in one collection that writes
MAX_SUBREQUESTS = 5  #: collections in one Composite; REST API guide, "Composite Resources"
MAX_URI = 15_000  #: bytes; Salesforce refuses 16,384 with its headers

T = TypeVar("T")


class SalesforceOrg:
    """Implements ports.Org."""

    def __init__(self, session: Session, now: clock.Clock = clock.now) -> None:
        self._session = session
        self._now = now

    @property
    def org_id(self) -> str:
        return self._session.org_id

    # -- reading -----------------------------------------------------------------------------------

    def read(self, mapping: Mapping, ids: Sequence[str], *, deleted: bool = False) -> Read:
        """Read records whole, 2,000 a call; with deleted ones fewer, for a query's address is short."""
        fetch = self._query_all if deleted else self._retrieve
        changes = [change for part in fetch(mapping, ids) for change in part]
        seen = {c.record_id for c in changes}
        return Read(changes, [i for i in ids if i not in seen])

    def _retrieve(self, mapping: Mapping, ids: Sequence[str]) -> Iterator[list[Change]]:
        for part in _parts(ids, MAX_RETRIEVE):
            began = self._now()
            body = {"ids": list(part), "fields": list(mapping.read_fields)}
            try:
                records = self._session.call("POST", f"composite/sobjects/{mapping.sobject}", body)
            except Unknown as exc:
                raise Transient(exc.reason, exc.detail, exc.hint) from exc
            except Refused as exc:
                raise _unreadable(mapping, exc) from exc
            yield [_change(mapping, record, began) for record in records if record]

    def _query_all(self, mapping: Mapping, ids: Sequence[str]) -> Iterator[list[Change]]:
        select = f"SELECT {', '.join(mapping.read_fields)}, IsDeleted FROM {mapping.sobject} WHERE Id IN "
        room = (MAX_URI - len(quote(select))) // len(quote("'001000000000000AAA',"))
        for part in _parts(ids, max(1, min(room, MAX_RETRIEVE))):
            began = self._now()
            listed = ",".join(f"'{i}'" for i in part)
            yield [
                _change(mapping, record, began) for record in self._query("queryAll", f"{select}({listed})", mapping)
            ]

    def _query(self, resource: str, soql: str, mapping: Mapping) -> Iterator[dict[str, Any]]:
        try:
            page = self._session.get(resource, q=soql)
            while True:
                yield from page["records"]
                if page["done"]:
                    return
                page = self._session.get(page["nextRecordsUrl"].split("/", 4)[4])
        except Refused as exc:
            raise _unreadable(mapping, exc) from exc

    # -- writing -----------------------------------------------------------------------------------

    def send(self, mapping: Mapping, sends: Sequence[Send]) -> list[Sent]:
        """Create, update or delete: collections of 200, five of them in one call."""
        answers: dict[int, Sent] = {}
        numbered = list(enumerate(sends))
        unnamed = [(n, s) for n, s in numbered if s.op is Op.DELETE and s.sfid is None]
        named = self._name(mapping, unnamed, answers)
        collections = [
            *_collections(mapping, "delete", [(n, s) for n, s in numbered if s.op is Op.DELETE and s.sfid] + named),
            *_collections(mapping, "update", [(n, s) for n, s in numbered if s.op is Op.UPSERT and s.sfid]),
            *_collections(mapping, "upsert", [(n, s) for n, s in numbered if s.op is Op.UPSERT and not s.sfid]),
        ]
        for group in _parts(collections, MAX_SUBREQUESTS):
            self._send_group(group, answers)
        return [answers[n] for n in range(len(sends))]

    def _name(
        self, mapping: Mapping, unnamed: Sequence[tuple[int, Send]], answers: dict[int, Sent]
    ) -> list[tuple[int, Send]]:
        """Find the records of deletions whose id never came back, by external id; what is not there is deleted already."""
        named = []
        for n, send in unnamed:
            field = mapping.external_id_field
            literal = send.external_id.replace("\\", "\\\\").replace("'", "\\'")
            try:
                found = list(
                    self._query("query", f"SELECT Id FROM {mapping.sobject} WHERE {field} = '{literal}'", mapping)
                )
            except Transient as exc:
                answers[n] = Sent(reason=exc.reason, detail=exc.detail, hint=exc.hint, retry=True)
                continue
            if found:
                named.append((n, Send(Op.DELETE, found[0]["Id"], send.external_id)))
            else:
                answers[n] = Sent()
        return named

    def _send_group(self, group: Sequence["_Collection"], answers: dict[int, Sent]) -> None:
        if len(group) == 1:
            self._send_one(group[0], answers)
            return
        body = {
            "allOrNone": False,
            "collateSubrequests": False,
            "compositeRequest": [c.subrequest(f"c{n}", self._session.data_path) for n, c in enumerate(group)],
        }
        try:
            reply = self._session.call("POST", "composite", body)
        except (Refused, Transient) as exc:
            for collection in group:
                collection.all_alike(_sent(exc), answers)
            return
        for collection, part in zip(group, reply["compositeResponse"], strict=True):
            if int(part["httpStatusCode"]) < 300:
                collection.read(part["body"], answers)
            else:
                self._cut(collection, _first_error(part["body"], int(part["httpStatusCode"])), answers)

    def _send_one(self, collection: "_Collection", answers: dict[int, Sent]) -> None:
        try:
            reply = self._session.call(collection.method, collection.path, collection.body)
        except Refused as exc:
            self._cut(collection, exc, answers)
        except Transient as exc:
            collection.all_alike(_sent(exc), answers)
        else:
            collection.read(reply, answers)

    def _cut(self, collection: "_Collection", exc: Refused, answers: dict[int, Sent]) -> None:
        """A request that fails whole is cut in halves until its culprit stands alone; waiting is not cut."""
        sent = _sent(exc)
        if len(collection) == 1 or sent.retry:
            collection.all_alike(sent, answers)
            return
        for half in collection.halves():
            self._send_one(half, answers)


class _Collection:
    """Up to 200 records for one call or subrequest, with their places in the answer."""

    def __init__(self, mapping: Mapping, kind: str, sends: Sequence[tuple[int, Send]]) -> None:
        self._mapping = mapping
        self._kind = kind
        self._sends = sends

    def __len__(self) -> int:
        return len(self._sends)

    @property
    def method(self) -> str:
        return "DELETE" if self._kind == "delete" else "PATCH"

    @property
    def path(self) -> str:
        if self._kind == "delete":
            return f"composite/sobjects?ids={','.join(s.sfid or '' for _, s in self._sends)}&allOrNone=false"
        if self._kind == "update":
            return "composite/sobjects"
        return f"composite/sobjects/{self._mapping.sobject}/{self._mapping.external_id_field}"

    @property
    def body(self) -> dict[str, Any] | None:
        if self._kind == "delete":
            return None
        return {"allOrNone": False, "records": [self._record(send) for _, send in self._sends]}

    def _record(self, send: Send) -> dict[str, Any]:
        kinds = self._mapping.by_name
        key = {"id": send.sfid} if send.sfid else {self._mapping.external_id_field: send.external_id}
        values = {name: _json(kinds[name].kind, value) for name, value in send.fields.items()}
        return {"attributes": {"type": self._mapping.sobject}, **key, **values}

    def subrequest(self, reference: str, data_path: str) -> dict[str, Any]:
        held = {"method": self.method, "url": f"{data_path}{self.path}", "referenceId": reference}
        return held | ({"body": self.body} if self.body is not None else {})

    def read(self, results: Sequence[dict[str, Any]], answers: dict[int, Sent]) -> None:
        for (n, send), result in zip(self._sends, results, strict=True):
            answers[n] = _answer(send, result)

    def all_alike(self, sent: Sent, answers: dict[int, Sent]) -> None:
        answers.update(dict.fromkeys((n for n, _ in self._sends), sent))

    def halves(self) -> "tuple[_Collection, _Collection]":
        middle = len(self._sends) // 2
        return (
            _Collection(self._mapping, self._kind, self._sends[:middle]),
            _Collection(self._mapping, self._kind, self._sends[middle:]),
        )


def _collections(mapping: Mapping, kind: str, sends: Sequence[tuple[int, Send]]) -> list[_Collection]:
    return [_Collection(mapping, kind, part) for part in _parts(sends, MAX_COLLECTION)]


def _parts(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]


def _answer(send: Send, result: dict[str, Any]) -> Sent:
    if result.get("success"):
        return Sent(sfid=result.get("id") or send.sfid)
    error = (result.get("errors") or [{}])[0]
    code, message = str(error.get("statusCode", "UNKNOWN_EXCEPTION")), str(error.get("message", ""))
    if send.op is Op.DELETE and code in ("ENTITY_IS_DELETED", "INVALID_CROSS_REFERENCE_KEY", "NOT_FOUND"):
        return Sent(sfid=send.sfid)  # somebody was faster
    return refused(code, message)


def _sent(exc: Refused | Transient) -> Sent:
    """What a request's failure means for each of its records."""
    if isinstance(exc, Refused):
        return refused(exc.code, exc.message)
    if isinstance(exc, Unknown):
        return unanswered(exc.detail)
    return Sent(reason=exc.reason, detail=exc.detail, hint=exc.hint, retry=True)


def _first_error(body: Any, status: int) -> Refused:
    first = body[0] if isinstance(body, list) and body else {}
    return Refused(status, str(first.get("errorCode", f"HTTP_{status}")), str(first.get("message", "")))


def _unreadable(mapping: Mapping, exc: Refused) -> Misconfigured | Transient:
    sent = refused(exc.code, exc.message)
    if sent.retry:
        return Transient(sent.reason, sent.detail, sent.hint)
    return Misconfigured(
        "object_unreadable", f"{mapping.sobject}: {exc.code} {exc.message}",
        "The integration user must see the object and every mapped field; a field that is gone must leave the mapping.",
    )  # fmt: skip


def _change(mapping: Mapping, record: dict[str, Any], began: Any) -> Change:
    gone = record.get("IsDeleted") is True
    return Change(
        source=Side.SALESFORCE,
        sobject=mapping.sobject,
        record_id=record[ID],
        op=Op.DELETE if gone else Op.UPSERT,
        stamp=clock.parse(record[MODSTAMP]),
        event_id=f"read/{record[ID]}/{began.isoformat()}",
        fields={name: record.get(name) for name in mapping.read_fields[1:]},
        read_at=began,
    )


def _json(kind: Kind, value: Value) -> Value | int | float:
    """The value as REST takes it. A number stays a number as long as JSON's readers keep all its digits."""
    if value is None or kind not in (Kind.DECIMAL, Kind.INTEGER):
        return value
    number = Decimal(str(value))
    if number == number.to_integral_value():
        return int(number)
    nearest = float(number)
    return nearest if Decimal(repr(nearest)) == number else str(value)
