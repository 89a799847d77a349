"""Field values: what Salesforce accepts for each type, and the form in which it keeps them."""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

from tests.standin import ids
from tests.standin.errors import Refused, Unreadable

Check = Callable[[Any], Any]
Json = dict[str, Any]

TEXT_TYPES = (
    "string",
    "textarea",
    "phone",
    "url",
    "combobox",
    "encryptedstring",
    "anyType",
    "base64",
    "datacategorygroupreference",
)
INT_MAX = 2**31 - 1

_DATE = re.compile(r"\d{4}-\d\d-\d\d\Z")
_DATETIME = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:?\d\d)?\Z")
_TIME = re.compile(r"(\d\d):(\d\d):(\d\d)(?:\.(\d{1,3}))?Z?\Z")
_EMAIL = re.compile(r"[^@\s,;<>()\"]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+\Z")

_TOKENS = {str: "VALUE_STRING", bool: "VALUE_TRUE", int: "VALUE_NUMBER_INT", float: "VALUE_NUMBER_FLOAT"}


def check_for(field: Json) -> Check:
    """A function that turns a JSON value (not null) into the kept one, or refuses it.

    It is compiled once for each field, because it runs for each field of each record.
    """
    kind = field["type"]
    if kind in TEXT_TYPES:
        return _text(field)
    if kind == "reference" or kind == "id":
        return _reference(field)
    special = {
        "boolean": _boolean,
        "int": _int,
        "double": _number,
        "currency": _number,
        "percent": _number,
        "date": _date,
        "datetime": _datetime,
        "time": _time,
        "email": _email,
        "picklist": _picklist,
        "multipicklist": _multipicklist,
    }
    return special.get(kind, _text)(field)


def unreadable(kind: str, value: Any) -> Unreadable:
    """Salesforce's answer to a JSON value of the wrong kind; it refuses the request, not the record."""
    token = "VALUE_FALSE" if value is False else _TOKENS.get(type(value), "START_OBJECT")
    token = "START_ARRAY" if isinstance(value, list) else token
    shown = str(value).lower() if isinstance(value, bool) else value
    message = f"Cannot deserialize instance of {kind} from {token} value {shown}"
    return Unreadable(
        "JSON_PARSER_ERROR", f"{message} or request may be missing a required field at [line:1, column:1]"
    )


def _text(field: Json) -> Check:
    name, label, length, kind = (field["name"], field["label"], field["length"] or 131072, field["type"])

    def check(value: Any) -> Any:
        if type(value) is not str:
            raise unreadable(kind, value)
        text = value.strip()
        if len(text) > length:
            raise Refused("STRING_TOO_LONG", f"{label}: data value too large: {text} (max length={length})", [name])
        return text or None

    return check


def _email(field: Json) -> Check:
    text = _text(field)

    def check(value: Any) -> Any:
        found = text(value)
        if found is not None and not _EMAIL.match(found):
            message = f"{field['label']}: invalid email address: {found}"
            raise Refused("INVALID_EMAIL_ADDRESS", message, [field["name"]])
        return found and found.lower()  # as recorded: Salesforce keeps addresses in lower case

    return check


def _choices(field: Json) -> dict[str, str]:
    return {v["value"].casefold(): v["value"] for v in field["picklistValues"] if v.get("active", True)}


def _outside_picklist(field: Json, value: str) -> Refused:
    message = f"{field['label']}: bad value for restricted picklist field: {value}"
    return Refused("INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", message, [field["name"]])


def _picklist(field: Json) -> Check:
    text, choices, restricted = (_text(field), _choices(field), field["restrictedPicklist"])

    def check(value: Any) -> Any:
        found = text(value)
        if found is None or not restricted:
            return found
        choice = choices.get(found.casefold())
        if choice is None:
            raise _outside_picklist(field, found)
        return choice

    return check


def _multipicklist(field: Json) -> Check:
    text, one = _text(field), _picklist(field)
    order = {value: place for place, value in enumerate(_choices(field).values())}

    def check(value: Any) -> Any:
        whole = text(value)
        if whole is None:
            return None
        parts = dict.fromkeys(found for found in map(one, whole.split(";")) if found)
        return ";".join(sorted(parts, key=lambda part: order.get(part, len(order)))) or None

    return check


def _boolean(field: Json) -> Check:
    def check(value: Any) -> Any:
        if value is True or value is False:
            return value
        if isinstance(value, str) and value.lower() in ("true", "false", "1", "0"):
            return value.lower() in ("true", "1")
        raise unreadable("boolean", value)

    return check


def _outside_range(field: Json, value: Any) -> Refused:
    message = f"{field['label']}: value outside of valid range on numeric field: {value}"
    return Refused("NUMBER_OUTSIDE_VALID_RANGE", message, [field["name"]])


def _int(field: Json) -> Check:
    def check(value: Any) -> Any:
        if value == "":
            return None
        try:
            found = int(value) if type(value) is not bool and float(value) == int(float(value)) else None
        except (TypeError, ValueError, OverflowError):
            found = None
        if found is None or abs(found) > INT_MAX:
            raise unreadable("int", value)
        return found

    return check


def _number(field: Json) -> Check:
    limit = 10.0 ** (field["precision"] - field["scale"]) if field["precision"] else float("inf")

    def check(value: Any) -> Any:
        if value == "":
            return None
        if type(value) is not float:
            value = _to_float(field["type"], value)
        if not -limit < value < limit:
            raise _outside_range(field, value)
        return value

    return check


def _to_float(kind: str, value: Any) -> float:
    if type(value) is bool or (isinstance(value, str) and not re.match(r"[-+]?[\d.]", value)):
        raise unreadable(kind, value)
    try:
        return float(value)
    except (TypeError, ValueError) as exc:
        raise unreadable(kind, value) from exc


def _date(field: Json) -> Check:
    def check(value: Any) -> Any:
        if value == "":
            return None
        if type(value) is not str or not _DATE.match(value):
            raise unreadable("date", value)
        try:
            date.fromisoformat(value)
        except ValueError as exc:
            raise unreadable("date", value) from exc
        return value

    return check


def _datetime(field: Json) -> Check:
    def check(value: Any) -> Any:
        if value == "":
            return None
        found = utc_text(value) if isinstance(value, str) else None
        if found is None:
            raise unreadable("datetime", value)
        return found

    return check


def utc_text(text: str) -> str | None:
    """A moment in any accepted form as kept: UTC, milliseconds, `+0000`. None when it is not one."""
    match = _DATETIME.match(text)
    if not match:
        return None
    whole, fraction, zone = match.groups()
    millis = (fraction or "").ljust(3, "0")[:3]
    try:
        moment = datetime.fromisoformat(whole + (zone if zone and zone != "Z" else "+00:00"))
    except ValueError:
        return None
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%S}.{millis}+0000"


def _time(field: Json) -> Check:
    def check(value: Any) -> Any:
        if value == "":
            return None
        match = _TIME.match(value) if isinstance(value, str) else None
        if not match or int(match[1]) > 23 or int(match[2]) > 59 or int(match[3]) > 59:
            raise unreadable("time", value)
        return f"{match[1]}:{match[2]}:{match[3]}.{(match[4] or '').ljust(3, '0')}Z"

    return check


def _reference(field: Json) -> Check:
    name, label = field["name"], field["label"]

    def check(value: Any) -> Any:
        if type(value) is not str:
            raise unreadable("reference", value)
        if not value.strip():
            return None
        found = ids.to_18(value.strip())
        if found is None:
            raise Refused("MALFORMED_ID", f"{label}: id value of incorrect type: {value}", [name])
        return found

    return check
