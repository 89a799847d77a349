"""SOAP envelopes: what a call says, and how answers and faults are written."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from xml.etree import ElementTree
from xml.etree.ElementTree import Element
from xml.sax.saxutils import escape

from tests.standin.errors import Refused
from tests.standin.outbound.xml import ENVELOPE
from tests.standin.web import Reply

XML = "text/xml;charset=UTF-8"
XSI = "http://www.w3.org/2001/XMLSchema-instance"
KINDS = {"u": "partner", "c": "enterprise"}  #: by the path's letter
FAULTS = {
    "INVALID_LOGIN": "LoginFault",
    "INVALID_TYPE": "InvalidSObjectFault",
    "INVALID_FIELD": "InvalidFieldFault",
    "MALFORMED_QUERY": "MalformedQueryFault",
    "INVALID_QUERY_LOCATOR": "InvalidQueryLocatorFault",
    "MALFORMED_ID": "InvalidIdFault",
}
PLACED = ("InvalidFieldFault", "MalformedQueryFault", "InvalidSObjectFault")  #: faults that name a row and a column
_PLACE = re.compile(r"ERROR at Row:(\d+):Column:(\d+)")
_NO_COLUMN = re.compile(r"No such column '(\w+)' on sobject of type (\w+)")
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff\ud800-\udfff]")  #: what XML 1.0 cannot hold


class ClientFault(Exception):
    """A request that is not understood at all."""


@dataclass(frozen=True, slots=True)
class Call:
    """One request. `header` has its blocks' fields, both by local name."""

    name: str
    header: dict[str, dict[str, str]]
    body: Element

    def texts(self, name: str) -> list[str]:
        """The texts of the argument's elements with this name."""
        return [(element.text or "").strip() for element in self.elements(name)]

    def text(self, name: str) -> str:
        return next(iter(self.texts(name)), "")

    def elements(self, name: str) -> list[Element]:
        return [element for element in self.body if local(element) == name]

    def option(self, block: str, name: str) -> str:
        return self.header.get(block, {}).get(name, "")


def local(element: Element) -> str:
    """A tag without its namespace."""
    return element.tag.rpartition("}")[2]


def is_nil(element: Element) -> bool:
    return element.get(f"{{{XSI}}}nil") in ("true", "1")


def parse(body: bytes) -> Call:
    """The call in an envelope; ClientFault when there is none."""
    try:
        root = ElementTree.fromstring(body)
    except ElementTree.ParseError as exc:
        raise ClientFault(f"Unable to parse the request: {exc}") from exc
    content = root.find(f"{{{ENVELOPE}}}Body")
    if root.tag != f"{{{ENVELOPE}}}Envelope" or content is None or not len(content):
        raise ClientFault("The request is not a SOAP envelope with an operation in its body")
    header = root.find(f"{{{ENVELOPE}}}Header")
    blocks = {local(block): {local(e): (e.text or "").strip() for e in block} for block in header or ()}
    return Call(local(content[0]), blocks, content[0])


def xml(name: str, value: Any) -> str:
    """An element: None is nil, a list repeats it, a mapping nests; text is escaped."""
    if value is None:
        return f'<{name} xsi:nil="true"/>'
    if isinstance(value, list):
        return "".join(xml(name, one) for one in value)
    if isinstance(value, dict):
        return f"<{name}>{''.join(xml(key, inner) for key, inner in value.items())}</{name}>"
    return f"<{name}>{text(value)}</{name}>"


def text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return _FORBIDDEN.sub("", escape(str(value), {"\r": "&#xD;"}))


def answer(kind: str, name: str, results: Iterable[str], used: int | None, most: int) -> Reply:
    """An operation's response; `used` of `most` API calls are told in its header, except for a login."""
    head = ""
    if used is not None:
        info = {"current": used, "limit": most, "type": "API REQUESTS"}
        head = f"<soapenv:Header>{xml('LimitInfoHeader', {'limitInfo': info})}</soapenv:Header>"
    content = f"<{name}Response>{''.join(results)}</{name}Response>"
    names = f'xmlns="urn:{kind}.soap.sforce.com" xmlns:sf="urn:sobject.{kind}.soap.sforce.com"'
    return _envelope(200, names, f"{head}<soapenv:Body>{content}</soapenv:Body>")


def fault(kind: str, exc: Refused) -> Reply:
    """A refusal as a fault: always status 500, as SOAP 1.1 wants it."""
    name, message = FAULTS.get(exc.code, "UnexpectedErrorFault"), text(_worded(exc.message))
    place = _PLACE.search(exc.message)
    row, column = place.groups() if place else ("-1", "-1")
    where = f"<sf:row>{row}</sf:row><sf:column>{column}</sf:column>" if name in PLACED else ""
    detail = (
        f'<detail><sf:{name} xsi:type="sf:{name}"><sf:exceptionCode>{exc.code}</sf:exceptionCode>'
        f"<sf:exceptionMessage>{message}</sf:exceptionMessage>{where}</sf:{name}></detail>"
    )
    words = f"<faultcode>sf:{exc.code}</faultcode><faultstring>{exc.code}: {message}</faultstring>"
    body = f"<soapenv:Body><soapenv:Fault>{words}{detail}</soapenv:Fault></soapenv:Body>"
    return _envelope(500, f'xmlns:sf="urn:fault.{kind}.soap.sforce.com"', body)


def _worded(message: str) -> str:
    """SOAP names an unknown field in other words than REST."""
    match = _NO_COLUMN.fullmatch(message)
    if match is None:
        return message
    return (
        f"No such column '{match[1]}' on entity '{match[2]}'. If you are attempting to use a custom field, be sure to "
        "append the '__c' after the custom field name. Please reference your WSDL or the describe call for the "
        "appropriate names."
    )


def client_fault(message: str) -> Reply:
    words = f"<faultcode>soapenv:Client</faultcode><faultstring>{text(message)}</faultstring>"
    return _envelope(500, "", f"<soapenv:Body><soapenv:Fault>{words}</soapenv:Fault></soapenv:Body>")


def _envelope(status: int, names: str, inside: str) -> Reply:
    head = '<?xml version="1.0" encoding="UTF-8"?>'
    root = f'<soapenv:Envelope xmlns:soapenv="{ENVELOPE}" {names} xmlns:xsi="{XSI}">'.replace("  ", " ")
    return Reply(status, f"{head}{root}{inside}</soapenv:Envelope>".encode(), content_type=XML)
