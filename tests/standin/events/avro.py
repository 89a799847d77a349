"""Avro schemas of change events and platform events, made from an object's describe."""

import base64
import hashlib
import json
from dataclasses import dataclass
from typing import Any

from tests.standin.events import docs
from tests.standin.events.binary import Writer, writer_of
from tests.standin.schema import Field, SObject

Json = dict[str, Any]

NAMESPACE = "com.sforce.eventbus"
CHANGE_TYPES = (
    "CREATE",
    "UPDATE",
    "DELETE",
    "UNDELETE",
    "GAP_CREATE",
    "GAP_UPDATE",
    "GAP_DELETE",
    "GAP_UNDELETE",
    "GAP_OVERFLOW",
    "SNAPSHOT",
)
#: Fields of objects that change events leave out: keys, stamps and what is derived from other records.
KEYS_AND_STAMPS = ("Id", "IsDeleted", "SystemModstamp", "MasterRecordId", "PhotoUrl")
SEEN = ("LastActivityDate", "LastViewedDate", "LastReferencedDate", "HasOpenActivity", "HasOverdueTask")
PARTNERS = ("IsPartner", "IsCustomerPortal", "ChannelProgramName", "ChannelProgramLevelName")
LEFT_OUT = frozenset((*KEYS_AND_STAMPS, *SEEN, *PARTNERS, "IsEmailBounced", "Fiscal", "FiscalYear", "FiscalQuarter"))
ADDRESS_TEXTS = ("Street", "City", "State", "PostalCode", "Country", "StateCode", "CountryCode")
ADDRESS_PARTS = (*ADDRESS_TEXTS, "Latitude", "Longitude", "GeocodeAccuracy")
OPTIONAL_PARTS = ("StateCode", "CountryCode")  #: only where the org has picklists of states and countries
LOCATION_PARTS = ("Latitude", "Longitude")
NAME_PARTS = ("Salutation", "FirstName", "LastName", "MiddleName", "InformalName", "Suffix")
USUAL_NAME_PARTS = NAME_PARTS[:3]
RECORDS = {"address": "Address", "location": "Location"}
PRIMITIVES = {
    "int": "int",
    "double": "double",
    "currency": "double",
    "percent": "double",
    "boolean": "boolean",
    "date": "long",
    "datetime": "long",
    "time": "long",
}


@dataclass(frozen=True, slots=True)
class Place:
    """Where a field's value goes in the record, and how it is written."""

    index: int
    part: int | None  #: inside the compound field at `index`
    write: Writer
    long_text: bool  #: may travel as a difference


@dataclass(frozen=True, slots=True)
class Schema:
    """A schema with its id, and where each of the object's fields goes."""

    entity: str
    id: str
    text: str
    places: dict[str, Place]
    widths: dict[int, int]  #: how many parts each compound field has
    size: int  #: number of fields


def change_schema(sobject: SObject) -> Schema:
    """The schema of an object's change events: header first, then standard fields, then custom ones."""
    builder = _Builder(sobject, change_event_name(sobject.name))
    builder.fields.append({"name": "ChangeEventHeader", "type": _header(), "doc": "Data:ComplexValueType"})
    for field in _in_order(sobject):
        builder.add(field)
    return builder.done()


def change_event_name(entity: str) -> str:
    """AccountChangeEvent of Account, Employee__ChangeEvent of Employee__c."""
    return entity.removesuffix("c") + "ChangeEvent" if entity.endswith("__c") else entity + "ChangeEvent"


def event_schema(sobject: SObject) -> Schema:
    """The schema of a platform event: date and user, which are never null, then its own fields, then its uuid."""
    builder = _Builder(sobject, sobject.name)
    builder.add_audit("CreatedDate", "long", "CreatedDate:DateTime")
    builder.add_audit("CreatedById", "string", "CreatedBy:EntityId")
    for field in sobject.fields.values():
        if field.raw["custom"]:
            builder.add(field)
    return builder.done(with_uuid=True)


def schema_id(text: str) -> str:
    """22 characters that stand for exactly this schema."""
    return base64.urlsafe_b64encode(hashlib.md5(text.encode(), usedforsecurity=False).digest()).decode().rstrip("=")


def _in_order(sobject: SObject) -> list[Field]:
    """The fields of a schema that are not parts of others. Custom objects name their owner first, as in captures."""
    hidden = {part for parts in _parts(sobject).values() for part in parts.values()}
    kept = [f for f in sobject.fields.values() if f.name not in hidden | LEFT_OUT and f.type != "base64"]
    owner_first = sobject.name.endswith("__c")
    listed = sorted(kept, key=lambda f: (bool(f.raw["custom"]), owner_first and f.name != "OwnerId"))
    names = [field.name for field in listed]
    if not owner_first and names[0] == "OwnerId" and "CreatedDate" in names:
        listed.insert(names.index("CreatedDate") - 1, listed.pop(0))  # our compact form has it first
    return listed


