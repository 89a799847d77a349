"""Outbound messages as XML: byte for byte the layout that Salesforce sends."""

import re
from collections.abc import Iterable
from decimal import Decimal
from typing import Any
from xml.etree import ElementTree
from xml.sax.saxutils import escape

from tests.standin.schema import Field
from tests.standin.table import Record

OUTBOUND = "http://soap.sforce.com/2005/09/outbound"
ENVELOPE = "http://schemas.xmlsoap.org/soap/envelope/"
SOBJECT = "urn:sobject.enterprise.soap.sforce.com"
NUMBERS = ("double", "currency", "percent")

_HEAD = (
    '<?xml version="1.0" encoding="UTF-8"?>\n'
    f'<soapenv:Envelope xmlns:soapenv="{ENVELOPE}" xmlns:xsd="http://www.w3.org/2001/XMLSchema" '
    'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">\n'
    " <soapenv:Body>\n"
    f'  <notifications xmlns="{OUTBOUND}">\n'
)
_TAIL = "  </notifications>\n </soapenv:Body>\n</soapenv:Envelope>\n"
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff\ud800-\udfff]")  #: characters that XML 1.0 cannot hold


def message(header: dict[str, str | None], notifications: Iterable[str]) -> bytes:
    """One message; `header` in the order in which Salesforce sends it, None for a nil session."""
    parts = [_HEAD]
    for name, value in header.items():
        parts.append(f'   <{name} xsi:nil="true"/>\n' if value is None else f"   <{name}>{escape(value)}</{name}>\n")
    return "".join([*parts, *notifications, _TAIL]).encode()


def notification(notification_id: str, sobject: str, fields: Iterable[Field], record: Record | None) -> str:
    """One notification; without a record (deleted meanwhile) it holds no data."""
    head = f"   <Notification>\n    <Id>{notification_id}</Id>\n"
    if record is None:
        return f"{head}   </Notification>\n"
    lines = [
        head,
        f'    <sObject xsi:type="sf:{sobject}" xmlns:sf="{SOBJECT}">\n     <sf:Id>{record["Id"]}</sf:Id>\n',
    ]
    for field in fields:
        value = record.get(field.name)
        if value is not None:
            lines.append(f"     <sf:{field.name}>{text_of(field.type, value)}</sf:{field.name}>\n")
    lines.append("    </sObject>\n   </Notification>\n")
    return "".join(lines)


def text_of(kind: str, value: Any) -> str:
    """A value as XML text."""
    if kind in NUMBERS:
        return java_double(float(value))
    if value is True or value is False:
        return "true" if value else "false"
    if kind == "datetime":
        return str(value).replace("+0000", "Z")
    return _FORBIDDEN.sub("", escape(str(value), {"\r": "&#xD;"}))


def java_double(value: float) -> str:
    """What Java's Double.toString writes: 5030396.0, 9.12260031E8, 1.0E-4."""
    if value == 0 or 1e-3 <= abs(value) < 1e7:
        return repr(value)
    sign, digits, exponent = Decimal(repr(value)).normalize().as_tuple()
    letters = "".join(map(str, digits))
    power = len(digits) - 1 + int(exponent)
    return f"{'-' if sign else ''}{letters[0]}.{letters[1:] or '0'}E{power}"


def ack_problem(status: int, body: bytes) -> str | None:
    """Why an answer is not an acknowledgement; None when it is one."""
    if status != 200:
        return f"The endpoint answered with HTTP status {status}"
    try:
        root = ElementTree.fromstring(body)
    except ElementTree.ParseError as exc:
        return f"org.xml.sax.SAXParseException: {exc}"
    if root.tag != f"{{{ENVELOPE}}}Envelope":
        return f"The answer is not a SOAP envelope but {root.tag}"
    ack = root.find(f"{{{ENVELOPE}}}Body/{{{OUTBOUND}}}notificationsResponse/{{{OUTBOUND}}}Ack")
    if ack is None:
        return "The answer has no notificationsResponse with an Ack"
    return None if (ack.text or "").strip() in ("true", "1") else "SOAP response was a nack"
