"""An object's describe, compiled into what writing and reading records need."""

from dataclasses import dataclass
from typing import Any

from tests.standin import describe
from tests.standin.values import Check, check_for

Json = dict[str, Any]


@dataclass(slots=True, frozen=True)
class Field:
    """One field, with its describe keys in `raw` and the checks made from them."""

    name: str
    type: str
    check: Check
    createable: bool
    updateable: bool
    nillable: bool
    unique: bool
    lookup_key: bool  #: records can be addressed by it (external id or idLookup)
    case_sensitive: bool
    reference_to: tuple[str, ...]
    relationship: str | None
    formula: str | None
    raw: Json

    @property
    def keyed(self) -> bool:
        """Whether an index from its values to records is kept."""
        return (self.unique or self.lookup_key) and self.type != "id"

    @property
    def is_lookup(self) -> bool:
        """Whether an index from parents to their children may be made for it; for who changed what, never."""
        return bool(self.reference_to) and (self.createable or self.raw["custom"])


def field_of(raw: Json) -> Field:
    """A field, from its describe."""
    return Field(
        name=raw["name"],
        type=raw["type"],
        check=check_for(raw),
        createable=raw["createable"],
        updateable=raw["updateable"],
        nillable=raw["nillable"],
        unique=raw["unique"],
        lookup_key=bool(raw["externalId"] or raw["idLookup"]),
        case_sensitive=raw["caseSensitive"],
        reference_to=tuple(raw["referenceTo"]),
        relationship=raw["relationshipName"],
        formula=raw["calculatedFormula"] if raw["calculated"] else None,
        raw=raw,
    )


class SObject:
    """One object type."""

    def __init__(self, raw: Json, changed_at: float, field_ids: dict[str, str] | None = None) -> None:
        self.raw = raw
        self.changed_at = changed_at
        self.field_ids = field_ids or {}  #: durable ids (00N...) of the custom fields: a rename keeps them
        self.name: str = raw["name"]
        self.label: str = raw["label"]
        self.prefix: str = raw["keyPrefix"]
        self.fields = {f["name"]: field_of(f) for f in raw["fields"]}
        self.by_lower = {name.lower(): field for name, field in self.fields.items()}
        self.relationships = {f.relationship.lower(): f for f in self.fields.values() if f.relationship}
        self.keyed = tuple(f for f in self.fields.values() if f.keyed)
        self.unique = tuple(f for f in self.fields.values() if f.unique and f.keyed)
        self.required = tuple(f.name for f in self.fields.values() if _is_required(f))
        self.defaults = {f.name: _default(f) for f in self.fields.values() if _default(f) is not None}
        self.defaults |= _default_type(raw) if "RecordTypeId" in self.fields else {}
        self.auto_numbers = tuple(f for f in self.fields.values() if f.raw["autoNumber"])
        self.name_field = next((f.name for f in self.fields.values() if f.raw["nameField"]), None)
        self.compounds = _compounds(self.fields)
        self.has_person_name = {"Name", "FirstName", "LastName"} <= set(self.fields) and not self.fields[
            "Name"
        ].createable

    def find(self, name: str) -> Field | None:
        """A field by name, in any case."""
        return self.fields.get(name) or self.by_lower.get(name.lower())

    def with_fields(self, added: list[Json], changed_at: float) -> "SObject":
        """The same object with fields added (or replaced, by name)."""
        new = {field["name"]: describe.field_describe(field) for field in added}
        kept = [field for field in self.raw["fields"] if field["name"] not in new]
        return SObject({**self.raw, "fields": [*kept, *new.values()]}, changed_at, self.field_ids)


def _is_required(field: Field) -> bool:
    optional = field.nillable or field.type == "boolean" or field.raw["defaultedOnCreate"]
    return field.createable and not optional


def _default(field: Field) -> Any:
    if field.raw["defaultValue"] is not None:
        return field.raw["defaultValue"]
    if field.type == "boolean":
        return False
    return next((v["value"] for v in field.raw["picklistValues"] if v.get("defaultValue")), None)


def _default_type(raw: Json) -> Json:
    """The record type that a new record has; none where it is the master."""
    infos = raw["recordTypeInfos"]
    default = (one["recordTypeId"] for one in infos if one["defaultRecordTypeMapping"] and not one["master"])
    return {"RecordTypeId": found} if (found := next(default, None)) else {}


def _compounds(fields: dict[str, Field]) -> dict[str, dict[str, str]]:
    """Address fields: from the names of their parts in JSON to the fields that hold them."""
    found: dict[str, dict[str, str]] = {}
    for field in fields.values():
        whole = fields.get(field.raw["compoundFieldName"] or "")
        if whole is not None and whole.type in ("address", "location") and whole is not field:
            found.setdefault(whole.name, {})[_part_name(field.name, whole.name)] = field.name
    return found


def _part_name(field_name: str, whole: str) -> str:
    if field_name.endswith("__s"):
        name = field_name.removesuffix("__s").rsplit("__", 1)[-1]
    else:
        name = field_name.removeprefix(whole.removesuffix("Address"))
    return name[0].lower() + name[1:]


def from_upload(given: Json, changed_at: float, key_prefix: str) -> SObject:
    """An object from a describe body or from our compact form."""
    if describe.is_full(given):
        return SObject(describe.completed(given), changed_at)
    return SObject(describe.object_describe(given, key_prefix), changed_at)
