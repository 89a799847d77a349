"""JSON that Apex, Flow or anybody with a key posts: records and change events, read into changes.

A record that tells every mapped field is written as it is; anything less is a hint that it should be read.
"""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from itertools import groupby
from typing import Any

from common import clock, ids
from common.change import Change, Op, Side, Value
from common.errors import Misconfigured, Terminal
from common.events import Lost
from common.salesforce.events import event
from common.salesforce.events.avro import HEADER
from common.salesforce.told import refused, stamp

MAX_BYTES = 6_000_000  #: Apex sends no more in one transaction (twelve where it is asynchronous)
MAX_RECORDS = 10_000  #: in one request: as many as one Apex transaction may change
AHEAD = timedelta(minutes=5)  #: so far may another clock be ahead; a stamp of next year would end every later change

ORIGIN = "webhook"
OPERATIONS = {"upsert": Op.UPSERT, "create": Op.UPSERT, "update": Op.UPSERT, "undelete": Op.UPSERT, "delete": Op.DELETE}
SHAPES = (
    'Send {"object_name": "Account", "payload": {"Id": "001...", ...}} or a list of records as payload, '
    'or {"cdc": {"schema": "...", "payload": {"ChangeEventHeader": {...}, ...}}}; one of them, or a list.'
)

_NAME = re.compile(r"[A-Za-z]\w{0,79}", re.ASCII)
_MILLISECONDS = re.compile(r"\d{1,14}", re.ASCII)

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Told:
    """What one request tells."""

    received: int  #: records and events
    changes: Sequence[Change]
    lost: Sequence[Lost]  #: events that do not say which records they mean
    refused: Sequence[tuple[int, Terminal]]  #: which ones, counted from 0, and why

    def by_object(self) -> Iterator[list[Change]]:
        """The changes, as they are published."""
        for _, changes in groupby(sorted(self.changes, key=lambda c: c.sobject), key=lambda c: c.sobject):
            yield list(changes)


def parse(body: bytes, org_id: str, now: datetime) -> Told:
    """Read a request. A record that cannot be read holds nobody back: it is told of in `refused`.

    Args:
        org_id: Whose changes are taken; empty takes only what names no org.

    Raises:
        Terminal: the request as a whole makes no sense, or comes from another org.
        Misconfigured: it names its org, and nobody has told us ours.
    """
    envelopes = _envelopes(body)
    for envelope in envelopes:
        _refuse_other_org(envelope, org_id)
    source = sha256(body).hexdigest()[:24]  # the same however often the same request is sent
    items = [item for envelope in envelopes for item in _items(envelope)]
    if len(items) > MAX_RECORDS:
        raise refused("too_many_records", f"received {len(items)} records", f"Send at most {MAX_RECORDS} a request.")
    changes: list[Change] = []
    lost: list[Lost] = []
    wrong: list[tuple[int, Terminal]] = []
    for n, item in enumerate(items):
        try:
            found = item.read(f"{ORIGIN}/{source}/{n}", now + AHEAD)
        except Terminal as exc:
            wrong.append((n, exc))
            continue
        lost += [one for one in found if isinstance(one, Lost)]
        changes += [one for one in found if isinstance(one, Change)]
    return Told(len(items), changes, lost, wrong)


# -- the request ---------------------------------------------------------------------------------


def _envelopes(body: bytes) -> list[Json]:
    try:
        held = json.loads(body, parse_int=str, parse_float=str, parse_constant=_no_number)  # values travel as written
    except (ValueError, RecursionError) as exc:
        raise refused("json_unreadable", f"received {len(body)} bytes: {exc}", f"Expected JSON. {SHAPES}") from exc
    envelopes = held if isinstance(held, list) else [held]
    if not envelopes or not all(isinstance(e, dict) for e in envelopes):
        kinds = ", ".join(sorted({type(e).__name__ for e in envelopes})) or "an empty list"
        raise refused("shape_unknown", f"received {kinds}", SHAPES)
    return envelopes


def _no_number(word: str) -> None:
    raise ValueError(f"{word} is no value")


def _refuse_other_org(envelope: Json, org_id: str) -> None:
    sender = envelope.get("org_id")
    if sender is None:
        return  # the signature says enough
    if not isinstance(sender, str) or not ids.is_id(sender):
        raise refused("org_unreadable", f"received org_id {sender!r}", "Expected UserInfo.getOrganizationId(), 00D...")
    if not org_id:
        raise Misconfigured("setting_missing", "INBOUND names no org_id", f"Add it: {sender} is what the request says.")
    if sender[:15] != org_id[:15]:  # the last three are a checksum, and sometimes left out
        raise refused("other_org", f"received org_id {sender}", "This receiver serves another org (INBOUND, org_id).")


