"""Avro's binary form, as far as events need it: values are written by hand, because a commit may hold thousands."""

import struct
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

Writer = Callable[[Any], bytes]  #: a value that is not null, as the second branch of a union with null

NULL = b"\x00"
_SECOND = b"\x02"
_TRUE, _FALSE = b"\x02\x01", b"\x02\x00"
_DOUBLE = struct.Struct("<d")
_SMALL = [bytes((n,)) for n in range(128)]


def varint(number: int) -> bytes:
    """An int or a long: zigzag, seven bits in a byte, the lowest first."""
    bits = number << 1 if number >= 0 else (-number << 1) - 1
    if bits < 128:
        return _SMALL[bits]
    out = bytearray()
    while bits > 127:
        out.append(bits & 127 | 128)
        bits >>= 7
    out.append(bits)
    return bytes(out)


def text(value: str) -> bytes:
    raw = value.encode()
    return varint(len(raw)) + raw


def texts(values: Iterable[str]) -> bytes:
    """An array of strings: one block, then the end."""
    listed = [text(value) for value in values]
    return varint(len(listed)) + b"".join(listed) + NULL if listed else NULL


def _text(value: Any) -> bytes:
    return _SECOND + text(value)


def _whole(value: Any) -> bytes:
    return _SECOND + varint(int(value))


def _double(value: Any) -> bytes:
    return _SECOND + _DOUBLE.pack(value)


def _boolean(value: Any) -> bytes:
    return _TRUE if value else _FALSE


@lru_cache(maxsize=4096)
def _moment(value: str) -> bytes:
    return _SECOND + varint(epoch_ms(value))


@lru_cache(maxsize=4096)
def _day(value: str) -> bytes:
    return _SECOND + varint(epoch_ms(f"{value}T00:00:00.000"))


@lru_cache(maxsize=4096)
def _time_of_day(value: str) -> bytes:
    return _SECOND + varint(epoch_ms(f"1970-01-01T{value[:12]}"))


def epoch_ms(text: str) -> int:
    """Milliseconds since 1970 of a kept moment, which is always UTC."""
    since = datetime.fromisoformat(text[:23]).replace(tzinfo=UTC) - datetime(1970, 1, 1, tzinfo=UTC)
    return (since.days * 86_400 + since.seconds) * 1000 + since.microseconds // 1000


_WRITERS: dict[str, Writer] = {
    "int": _whole,
    "double": _double,
    "currency": _double,
    "percent": _double,
    "boolean": _boolean,
    "date": _day,
    "datetime": _moment,
    "time": _time_of_day,
}


def writer_of(kind: str) -> Writer:
    """How values of a describe type are written; text unless it says otherwise."""
    return _WRITERS.get(kind, _text)
