"""Outbound messages: the SOAP that Salesforce posts, read into changes; acks and faults written.

Shapes are those of "Understanding Notifications" in the SOAP API guide, and of captured messages.
"""

import re
import xml.etree.ElementTree as ET
from typing import NoReturn
from xml.sax.saxutils import escape

from common import ids
from common.change import Change, Op, Side, Value
from common.salesforce.told import refused, stamp

MAX_BYTES = 10_000_000  #: a hundred notifications with every field filled stay below this
MAX_TAGS = 250_000  #: a hundred notifications of 800 fields have 160,000; more is an attack on our memory

_SOAP = "{http://schemas.xmlsoap.org/soap/envelope/}"
_OUT = "{http://soap.sforce.com/2005/09/outbound}"
_SF = "{urn:sobject.enterprise.soap.sforce.com}"
_XSI = "{http://www.w3.org/2001/XMLSchema-instance}"

_ILLEGAL = re.compile("[^\\t\\n\\r\\x20-\\ud7ff\\ue000-\\ufffd\\U00010000-\\U0010ffff]")  #: what XML cannot hold

ACK = (
    '<?xml version="1.0" encoding="UTF-8"?>'
    '<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"><soapenv:Body>'
    '<notificationsResponse xmlns="http://soap.sforce.com/2005/09/outbound"><Ack>true</Ack></notificationsResponse>'
    "</soapenv:Body></soapenv:Envelope>"
)


def fault(exc: Exception, *, ours: bool) -> str:
    """A SOAP fault; Salesforce shows its words beside the message in Setup."""
    code = "Server" if ours else "Client"
    words = escape(_ILLEGAL.sub("?", str(exc)))
    return (
        '<?xml version="1.0" encoding="UTF-8"?>'
        '<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"><soapenv:Body>'
        f"<soapenv:Fault><faultcode>soapenv:{code}</faultcode><faultstring>{words}</faultstring>"
        "</soapenv:Fault></soapenv:Body></soapenv:Envelope>"
    )


class _NoDoctype(ET.TreeBuilder):
    """Entities and external files can only come out of a document type declaration; no message has one."""

    def doctype(self, name: str, _pubid: str | None, _system: str | None) -> NoReturn:
        raise refused("doctype_refused", f"<!DOCTYPE {name}>", "An outbound message has no document type declaration.")


def parse(body: bytes, org_id: str) -> list[Change]:
    """The changes in an outbound message, at most 100; of one object where Salesforce wrote it.

    A notification without a record (deleted before it was sent) says nothing and is left out.

    Raises:
        Terminal: it is no outbound message, or of another org.
    """
    notifications = _notifications(_tree(body))
    _refuse_other_org(notifications, org_id)
    action = _text(notifications, "ActionId")
    origin = ids.to_18(action) if ids.is_id(action) else action
    found = (_change(n, origin) for n in notifications.findall(f"{_OUT}Notification"))
    return [change for change in found if change is not None]


def _tree(body: bytes) -> ET.Element:
    if (tags := body.count(b"<")) > MAX_TAGS:
        raise refused("xml_too_large", f"{tags} tags", f"An outbound message has at most {MAX_TAGS}.")
    parser = ET.XMLParser(target=_NoDoctype())  # noqa: S314 - the declaration that the attacks need is refused
    try:
        parser.feed(body)
        root: ET.Element = parser.close()
    except (ET.ParseError, ValueError, LookupError) as exc:
        raise refused("xml_unreadable", str(exc), "Expected one complete, well-formed XML document.") from exc
    return root


def _notifications(root: ET.Element) -> ET.Element:
    notifications = root.find(f"{_SOAP}Body/{_OUT}notifications")
    if root.tag != f"{_SOAP}Envelope" or notifications is None:
        raise refused(
            "not_an_outbound_message", f"root element {root.tag}",
            "Expected soapenv:Envelope/soapenv:Body/notifications, as Salesforce's outbound messages have it.",
        )  # fmt: skip
    return notifications


def _refuse_other_org(notifications: ET.Element, org_id: str) -> None:
    sender = _text(notifications, "OrganizationId")
    if not sender:
        raise refused(
            "org_missing", hint="Expected an OrganizationId; without one nobody can tell whose message it is."
        )
    if sender[:15] != org_id[:15]:  # the last three are a checksum, and sometimes left out
        raise refused("other_org", f"OrganizationId {sender}", "This receiver serves another org (INBOUND, org_id).")


def _change(notification: ET.Element, origin: str) -> Change | None:
    record = notification.find(f"{_OUT}sObject")
    if record is None:
        return None
    sobject = record.get(f"{_XSI}type", "").rpartition(":")[2]
    record_id = (record.findtext(f"{_SF}Id") or "").strip()
    if not record_id and len(record) == 0:
        return None
    if not sobject or not ids.is_id(record_id):
        raise refused(
            "record_unnamed",
            f"xsi:type {sobject!r}, Id {record_id!r}",
            "Expected an object's name and a record id of 15 or 18.",
        )
    fields = _fields(record)
    return Change(
        source=Side.SALESFORCE,
        sobject=sobject,
        record_id=ids.to_18(record_id),
        op=Op.DELETE if fields.get("IsDeleted") == "true" else Op.UPSERT,
        stamp=stamp(fields),
        event_id=_text(notification, "Id") or f"{origin}/{record_id}",
        fields=fields,
        origin=origin,
    )


def _fields(record: ET.Element) -> dict[str, Value]:
    fields: dict[str, Value] = {}
    for element in record:
        name = element.tag.removeprefix(_SF)
        if name == "fieldsToNull":
            if nulled := (element.text or "").strip():
                fields[nulled] = None
        elif name != "Id" and len(element) == 0:
            fields[name] = None if element.get(f"{_XSI}nil") in ("true", "1") else element.text or ""
    return fields


def _text(parent: ET.Element, name: str) -> str:
    return (parent.findtext(f"{_OUT}{name}") or "").strip()
