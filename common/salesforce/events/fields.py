"""The fields that an event tells, by the API names that REST knows, as REST writes their values."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from common.change import Value
from common.salesforce.events.avro import HEADER, Field, Json, Schema
from common.salesforce.events.bitmaps import Place, places

WHOLE = frozenset({"CREATE", "UNDELETE", "SNAPSHOT"})  #: the whole record is told
CHANGED = "UPDATE"  #: what changed is told
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def told(schema: Schema, record: Json) -> dict[str, Value]:
    """What an event says of its record's fields.

    Of an update only what it changed; a long text that comes as a difference is left out, since it says nothing without
    the text before it. Deletions and gaps say nothing. A platform event says all it has.
    """
    header = record.get(HEADER)
    if header is None:
        return dict(_all(schema, record))
    if header["changeType"] in WHOLE:
        return dict(_all(schema, record))
    if header["changeType"] != CHANGED:
        return {}
    differences = set(places(header["diffFields"]))
    named = dict.fromkeys([*places(header["changedFields"]), *places(header["nulledFields"])])
    return dict(pair for place in named if place not in differences for pair in _at(schema, record, place))


def _all(schema: Schema, record: Json) -> Iterator[tuple[str, Value]]:
    for index, field in enumerate(schema.fields):
        if field.name != HEADER:
            yield from _at(schema, record, (index, None))


def _at(schema: Schema, record: Json, place: Place) -> Iterator[tuple[str, Value]]:
    """A field's name and value; of a compound field each part's, or the one part's that is meant."""
    index, part = place
    field = schema.fields[index]
    value = record[field.name]
    if not field.parts or isinstance(value, str):  # a name may be a text or a record of names
        yield field.name, _value(field, value)
        return
    for number, inner in enumerate(field.parts):
        if inner.name != "Xyz" and part in (None, number):  # Xyz came and went with a release; REST never had it
            yield _part_name(field, inner.name), _value(inner, (value or {}).get(inner.name))


def _part_name(whole: Field, part: str) -> str:
    """BillingStreet of BillingAddress, Street of Address, Home__Street__s of Home__c; parts of names as they are."""
    if whole.kind.endswith("PersonName"):
        return part
    if whole.name.endswith("__c"):
        return f"{whole.name.removesuffix('__c')}__{part}__s"
    return whole.name.removesuffix("Address") + part


def _value(field: Field, value: Any) -> Value:
    if value is None or isinstance(value, bool | str):
        return value
    match field.kind:
        case "DateOnly":
            return (_EPOCH + timedelta(milliseconds=value)).date().isoformat()
        case "TimeOnly":
            return (_EPOCH + timedelta(milliseconds=value)).strftime("%H:%M:%S.") + f"{value % 1000:03d}Z"
        case "DateTime":
            moment = _EPOCH + timedelta(milliseconds=value)
            return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{value % 1000:03d}+0000"
    return ";".join(value) if isinstance(value, list) else str(value)
