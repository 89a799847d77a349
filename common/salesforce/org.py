"""One Salesforce org: records read whole, edits sent in as few calls as fit."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any
from urllib.parse import quote

from common import clock
from common.change import MODSTAMP, Change, Op, Side
from common.errors import Misconfigured, Transient, Unknown
from common.mapping import ID, Field, Mapping
from common.ports import Read, Send, Sent, Spent
from common.salesforce.collection import Answers, Item, parts
from common.salesforce.errors import refused
from common.salesforce.fields import StoppedFields
from common.salesforce.lanes import CALLS, Lanes
from common.salesforce.sending import Known, Sending
from common.salesforce.session import Refused, Session

MAX_RETRIEVE = 2000  #: records in one collections retrieve; REST API guide, "sObject Collections"
MAX_FIND = 50  #: external ids in one query: at 255 letters each the longest URI still fits
MAX_URI = 15_000  #: bytes; Salesforce refuses 16,384 with its headers


class SalesforceOrg:
    """Implements ports.Org.

    Args:
        calls: How many calls that write may be under way at a time in this process.
    """

    def __init__(self, session: Session, now: clock.Clock = clock.now, *, calls: int = CALLS) -> None:
        self._session = session
        self._now = now
        self._known = Known(StoppedFields(now), Lanes(calls))

    @property
    def org_id(self) -> str:
        return self._session.org_id

    # -- reading -----------------------------------------------------------------------------------

    def read(self, mapping: Mapping, ids: Sequence[str], *, deleted: bool = False) -> Read:
        """Read records whole, 2,000 a call; with deleted ones, or held to a filter, fewer: a query's address is short."""
        changes = self._whole(mapping, ids) if mapping.filter or not deleted else []
        left = _left(ids, changes)
        others = list(self._query_whole("queryAll", mapping, left)) if deleted and left else []
        outside = [c for c in others if mapping.filter and c.op is Op.UPSERT]
        changes += [c for c in others if not (mapping.filter and c.op is Op.UPSERT)]
        return Read(changes, _left(left, others), outside)

    def _whole(self, mapping: Mapping, ids: Sequence[str]) -> list[Change]:
        if mapping.filter:
            return list(self._query_whole("query", mapping, ids))
        return [change for part in self._retrieve(mapping, ids) for change in part]

    def page(self, mapping: Mapping, fields: Sequence[Field], after_id: str, limit: int) -> list[Change]:
        """The next living records by id, with SystemModstamp and these fields only."""
        names = [MODSTAMP, *(f.name for f in fields)]
        among = mapping.among(f"Id > '{after_id}'" if after_id else "Id != NULL")
        soql = f"SELECT Id, {', '.join(names)} FROM {mapping.sobject} WHERE {among} ORDER BY Id LIMIT {limit}"
        began = self._now()
        return [_change(mapping, record, began, names) for record in self.query("query", soql, mapping)]

    def _retrieve(self, mapping: Mapping, ids: Sequence[str]) -> Iterator[list[Change]]:
        for part in parts(ids, MAX_RETRIEVE):
            began = self._now()
            body = {"ids": list(part), "fields": list(mapping.read_fields)}
            try:
                records = self._session.call("POST", f"composite/sobjects/{mapping.sobject}", body)
            except Unknown as exc:
                raise Transient(exc.reason, exc.detail, exc.hint) from exc
            except Refused as exc:
                raise _unreadable(mapping, exc) from exc
            yield [_change(mapping, record, began) for record in records if record]

    def _query_whole(self, resource: str, mapping: Mapping, ids: Sequence[str]) -> Iterator[Change]:
        """By `query` living records that meet the filter, by `queryAll` deleted ones too, whatever the filter says."""
        select = f"SELECT {', '.join(mapping.read_fields)}, IsDeleted FROM {mapping.sobject} WHERE "
        room = (MAX_URI - len(quote(select + mapping.among("Id IN ()")))) // len(quote("'001000000000000AAA',"))
        for part in parts(ids, max(1, min(room, MAX_RETRIEVE))):
            began = self._now()
            listed = ",".join(f"'{i}'" for i in part)
            among = f"Id IN ({listed})"
            soql = select + (mapping.among(among) if resource == "query" else among)
            yield from (_change(mapping, record, began) for record in self.query(resource, soql, mapping))

    def between(self, mapping: Mapping, condition: str, limit: int) -> list[Change]:
        """Living records that meet a SOQL condition, whole, ordered by id; so many at most."""
        began = self._now()
        select = f"SELECT {', '.join(mapping.read_fields)} FROM {mapping.sobject}"
        soql = f"{select} WHERE {condition} ORDER BY Id LIMIT {limit}"
        return [_change(mapping, record, began) for record in self.query("query", soql, mapping)]

    def query(self, resource: str, soql: str, mapping: Mapping) -> Iterator[dict[str, Any]]:
        """Every record of an answer, page by page. Raises as `read` does."""
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
        """Create, update or delete: collections of 200, five of them in one call. One answer per record, same order."""
        answers: Answers = {}
        items = [Item(n, send) for n, send in enumerate(sends)]
        unnamed = [i for i in items if i.send.op is Op.DELETE and i.send.sfid is None]
        named = self._name(mapping, unnamed, answers)
        others = [i for i in items if i.send.op is not Op.DELETE or i.send.sfid]
        answers |= Sending(self._session, mapping, self._known).run([*others, *named])
        return [answers[n] for n in range(len(sends))]

    def spent(self) -> Spent:
        """What this thread's calls have cost since it last asked."""
        used, allowed = self._session.api_usage or (None, None)
        return Spent(self._session.spent(), used, allowed)

    def find(self, mapping: Mapping, external_ids: Sequence[str]) -> dict[str, str]:
        """Living records by external id: external id -> Salesforce id. Any number of them.

        Raises:
            Transient, Misconfigured: nothing is known.
        """
        field = mapping.external_id_field
        found: dict[str, str] = {}
        by_lower = {i.lower(): i for i in external_ids}  # Salesforce compares without case
        for part in parts(list(external_ids), MAX_FIND):
            select = f"SELECT Id, {field} FROM {mapping.sobject} WHERE {field} IN ({','.join(map(_literal, part))})"
            records = self.query("query", select, mapping)
            found |= {by_lower[r[field].lower()]: r["Id"] for r in records if r[field].lower() in by_lower}
        return found

    def _name(self, mapping: Mapping, unnamed: Sequence[Item], answers: Answers) -> list[Item]:
        """Find the records of deletions whose id never came back, by external id; what is not there is deleted already."""
        if not unnamed:
            return []
        field = mapping.external_id_field
        select = f"SELECT Id, {field} FROM {mapping.sobject} WHERE {field} IN "
        named: list[Item] = []
        for part in _fitting(unnamed, MAX_URI - len(quote(select))):
            listed = ",".join(_literal(item.send.external_id) for item in part)
            try:
                found = {r[field].lower(): r["Id"] for r in self.query("query", f"{select}({listed})", mapping)}
            except Transient as exc:
                waits = Sent(reason=exc.reason, detail=exc.detail, hint=exc.hint, retry=True)
                answers.update({item.place: waits for item in part})
                continue
            for item in part:
                sfid = found.get(item.send.external_id.lower())
                if sfid is None:
                    answers[item.place] = Sent()
                else:
                    named.append(Item(item.place, replace(item.send, sfid=sfid)))
        return named


