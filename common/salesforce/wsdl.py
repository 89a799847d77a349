"""The WSDL of an outbound message: which object it is about, and which fields it selects."""

import xml.etree.ElementTree as ET

from common.errors import Terminal

_XSD = "{http://www.w3.org/2001/XMLSchema}"
_HINT = "Download it in Setup, Outbound Messages, 'Click for WSDL'."


def parse(text: bytes) -> tuple[str, list[str]]:
    """The object's API name and the selected fields, Id included, as the WSDL lists them.

    Raises:
        Terminal: it is no WSDL of an outbound message.
    """
    try:
        root = ET.fromstring(text)  # noqa: S314 - a file that the operator downloaded
    except (ET.ParseError, ValueError, LookupError) as exc:
        raise Terminal("wsdl_unreadable", str(exc), _HINT) from exc
    types = {t.get("name", ""): t for t in root.iter(f"{_XSD}complexType")}
    for name, notification in types.items():
        if not name.endswith("Notification"):
            continue
        record = notification.find(f".//{_XSD}element[@name='sObject']")
        if record is not None and (sobject := record.get("type", "").rpartition(":")[2]) in types:
            elements = types[sobject].iter(f"{_XSD}element")
            return sobject, ["Id", *(e.get("name", "") for e in elements if e.get("name") != "Id")]
    raise Terminal("wsdl_unreadable", "no notification type in it", _HINT)
