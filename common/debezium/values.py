"""Debezium's values, turned into what to_jsonb would have written: the change log holds nothing else."""

import base64
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from common.errors import Terminal
from common.mapping import Kind

EPOCH = date(1970, 1, 1)
UNAVAILABLE = "__debezium_unavailable_value"  #: a long value that was not edited, and so is not in Postgres' log
BEYOND = "out of range"  #: a date that Python has not, nor Salesforce; it is refused later, with the column's name

#: How many of its units are in a second, by the schema's name for it. Without a schema a time has microseconds.
_PER_SECOND = {
    "io.debezium.time.Time": 10**3,
    "io.debezium.time.NanoTime": 10**9,
    "io.debezium.time.Timestamp": 10**3,
    "io.debezium.time.NanoTimestamp": 10**9,
    "org.apache.kafka.connect.data.Time": 10**3,
    "org.apache.kafka.connect.data.Timestamp": 10**3,
}
_MICROS = 10**6

Type = Mapping[str, Any]  #: a column's schema, as Kafka Connect writes it; empty where none came along


def plain(kind: Kind, value: Any, schema: Type) -> Any:
    """A value as `to_jsonb` writes it.

    Raises:
        Terminal: it cannot be told what it is without a setting of the connector.
    """
    if value is None or (isinstance(value, str) and kind not in _FROM_TEXT):
        return _numeric(value, schema) if kind in (Kind.DECIMAL, Kind.INTEGER) and value is not None else value
    return _PLAIN.get(kind, _as_it_is)(value, schema)


def _as_it_is(value: Any, _: Type) -> Any:
    return value


def _numeric(value: Any, schema: Type) -> Any:
    """A number keeps every digit: as text, or as the bytes of a whole number with a scale."""
    if isinstance(value, dict):  # VariableScaleDecimal: numeric without a scale
        return _scaled(value["value"], int(value["scale"]))
    if schema.get("name") == "org.apache.kafka.connect.data.Decimal":
        return _scaled(value, int(schema["parameters"]["scale"]))
    if isinstance(value, str):
        return _checked_number(value)
    return value


def _checked_number(text: str) -> str:
    if text.strip("+-").lower() in ("nan", "infinity", "positive_infinity", "negative_infinity"):
        return "NaN"
    try:
        Decimal(text)
    except ArithmeticError:
        raise Terminal(
            "debezium_numbers", "a number came as bytes, without the schema that tells its scale",
            "Set decimal.handling.mode=string, or let the schema come along.",
        ) from None  # fmt: skip
    return text


def _scaled(encoded: str, scale: int) -> str:
    number = int.from_bytes(base64.b64decode(encoded), "big", signed=True)
    return str(Decimal((number < 0, tuple(map(int, str(abs(number)))), -scale)))


def _date(value: Any, _: Type) -> str:
    """Days since 1970, or ISO text with a Z behind it."""
    if isinstance(value, str):
        return value.removesuffix("Z")
    try:
        return (EPOCH + timedelta(days=value)).isoformat()
    except OverflowError:
        return BEYOND


def _time(value: Any, schema: Type) -> str:
    """Microseconds since midnight, or another fraction that the schema names, or ISO text."""
    if isinstance(value, str):
        return value.removesuffix("Z")
    micros = value * _MICROS // _PER_SECOND.get(str(schema.get("name")), _MICROS)
    return (datetime.combine(EPOCH, time()) + timedelta(microseconds=micros)).time().isoformat()


def _datetime(value: Any, schema: Type) -> str:
    """ISO text for a time with a zone; a count since 1970 for one without, which is taken for UTC."""
    if isinstance(value, str):
        return value
    micros = value * _MICROS // _PER_SECOND.get(str(schema.get("name")), _MICROS)
    try:
        return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=micros)).isoformat()
    except OverflowError:
        return BEYOND


_FROM_TEXT = frozenset({Kind.DATE, Kind.TIME, Kind.DATETIME})
_PLAIN: dict[Kind, Callable[[Any, Type], Any]] = {
    Kind.DATE: _date,
    Kind.TIME: _time,
    Kind.DATETIME: _datetime,
    Kind.DECIMAL: _numeric,
    Kind.INTEGER: _numeric,
}