def _left(ids: Sequence[str], found: Sequence[Change]) -> list[str]:
    seen = {c.record_id for c in found}
    return [i for i in ids if i not in seen]


def _literal(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def _fitting(items: Sequence[Item], room: int) -> Iterator[list[Item]]:
    """As many at a time as an address has room for."""
    part: list[Item] = []
    size = 0
    for item in items:
        length = len(quote(_literal(item.send.external_id))) + 3
        if part and size + length > room:
            yield part
            part, size = [], 0
        part.append(item)
        size += length
    if part:
        yield part


def _unreadable(mapping: Mapping, exc: Refused) -> Misconfigured | Transient:
    sent = refused(exc.code, exc.message)
    if sent.retry:
        return Transient(sent.reason, sent.detail, sent.hint)
    return Misconfigured(
        "object_unreadable", f"{mapping.sobject}: {exc.code} {exc.message}",
        "The integration user must see the object and every mapped field; a field that is gone must leave the mapping.",
    )  # fmt: skip


def _change(mapping: Mapping, record: dict[str, Any], began: datetime, names: Sequence[str] = ()) -> Change:
    gone = record.get("IsDeleted") is True
    return Change(
        source=Side.SALESFORCE,
        sobject=mapping.sobject,
        record_id=record[ID],
        op=Op.DELETE if gone else Op.UPSERT,
        stamp=clock.parse(record[MODSTAMP]),
        event_id=f"read/{record[ID]}/{began.isoformat()}",
        fields={name: record.get(name) for name in names or mapping.read_fields[1:]},
        read_at=began,
    )
