"""Creating, changing, upserting and deleting one record under Salesforce's rules."""

from typing import Any

from tests.standin import ids, numbering, record_types
from tests.standin.errors import Refused, Unreadable, not_found
from tests.standin.relations import children, relations_of
from tests.standin.rounding import half_even, half_up
from tests.standin.schema import Field, SObject
from tests.standin.store import Actor, Store
from tests.standin.table import Record, Table

Json = dict[str, Any]
SUPPORTED = {"create": "createable", "update": "updateable", "delete": "deletable"}  #: as describe spells it
WITH = "~with"  #: in a deleted child: the parent whose deletion took it along. No field can have this name.


def type_of(raw: Json) -> str:
    """The object that a record's attributes name."""
    attributes = raw.get("attributes")
    kind = attributes.get("type") if isinstance(attributes, dict) else None
    if not isinstance(kind, str):
        raise Unreadable("INVALID_TYPE", "The type attribute is required in each record's attributes")
    return kind


def insert(store: Store, table: Table, raw: Json, actor: Actor) -> str:
    """Create a record; returns its id."""
    sobject = table.sobject
    _must_support(sobject, "create")
    store.spoil("insert", sobject.name, raw, {})
    values = _values(store, sobject, raw, creating=True)
    missing = [name for name in sobject.required if values.get(name) is None]
    if missing:
        raise Refused("REQUIRED_FIELD_MISSING", f"Required fields are missing: [{', '.join(missing)}]", missing)
    _forbid_duplicates(table, values, None)
    record = _new_record(store, table, values, actor)
    store.duplicates.check(table, record, None, actor)
    store.put(table, record, actor)
    return str(record["Id"])


def _must_support(sobject: SObject, operation: str) -> None:
    """Refuse what an object's describe does not allow: create, update or delete."""
    if not sobject.raw[SUPPORTED[operation]]:
        message = f"entity type {sobject.name} does not support {operation}"
        raise Refused("INVALID_TYPE_FOR_OPERATION", message, [])


def _new_record(store: Store, table: Table, values: Json, actor: Actor) -> Record:
    stamp, sobject = store.clock.stamp(), table.sobject
    record: Record = {"Id": table.source.take(), **sobject.defaults}
    if "OwnerId" in sobject.fields:
        record["OwnerId"] = actor.user_id
    record.update({name: value for name, value in values.items() if value is not None})
    for field in sobject.auto_numbers:
        table.counter += 1
        display = field.raw.get("displayFormat") or numbering.DEFAULT
        record[field.name] = numbering.written(display, table.counter, stamp)
    record["IsDeleted"] = False
    record["CreatedDate"] = record["LastModifiedDate"] = record["SystemModstamp"] = stamp
    record["CreatedById"] = record["LastModifiedById"] = actor.user_id
    if sobject.has_person_name:
        _name_person(record)
    return record


def update(store: Store, table: Table, record_id: str, raw: Json, actor: Actor) -> None:
    """Change a living record."""
    old = living(table, record_id)
    _must_support(table.sobject, "update")
    store.spoil("update", table.sobject.name, raw, old)
    values = _values(store, table.sobject, raw, creating=False)
    _forbid_duplicates(table, values, old["Id"])
    put_changed(store, table, old, values, actor, checked=True)


def put_changed(store: Store, table: Table, old: Record, values: Json, actor: Actor, checked: bool = False) -> None:
    """Store a record with new values, which are in their kept form; `checked` asks the duplicate rules."""
    record = {**old, **values}
    for name, value in values.items():
        if value is None:
            del record[name]
    if checked:
        store.duplicates.check(table, record, old, actor)
    record["LastModifiedDate"] = record["SystemModstamp"] = store.clock.stamp()
    record["LastModifiedById"] = actor.user_id
    if table.sobject.has_person_name:
        _name_person(record)
    store.put(table, record, actor)


def _name_person(record: Record) -> None:
    parts = (record.get("FirstName"), record.get("MiddleName"), record.get("LastName"), record.get("Suffix"))
    record["Name"] = " ".join(part for part in parts if part)


