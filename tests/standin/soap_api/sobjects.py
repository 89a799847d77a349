"""Records in SOAP: from an sObject element to the JSON that the rules read, and back."""

from typing import Any
from xml.etree.ElementTree import Element

from tests.standin.errors import Refused
from tests.standin.outbound.xml import text_of
from tests.standin.schema import SObject
from tests.standin.soap_api.envelope import XSI, is_nil, local, text, xml
from tests.standin.store import Store

Json = dict[str, Any]


def read(element: Element) -> Json:
    """The record of an sObject element; its object is the `type` element or the xsi:type attribute."""
    kind = element.get(f"{{{XSI}}}type", "").rpartition(":")[2]
    record: Json = {}
    for child in element:
        name = local(child)
        if name == "type" and not len(child):
            kind = (child.text or "").strip()
        elif name == "fieldsToNull":
            record[(child.text or "").strip()] = None
        elif len(child):
            record[name] = read(child)
        elif not is_nil(child) or name != "Id":
            record[name] = None if is_nil(child) else child.text or ""
    if not kind or kind == "sObject":
        raise Refused("INVALID_TYPE", "sObject type is required")
    return {"attributes": {"type": kind}, **record}


def write(store: Store, name: str, record: Json) -> str:
    """A rendered record as an element; Id comes first, and once more where it was selected, as in Salesforce."""
    kind = record["attributes"]["type"]
    table = store.find_table(kind)
    fields = {key: value for key, value in record.items() if key != "attributes"}
    inside = "".join(_field(store, table.sobject if table else None, key, value) for key, value in fields.items())
    shown = "AggregateResult" if kind == "AggregateResult" else "sObject"
    head = f"<sf:type>{kind}</sf:type>{xml('sf:Id', record.get('Id'))}"
    return f'<{name} xsi:type="sf:{shown}">{head}{inside}</{name}>'


def _field(store: Store, sobject: SObject | None, name: str, value: Any) -> str:
    tag = f"sf:{name}"
    if value is None:
        return xml(tag, None)
    if isinstance(value, dict) and "records" in value:
        return f'<{tag} xsi:type="QueryResult">{page(store, value)}</{tag}>'
    if isinstance(value, dict) and "attributes" in value:
        return write(store, tag, value)
    if isinstance(value, dict):
        return xml(tag, value)
    field = sobject.find(name) if sobject else None
    return f"<{tag}>{text_of(field.type, value) if field else text(value)}</{tag}>"


def page(store: Store, found: Json) -> str:
    """The inside of a QueryResult, from REST's page."""
    locator = found["nextRecordsUrl"].rpartition("/")[2] if "nextRecordsUrl" in found else None
    records = "".join(write(store, "records", record) for record in found["records"])
    return f"{xml('done', found['done'])}{xml('queryLocator', locator)}{records}{xml('size', found['totalSize'])}"
