"""From a parent to its children: the relationships that point at an object."""

from dataclasses import dataclass
from typing import Any

from tests.standin.schema import Field, SObject
from tests.standin.store import Store
from tests.standin.table import Record, Table

Json = dict[str, Any]

#: Standard lookups: child relationship's name, whether a deleted parent takes its children along, whether it is
#: kept by them. From the recorded describes.
STANDARD: dict[tuple[str, str], tuple[str | None, bool, bool]] = {
    ("Account", "ParentId"): ("ChildAccounts", False, False),
    ("Case", "AccountId"): ("Cases", False, True),
    ("Case", "ContactId"): ("Cases", False, True),
    ("Case", "ParentId"): ("Cases", False, False),
    ("Contact", "AccountId"): ("Contacts", True, False),
    ("Contact", "ReportsToId"): (None, False, False),
    ("Opportunity", "AccountId"): ("Opportunities", True, False),
    ("Opportunity", "ContactId"): ("Opportunities", False, False),
    ("OpportunityContactRole", "ContactId"): ("OpportunityContactRoles", True, False),
    ("OpportunityContactRole", "OpportunityId"): ("OpportunityContactRoles", True, False),
    ("Task", "WhatId"): ("Tasks", True, False),
    ("Task", "WhoId"): ("Tasks", True, False),
}


@dataclass(frozen=True, slots=True)
class Relation:
    """One lookup that points at a parent. `name` is the child relationship's, None when it has none."""

    name: str | None
    child: str
    field: str
    cascades: bool
    restricts: bool

    def described(self) -> Json:
        """The element of a describe's childRelationships."""
        return {
            "cascadeDelete": self.cascades,
            "childSObject": self.child,
            "deprecatedAndHidden": False,
            "field": self.field,
            "junctionIdListNames": [],
            "junctionReferenceTo": [],
            "relationshipName": self.name,
            "restrictedDelete": self.restricts,
        }


def relations_of(store: Store, sobject: SObject) -> list[Relation]:
    """All relationships to an object from the known ones; names that a recording gives win."""
    found = store.relations.get(sobject.name)
    if found is None:
        found = store.relations[sobject.name] = _found(store, sobject)
    return list(found)


def _found(store: Store, sobject: SObject) -> list[Relation]:
    recorded = {(known["childSObject"], known["field"]): known for known in sobject.raw["childRelationships"]}
    relations: list[Relation] = []
    for table in store.tables.values():
        child = table.sobject
        for field in child.fields.values():
            if sobject.name in field.reference_to:
                taken = {relation.name for relation in relations}
                relations.append(_relation(child, field, recorded.get((child.name, field.name)), taken))
    return relations


def _relation(child: SObject, field: Field, known: Json | None, taken: set[str | None]) -> Relation:
    if known is not None:
        return Relation(
            known["relationshipName"],
            child.name,
            field.name,
            bool(known["cascadeDelete"]),
            bool(known.get("restrictedDelete")),
        )
    if (child.name, field.name) in STANDARD:
        name, cascades, restricts = STANDARD[child.name, field.name]
        return Relation(name, child.name, field.name, cascades, restricts)
    name = field.raw.get("childRelationshipName") or _default_name(child, field, taken)
    cascades, restricts = bool(field.raw["cascadeDelete"]), bool(field.raw["restrictedDelete"])
    return Relation(name, child.name, field.name, cascades, restricts)


def _default_name(child: SObject, field: Field, taken: set[str | None]) -> str | None:
    """Things__r for a custom lookup on Thing__c; a second one carries its field's name before it."""
    if not field.name.endswith("__c"):
        return None
    plural = str(child.raw["labelPlural"]).replace(" ", "_")
    name = f"{plural}__r"
    return name if name not in taken else f"{field.name.removesuffix('__c')}_{name}"


def relation_named(store: Store, sobject: SObject, name: str) -> tuple[Relation, Table] | None:
    """The child relationship with this name, in any case, and the children's table."""
    for relation in relations_of(store, sobject):
        if relation.name is not None and relation.name.lower() == name.lower():
            return relation, store.tables[relation.child]
    return None


def children(table: Table, field: str, parent_id: str, deleted_too: bool = False) -> list[Record]:
    """The records whose lookup has this parent, in the order of their ids."""
    found = [i for i in table.lookup(field).find(parent_id) if i in table.records]
    if deleted_too:
        found += [i for i in table.deleted if i in table.records and table.records[i].get(field) == parent_id]
    return [table.records[i] for i in sorted(found)]
