"""The `doc` of each Avro field, which alone tells what a value means: `<role>:<type>[:<field id>]`."""

import hashlib

from tests.standin import ids
from tests.standin.schema import Field, SObject

TYPES = {
    "boolean": "Boolean",
    "int": "Integer",
    "double": "Double",
    "currency": "Currency",
    "percent": "Percent",
    "date": "DateOnly",
    "datetime": "DateTime",
    "time": "TimeOnly",
    "phone": "Phone",
    "email": "Email",
    "url": "Url",
    "multipicklist": "MultiEnum",
    "encryptedstring": "EncryptedText",
    "address": "Address",
    "location": "Location",
}
EXTERNAL_KEYS = ("JigsawCompanyId", "JigsawContactId")
SHORT_TEXT = 255  #: characters; a longer text is kept apart


def doc_of(sobject: SObject, field: Field, person: bool) -> str:
    """A field's `doc`; custom fields carry their id."""
    if person:
        return "Data:PersonName"
    if field.name == "Name" and field.raw["extraTypeInfo"] == "switchablepersonname":
        return "Data:Switchable_PersonName"
    if field.name == "CreatedDate":
        return "CreatedDate:DateTime"
    if field.type in ("reference", "id"):
        role = "ForeignKey:EntityId"
    elif field.name in EXTERNAL_KEYS:
        role = "ExternalForeignKey:ExternalId"
    else:
        role = f"Data:{_type_name(field)}"
    return f"{role}:{_field_id(sobject, field.name)}" if field.raw["custom"] else role


def _type_name(field: Field) -> str:
    if field.type == "picklist":
        return "StaticEnum" if field.raw["restrictedPicklist"] and not field.raw["custom"] else "DynamicEnum"
    if field.type == "textarea" and field.raw["length"] > SHORT_TEXT:
        return "HtmlStringPlusClob" if field.raw["htmlFormatted"] else "StringPlusClob"
    return TYPES.get(field.type, "Text")


def _field_id(sobject: SObject, name: str) -> str:
    """A custom field's durable id of 15 characters; of a platform event's field, which has none here, one made of its name."""
    known = sobject.field_ids.get(name)
    if known is not None:
        return known[:15]
    digest = hashlib.md5(f"{sobject.name}.{name}".encode(), usedforsecurity=False).digest()
    return "00N" + ids.POD + ids.base62(int.from_bytes(digest[:6], "big"), 9)
