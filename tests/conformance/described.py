"""Makes our compact form of an object from a captured schema of its change events, so that both can be compared."""

from collections.abc import Iterator
from typing import Any

Json = dict[str, Any]

AUDIT = ("CreatedDate", "CreatedById", "LastModifiedDate", "LastModifiedById")
TYPES: dict[str, Json] = {
    "Text": {"type": "string"},
    "Switchable_PersonName": {"type": "string", "extraTypeInfo": "switchablepersonname", "required": True},
    "StringPlusClob": {"type": "textarea", "length": 32000},
    "HtmlStringPlusClob": {"type": "textarea", "length": 32768, "htmlFormatted": True},
    "DynamicEnum": {"type": "picklist"},
    "StaticEnum": {"type": "picklist", "restricted": True, "values": ["Pending", "Matched", "Acknowledged"]},
    "MultiEnum": {"type": "multipicklist"},
    "EncryptedText": {"type": "encryptedstring"},
    "Boolean": {"type": "boolean"},
    "Integer": {"type": "int"},
    "Double": {"type": "double", "scale": 2},
    "Currency": {"type": "currency"},
    "Percent": {"type": "percent"},
    "DateTime": {"type": "datetime"},
    "DateOnly": {"type": "date"},
    "TimeOnly": {"type": "time"},
    "EntityId": {"type": "reference"},
    "ExternalId": {"type": "string"},
    "Phone": {"type": "phone"},
    "Email": {"type": "email"},
    "Url": {"type": "url"},
}
NUMBERS = ("Latitude", "Longitude")


def compact(name: str, schema: Json) -> Json:
    """An object whose change events must have this schema."""
    fields = [field for one in schema["fields"][1:] for field in _fields(one)]
    return {"name": name, "fields": fields, "owner": False, "nameField": False}


def _fields(field: Json) -> Iterator[Json]:
    name, kind = field["name"], field["doc"].split(":")[1]
    custom = {"custom": field["doc"].count(":") == 2}
    if name in AUDIT:
        return
    if kind == "PersonName":
        yield {"name": "Salutation", "type": "picklist", "compoundFieldName": name}
        yield {"name": "FirstName", "compoundFieldName": name}
        yield {"name": "LastName", "compoundFieldName": name, "required": True}
        yield {"name": name, "createable": False, "updateable": False, "extraTypeInfo": "personname"}
    elif kind in ("Address", "Location"):
        for part in ADDRESS if kind == "Address" else NUMBERS:
            number = {"type": "double", "precision": 18, "scale": 15} if part in NUMBERS else {"type": "string"}
            yield {"name": part_of(name, part), "compoundFieldName": name, **custom, **number}
        yield {"name": name, "type": kind.lower(), **custom}
    else:
        owned = {"createable": True, "updateable": True} if name == "OwnerId" else {}
        yield {"name": name, **TYPES[kind], **custom, **owned}


ADDRESS = (
    "Street",
    "City",
    "State",
    "PostalCode",
    "Country",
    "StateCode",
    "CountryCode",
    "Latitude",
    "Longitude",
    "GeocodeAccuracy",
)


def part_of(whole: str, part: str) -> str:
    """The field that holds a part of a compound one: BillingCity, Place__Latitude__s."""
    if whole.endswith("__c"):
        return f"{whole.removesuffix('__c')}__{part}__s"
    return whole.removesuffix("Address") + part


def written(event: Json, writeable: set[str]) -> Json:
    """The REST body that gives a record the values of a captured event."""
    body: Json = {}
    for name, value in event.items():
        if isinstance(value, dict):
            body |= {part_of(name, part): inner for part, inner in value.items() if inner is not None}
        elif value is not None:
            body[name] = value
    return {name: value for name, value in body.items() if name in writeable}