def delete(store: Store, table: Table, record_id: str, actor: Actor) -> None:
    """Move a record and its dependent children to the recycle bin; no outbound message follows, as in Salesforce."""
    old = living(table, record_id)
    _must_support(table.sobject, "delete")
    store.spoil("delete", table.sobject.name, {}, old)
    whole = store.whole
    for relation in relations_of(whole, table.sobject):
        below = whole.tables[relation.child]
        if relation.restricts and (kept := children(below, relation.field, old["Id"])):
            raise _kept_by(below, kept)
    bury(store, table, old, actor)


def _kept_by(table: Table, kept: list[Record]) -> Refused:
    label = str(table.sobject.raw["labelPlural"]).lower()
    message = f"Your attempt to delete the record could not be completed because it is associated with these {label}: "
    return Refused("DELETE_FAILED", message + ", ".join(record["Id"] for record in kept), [])


def bury(store: Store, table: Table, old: Record, actor: Actor, **more: Any) -> None:
    """Put a record and the children that cannot be without it into the recycle bin."""
    whole = store.whole
    for relation in relations_of(whole, table.sobject):
        if relation.cascades:
            below = whole.tables[relation.child]
            for child in children(below, relation.field, old["Id"]):
                bury(store, below, child, actor, **{WITH: old["Id"]})
    _put_deleted(store, table, {**old, **more}, True, actor)


def undelete(store: Store, table: Table, record_id: str, actor: Actor) -> None:
    """Take a record out of the recycle bin, and what went with it; no outbound message follows."""
    record = table.records.get(ids.to_18(record_id) or "")
    if record is None or not record["IsDeleted"]:
        raise Refused("UNDELETE_FAILED", "Entity is not in the recycle bin", [])
    store.spoil("undelete", table.sobject.name, {}, record)
    _forbid_duplicates(table, record, record["Id"])
    kept = {name: value for name, value in record.items() if name not in (WITH, "MasterRecordId")}
    _put_deleted(store, table, kept, False, actor)
    for relation in relations_of(store.whole, table.sobject):
        below = store.whole.tables[relation.child]
        if relation.cascades:
            for child_id in [i for i in below.deleted if below.records[i].get(WITH) == record["Id"]]:
                undelete(store, below, child_id, actor)


def _put_deleted(store: Store, table: Table, old: Record, deleted: bool, actor: Actor) -> None:
    stamp = store.clock.stamp()
    changed = {
        "IsDeleted": deleted,
        "LastModifiedDate": stamp,
        "SystemModstamp": stamp,
        "LastModifiedById": actor.user_id,
    }
    store.put(table, {**old, **changed}, actor, tells_outbound=False)


def living(table: Table, record_id: str) -> Record:
    """A record that is not deleted, by its 15- or 18-character id."""
    record = table.records.get(record_id)
    if record is None:
        full = ids.to_18(record_id)
        if full is None or not full.startswith(table.sobject.prefix):
            raise Refused("MALFORMED_ID", f"{table.sobject.label} ID: id value of incorrect type: {record_id}", ["Id"])
        record = table.records.get(full)
    if record is None:
        raise Refused("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", [], status=404)
    if record["IsDeleted"]:
        raise Refused("ENTITY_IS_DELETED", "entity is deleted", [], status=404)
    return record


def key_field(sobject: SObject, name: str) -> Field:
    """A field by which records may be addressed: Id, an external id or an idLookup field."""
    field = sobject.find(name)
    if field is None or not (field.lookup_key or field.type == "id"):
        raise not_found(f"Provided external ID field does not exist or is not accessible: {name}")
    return field


def matches(table: Table, field: Field, value: Any) -> list[str]:
    """Ids of the living records that a key value addresses."""
    if field.type == "id":
        record = table.records.get(ids.to_18(str(value)) or "")
        return [record["Id"]] if record is not None and not record["IsDeleted"] else []
    return [found for found in table.find(field.name, _key_value(field, value)) if found in table.records]


def _key_value(field: Field, value: Any) -> Any:
    """The kept form of a key value that came from a URL or a body."""
    if field.type in ("double", "int") or not isinstance(value, str):
        return field.check(value)
    return value.strip()