def _items(envelope: Json) -> "Iterator[_Record | _Event]":
    if "cdc" in envelope:
        yield _Event(envelope["cdc"])
        return
    if "payload" not in envelope:
        raise refused("shape_unknown", f"received keys {', '.join(sorted(envelope)) or 'none'}", SHAPES)
    operation = envelope.get("operation", "upsert")
    if not isinstance(operation, str) or operation.lower() not in OPERATIONS:
        raise refused("operation_unknown", f"received {operation!r}", f"Expected one of {', '.join(OPERATIONS)}.")
    payload = envelope["payload"]
    for record in payload if isinstance(payload, list) else [payload]:
        yield _Record(envelope.get("object_name"), operation.lower(), record)


# -- records -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Record:
    """A record as REST and Apex write it."""

    sobject: object
    operation: str
    record: object

    def read(self, event_id: str, latest: datetime) -> list[Change]:
        record = self.record
        if not isinstance(record, dict):
            raise refused("record_unreadable", f"received {type(record).__name__}", "Expected an object of fields.")
        attributes = record.get("attributes")
        sobject = self.sobject or (attributes.get("type") if isinstance(attributes, dict) else None)
        if not isinstance(sobject, str) or not _NAME.fullmatch(sobject):
            raise refused(
                "object_unnamed", f"received object_name {sobject!r}", "Expected an API name: Account, My__c."
            )
        record_id = record.get("Id") or record.get("id")
        if not isinstance(record_id, str) or not ids.is_id(record_id):
            raise refused(
                "record_unnamed", f"received Id {record_id!r}", "Expected a record id of 15 or 18 characters."
            )
        fields = _fields(record)
        gone = self.operation == "delete" or fields.get("IsDeleted") is True
        op = Op.DELETE if gone else Op.UPSERT
        told = _not_ahead(stamp(fields), latest)
        buried = gone or self.operation == "undelete"
        return [
            Change(
                Side.SALESFORCE, sobject, ids.to_18(record_id), op, told, event_id, fields, origin=ORIGIN, buried=buried
            )
        ]


def _fields(record: Json) -> dict[str, Value]:
    """Plain values; what is nested belongs to another record."""
    return {
        name: value
        for name, value in record.items()
        if name not in ("Id", "id", "attributes") and (value is None or isinstance(value, str | bool))
    }


def _not_ahead(moment: datetime, latest: datetime) -> datetime:
    if moment > latest:
        hint = "Send SystemModstamp as Salesforce has it; a time to come would end every later change of the record."
        raise refused("time_ahead", f"received {moment.isoformat()}", hint)
    return moment


# -- change events -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Event:
    """A change event as the Streaming API writes it. It says what changed, not how the record is: a hint."""

    cdc: object

    def read(self, event_id: str, latest: datetime) -> list[Change] | list[Lost]:
        payload = self.cdc.get("payload") if isinstance(self.cdc, dict) else None
        header = payload.get(HEADER) if isinstance(payload, dict) else None
        if not isinstance(payload, dict) or not isinstance(header, dict):
            raise refused("event_unreadable", "received no cdc.payload.ChangeEventHeader", SHAPES)
        clean = {
            "entityName": _text(header, "entityName", _NAME),
            "changeType": _text(header, "changeType", _NAME),
            "recordIds": _ids(header),
            "changeOrigin": ORIGIN,
            "commitTimestamp": int(_text(header, "commitTimestamp", _MILLISECONDS)),
        }
        told = event.of(_named(header) or event_id, clean, _milliseconds(payload.get("LastModifiedDate")))
        _not_ahead(told.committed, latest)
        return [told.lost] if told.lost else told.changes()


def _text(header: Json, name: str, shape: re.Pattern[str]) -> str:
    value = header.get(name)
    if not isinstance(value, str) or not shape.fullmatch(value):
        raise refused(
            "event_unreadable", f"received {name} {value!r}", "Expected ChangeEventHeader as Salesforce has it."
        )
    return value


def _ids(header: Json) -> list[str]:
    held = header.get("recordIds")
    named = isinstance(held, list) and all(isinstance(i, str) and (ids.is_id(i) or i.endswith("*")) for i in held)
    if not isinstance(held, list) or not named or not 0 < len(held) <= MAX_RECORDS:
        raise refused("event_unreadable", f"received recordIds {held!r}", "Expected a list of record ids.")
    return held


def _named(header: Json) -> str:
    """What the event is called however often it is told; empty where nobody says."""
    names = [header.get(name) for name in ("transactionKey", "sequenceNumber")]
    return "/".join(str(n) for n in names) if all(isinstance(n, str) and len(n) < 100 for n in names) else ""


def _milliseconds(modified: object) -> int | None:
    """LastModifiedDate in either way of writing it; what is neither says nothing."""
    if not isinstance(modified, str):
        return None
    if _MILLISECONDS.fullmatch(modified):
        return int(modified)
    try:
        return round(clock.parse(modified).timestamp() * 1000)
    except ValueError:
        return None
