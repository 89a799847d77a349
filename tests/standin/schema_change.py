"""Changing an object while records and messages flow: fields that go, get another name, or become something else."""

from collections.abc import Callable
from itertools import islice
from typing import Any

from tests.standin import describe
from tests.standin.errors import Refused, not_found
from tests.standin.schema import Field, SObject
from tests.standin.store import Store
from tests.standin.table import Record, Table

Json = dict[str, Any]
RECORDS_PER_LINE = 1000  #: of the journal
DERIVED = {"values": "picklistValues", "restricted": "restrictedPicklist", "required": "nillable"}
KEPT = ("name", "label", "unique", "externalId", "caseSensitive")  #: when a field becomes one of another type
TEXTS = ("string", "textarea", "picklist", "multipicklist", "email", "phone", "url")
NUMBERS = ("double", "currency", "percent")


def remove(store: Store, table: Table, name: str) -> None:
    """Delete a custom field with its values; a field of the same name that comes later is another one."""
    gone = _custom(table, name).name
    sobject = table.sobject
    kept = [raw for raw in sobject.raw["fields"] if raw["name"] != gone]
    ids = {field: field_id for field, field_id in sobject.field_ids.items() if field != gone}
    _place(store, table, kept, ids)
    _rewrite(store, table, lambda record: {n: value for n, value in record.items() if n != gone}, gone)


def change(store: Store, table: Table, name: str, given: Json) -> str:
    """Rename (`name`), widen or retype a custom field; returns its name. Its durable id stays.

    Values that the new type cannot hold are lost, text that is too long is cut, as in Salesforce.
    """
    field = _custom(table, name)
    to = str(given.get("name", field.name))
    if to != field.name and table.sobject.find(to) is not None:
        raise Refused("DUPLICATE_DEVELOPER_NAME", f"There is already a field named {to} on {table.sobject.name}.")
    raw = _changed(field, {**given, "name": to})
    ids = {to if n == field.name else n: field_id for n, field_id in table.sobject.field_ids.items()}
    _place(store, table, [raw if old["name"] == field.name else old for old in table.sobject.raw["fields"]], ids)
    new = table.sobject.fields[to]
    if to != field.name or new.raw["type"] != field.raw["type"] or new.raw["length"] < field.raw["length"]:
        _rewrite(store, table, lambda record: _moved(record, field.name, new), field.name)
    return to


def _custom(table: Table, name: str) -> Field:
    field = table.sobject.find(name)
    if field is None:
        raise not_found()
    if not field.raw["custom"]:
        raise Refused("INVALID_FIELD", f"{field.name} is a standard field: only custom fields can be changed")
    return field


def _changed(field: Field, given: Json) -> Json:
    if given.get("type", field.type) != field.type:
        return describe.field_describe({**{key: field.raw[key] for key in KEPT}, **given})
    dropped = {derived for key, derived in DERIVED.items() if key in given}
    if given["name"] != field.name:
        dropped.add("relationshipName")
    return describe.field_describe({**{k: v for k, v in field.raw.items() if k not in dropped}, **given})


def _place(store: Store, table: Table, fields: list[Json], field_ids: dict[str, str]) -> None:
    store.place(SObject({**table.sobject.raw, "fields": fields}, store.clock.now(), field_ids))


def _moved(record: Record, old_name: str, field: Field) -> Record:
    value = _converted(field, record[old_name])
    rest = {name: kept for name, kept in record.items() if name != old_name}
    return rest if value is None else {**rest, field.name: value}


def _converted(field: Field, value: Any) -> Any:
    try:
        if field.type in TEXTS:
            return field.check(str(value)[: field.raw["length"] or None])
        return field.check(float(value) if field.type in NUMBERS else value)
    except (Refused, ValueError, TypeError):
        return None


def _rewrite(store: Store, table: Table, changed: Callable[[Record], Record], holding: str) -> None:
    """Give the records that hold a field their new form; no stamp moves and no message follows."""
    with store.lock:
        records = [changed(record) for record in table.records.values() if holding in record]
        for record in records:
            table.put(record)
        written = iter([table.sobject.name, record] for record in records)
        while chunk := list(islice(written, RECORDS_PER_LINE)):
            store.write({"k": "put", "records": chunk})