def _parts(sobject: SObject) -> dict[str, dict[str, str]]:
    """Of each compound field: from the name of a part in Avro to the field that holds it, in Avro's order."""
    found = {}
    for whole, parts in sobject.compounds.items():
        named = {part[0].upper() + part[1:]: name for part, name in parts.items()}
        order = LOCATION_PARTS if sobject.fields[whole].type == "location" else ADDRESS_PARTS
        found[whole] = {part: named[part] for part in order if part in named}
    if sobject.has_person_name:
        found["Name"] = {part: part for part in NAME_PARTS if part in sobject.fields}
    return found


def _header() -> Json:
    strings = {"type": "array", "items": "string"}
    change_type = {"type": "enum", "name": "ChangeType", "symbols": list(CHANGE_TYPES)}
    types: Json = {"entityName": "string", "recordIds": strings, "changeType": change_type}
    types |= {"changeOrigin": "string", "transactionKey": "string", "sequenceNumber": "int"}
    types |= {"commitTimestamp": "long", "commitNumber": "long", "commitUser": "string"}
    types |= {"nulledFields": strings, "diffFields": strings, "changedFields": strings}
    fields = [{"name": name, "type": kind} for name, kind in types.items()]
    return {"type": "record", "name": "ChangeEventHeader", "fields": fields}


class _Builder:
    """Collects the fields of one schema."""

    def __init__(self, sobject: SObject, name: str) -> None:
        self._sobject = sobject
        self._name = name
        self._parts = _parts(sobject)
        self._defined: set[str] = set()
        self.fields: list[Json] = []
        self._places: dict[str, Place] = {}
        self._widths: dict[int, int] = {}

    def add_audit(self, name: str, kind: str, doc: str) -> None:
        self.fields.append({"name": name, "type": kind, "doc": doc})

    def add(self, field: Field) -> None:
        doc = docs.doc_of(self._sobject, field, person=self._is_person_name(field))
        if field.name in self._parts:
            kind = self._compound(field)
        else:
            kind = ["null", PRIMITIVES.get(field.type, "string"), *self._switchable(field, doc)]
            long_text = "StringPlusClob" in doc
            self._places[field.name] = Place(len(self.fields), None, writer_of(field.type), long_text)
        self.fields.append({"name": field.name, "type": kind, "doc": doc, "default": None})

    def _is_person_name(self, field: Field) -> bool:
        return field.name == "Name" and self._sobject.has_person_name

    def _compound(self, field: Field) -> list[Any]:
        index, names = len(self.fields), self._part_names(field)
        self._widths[index] = len(names)
        for part, name in self._parts[field.name].items():
            place = Place(index, names.index(part), writer_of(self._sobject.fields[name].type), False)
            self._places[name] = place
        return ["null", self._record(RECORDS.get(field.type, "PersonName"), names)]

    def _part_names(self, field: Field) -> list[str]:
        """All parts that records of this kind have in this schema: one record type serves every such field."""
        if field.type == "location":
            return list(LOCATION_PARTS)
        if field.type != "address":
            present = self._parts[field.name]
            return [part for part in NAME_PARTS if part in present or part in USUAL_NAME_PARTS]
        known = {part for name, parts in self._parts.items() for part in parts if name != "Name"}
        return [part for part in ADDRESS_PARTS if part in known or part not in OPTIONAL_PARTS]

    def _switchable(self, field: Field, doc: str) -> list[Any]:
        """Account names are a text, or a person's name where the account is a person."""
        known = doc == "Data:Switchable_PersonName"
        return [self._record("Switchable_PersonName", list(USUAL_NAME_PARTS))] if known else []

    def _record(self, name: str, parts: list[str]) -> Any:
        """A record type, spelt out where it is first used."""
        if name in self._defined:
            return name
        self._defined.add(name)
        number = ("Latitude", "Longitude")
        fields = [
            {"name": part, "type": ["null", "double" if part in number else "string"], "default": None}
            for part in parts
        ]
        return {"type": "record", "name": name, "fields": fields}

    def done(self, with_uuid: bool = False) -> Schema:
        record = {"type": "record", "name": self._name, "namespace": NAMESPACE, "fields": self.fields}
        text = json.dumps(record, separators=(",", ":"), ensure_ascii=False)
        found = schema_id(text)
        if with_uuid:
            text = json.dumps(record | {"uuid": found}, separators=(",", ":"), ensure_ascii=False)
        return Schema(self._sobject.name, found, text, self._places, self._widths, len(self.fields))