def upsert(
    store: Store, table: Table, field: Field, value: Any, raw: Json, actor: Actor, update_only: bool = False
) -> Json:
    """Update the one record with this key value, or create it; returns `id` and `created`."""
    found = matches(table, field, value)
    if len(found) > 1:
        message = f"{field.name}: more than one record found for external id field: [{', '.join(found)}]"
        raise Refused("DUPLICATE_EXTERNAL_ID", message, [field.name])
    body = {name: v for name, v in raw.items() if name.lower() not in ("id", field.name.lower())}
    if found:
        update(store, table, found[0], body, actor)
        return {"id": found[0], "created": False}
    if field.type == "id":
        living(table, str(value))
    if update_only:
        raise not_found()
    return {"id": insert(store, table, {**body, field.name: value}, actor), "created": True}


def _values(store: Store, sobject: SObject, raw: Json, creating: bool) -> Json:
    """The checked values of a body, by API name; null where a field is to be emptied."""
    values: Json = {}
    fields = sobject.fields
    for name, value in raw.items():
        field = fields.get(name)
        if field is None:
            if name == "attributes":
                continue
            field = sobject.by_lower.get(name.lower())
        if creating and value is None and field is not None and field.type == "id":
            continue  # "Id": null is how an upsert by Id asks for a new record
        if field is None:
            field = sobject.relationships.get(name.lower())
            if field is None or not isinstance(value, dict):
                raise Unreadable("INVALID_FIELD", f"No such column '{name}' on sobject of type {sobject.name}")
            value = _parent_by_key(store, field, value)
        if not (field.createable if creating else field.updateable):
            raise _not_writeable(field)
        values[field.name] = _checked(store, sobject, field, value)
    return values


def _not_writeable(field: Field) -> Refused:
    message = (
        f"Unable to create/update fields: {field.name}. Please check the security settings of this field and "
        "verify that it is read/write for your profile or permission set."
    )
    return Refused("INVALID_FIELD_FOR_INSERT_UPDATE", message, [field.name])


def _checked(store: Store, sobject: SObject, field: Field, value: Any) -> Any:
    kept = field.check(value) if value is not None else None
    if kept is None:
        if field.type == "boolean":
            return False
        if not field.nillable and not field.raw["defaultedOnCreate"]:
            message = f"Required fields are missing: [{field.name}]"
            raise Refused("REQUIRED_FIELD_MISSING", message, [field.name])
        return None
    if kept == record_types.MASTER_ID:
        return None  # the master record type is no row: such a record reads as without one
    if field.reference_to:
        problem = store.parent_problem(field.raw["label"], field.reference_to, kept)
        if problem is not None:
            raise Refused(problem.code, problem.message, [field.name] if problem.fields else [])
        if field.name == "RecordTypeId":
            record_types.check(store, sobject, kept)
    return _rounded(field, kept) if store.round_decimals and type(kept) is float else kept


def _rounded(field: Field, value: float) -> float:
    """To the field's scale, as Salesforce's pages round."""
    rounded = half_even if field.type == "currency" else half_up
    return rounded(value, field.raw["scale"])


def _parent_by_key(store: Store, field: Field, nested: Json) -> str:
    keys = [(name, value) for name, value in nested.items() if name != "attributes"]
    target = type_of(nested) if "attributes" in nested else (field.reference_to or ("",))[0]
    table = store.find_table(target)
    if table is None or len(keys) != 1:
        raise Refused("INVALID_FIELD", f"Give one external id field of {target} for {field.relationship}", [])
    name, value = keys[0]
    key = table.sobject.find(name)
    if key is None or not (key.lookup_key or key.type == "id"):
        raise Refused("INVALID_FIELD", f"{name} is not an external id or idLookup field of {target}", [])
    found = matches(table, key, value)
    if not found:
        message = f"Foreign key external ID: {str(value).lower()} not found for field {key.name} in entity {target}"
        raise Refused("INVALID_FIELD", message, [])
    if len(found) > 1:
        raise Refused(
            "DUPLICATE_EXTERNAL_ID",
            f"{key.name}: more than one record found for external id field: {found}",
            [],
        )
    return found[0]


def _forbid_duplicates(table: Table, values: Json, own_id: str | None) -> None:
    for field in table.sobject.unique:
        value = values.get(field.name)
        if value is None:
            continue
        others = [found for found in table.find(field.name, value) if found != own_id]
        if others:
            message = f"duplicate value found: {field.name} duplicates value on record with id: {others[0][:15]}"
            raise Refused("DUPLICATE_VALUE", message, [])
