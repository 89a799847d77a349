"""What a value of each kind is in Postgres: the column's type, the way in, the way out, and when two are equal."""

import math
from datetime import date, datetime, time
from decimal import Decimal, InvalidOperation
from typing import Any

from common import clock, ids
from common.change import Value
from common.errors import Terminal
from common.mapping import Field, Kind

#: The column that we create. Text has no length: Salesforce may widen a field at any time.
#: Ids sort and compare by byte, so an index on them serves both joins and ranges.
COLUMN_TYPE = {
    Kind.TEXT: "text",
    Kind.EMAIL: "text",
    Kind.ID: 'varchar(18) COLLATE "C"',
    Kind.BOOLEAN: "boolean",
    Kind.INTEGER: "integer",
    Kind.DECIMAL: "numeric",
    Kind.DATE: "date",
    Kind.DATETIME: "timestamptz",
    Kind.TIME: "time",
}

#: What json_to_recordset reads it as, where that is not the column's type: `5030396.0` is an integer in Salesforce.
RECORD_TYPE = COLUMN_TYPE | {Kind.INTEGER: "numeric", Kind.ID: "text"}


def arriving(field: Field, value: Value) -> Value:
    """A value of Salesforce's as json_to_recordset takes it, the field's rules carried out.

    Raises:
        Terminal: it has no place in the column.
    """
    return into_record(field, field.rules.forward(value) if field.rules else value)


def into_record(field: Field, value: Value) -> Value:
    """The value as json_to_recordset takes it. Postgres converts the rest, and refuses what it cannot."""
    if value == "":
        return None  # Salesforce stores no empty text
    if field.kind is Kind.ID and isinstance(value, str) and len(value) == 15 and ids.is_id(value):
        return ids.to_18(value)
    return value


def canonical(kind: Kind, value: object) -> object:
    """A form in which values from Salesforce, from a row's JSON and from a log entry can be compared.

    Raises:
        Terminal: it is no value of this kind.
    """
    if value is None or value == "":
        return None
    try:
        return _CANONICAL[kind](value)
    except (ValueError, KeyError, InvalidOperation, TypeError, OverflowError) as exc:
        raise Terminal("value_refused", f"{kind} expected", "Compare the column's type with the field's.") from exc


def comparable(kind: Kind, value: object) -> object:
    """A value that only one side can hold (infinity) equals nothing of the other's."""
    try:
        return canonical(kind, value)
    except Terminal:
        return str(value)


def _boolean(value: object) -> bool:
    return value if isinstance(value, bool) else {"true": True, "false": False}[str(value).lower()]


def _id(value: object) -> str:
    text = str(value)
    return ids.to_18(text) if len(text) == 15 and ids.is_id(text) else text


def _datetime(value: object) -> datetime:
    # Salesforce keeps whole seconds of what is written to it.
    return clock.parse(str(value)).replace(microsecond=0)


def _time(value: object) -> time:
    return time.fromisoformat(str(value).removesuffix("Z")).replace(tzinfo=None)


_CANONICAL: dict[Kind, Any] = {
    Kind.TEXT: lambda v: str(v).strip() or None,
    Kind.EMAIL: lambda v: str(v).strip().lower() or None,
    Kind.ID: _id,
    Kind.BOOLEAN: _boolean,
    Kind.INTEGER: lambda v: int(Decimal(str(v))),
    Kind.DECIMAL: lambda v: Decimal(str(v)),
    Kind.DATE: lambda v: date.fromisoformat(str(v)[:10]),
    Kind.DATETIME: _datetime,
    Kind.TIME: _time,
}


def out_of_row(field: Field, value: object) -> Value:
    """A column's value, as `to_jsonb` wrote it, in the form in which it travels: the field's rules undone.

    Raises:
        Terminal: Salesforce has no such value (infinity, NaN, a year past 9999 or before Christ).
    """
    plain = _plain(field, value)
    return field.rules.outward(plain) if field.rules else plain


def _plain(field: Field, value: object) -> Value:
    if value is None or isinstance(value, bool):
        return value
    try:
        return _out(field, str(value))
    except (ValueError, InvalidOperation):
        raise _unsendable(field) from None


def _out(field: Field, text: str) -> str:
    if field.kind is Kind.DATETIME:
        return clock.parse(text).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    if field.kind is Kind.DATE and (len(text) != 10 or not text[:4].isdigit()):
        raise _unsendable(field)
    if field.kind in (Kind.DECIMAL, Kind.INTEGER) and not math.isfinite(Decimal(text)):
        raise _unsendable(field)
    if field.kind is Kind.TIME:
        return time.fromisoformat(text).isoformat("milliseconds") + "Z"
    return text


def _unsendable(field: Field) -> Terminal:
    return Terminal(
        "value_refused", f"{field.column}: Salesforce has no such {field.kind}", "Write a value Salesforce can hold."
    )
