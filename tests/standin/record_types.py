"""Record types: rows of RecordType, and what an object's describe says of them."""

from typing import Any

from tests.standin.errors import Refused
from tests.standin.schema import SObject
from tests.standin.store import Store
from tests.standin.table import Record

Json = dict[str, Any]
MASTER_ID = "012000000000000AAA"
FIELD: Json = {
    "name": "RecordTypeId",
    "type": "reference",
    "label": "Record Type ID",
    "referenceTo": ["RecordType"],
    "relationshipName": "RecordType",
}


def info(name: str, developer_name: str, record_type_id: str, default: bool, active: bool = True) -> Json:
    """The element of a describe's recordTypeInfos, without its urls."""
    return {
        "active": active,
        "available": active,
        "defaultRecordTypeMapping": default,
        "developerName": developer_name,
        "master": record_type_id == MASTER_ID,
        "name": name,
        "recordTypeId": record_type_id,
    }


def numbered(store: Store, given: Json) -> Json:
    """An upload in the compact form, its `recordTypes` turned into recordTypeInfos with ids, and a field for them."""
    listed = given.get("recordTypes")
    if not listed or "RecordType" not in store.tables:
        return given
    known = {
        record["DeveloperName"]: record["Id"]
        for record in store.tables["RecordType"].records.values()
        if record["SobjectType"] == given["name"]
    }
    infos = [_numbered(store, one, known) for one in listed]
    master = info("Master", "Master", MASTER_ID, default=not any(one["defaultRecordTypeMapping"] for one in infos))
    fields = given["fields"]
    if not any(field["name"] == "RecordTypeId" for field in fields):
        fields = [*fields, FIELD]
    return {**given, "fields": fields, "recordTypeInfos": [*infos, master]}


def _numbered(store: Store, one: str | Json, known: dict[str, str]) -> Json:
    given: Json = {"name": one} if isinstance(one, str) else one
    developer_name = given.get("developerName", given["name"].replace(" ", "_"))
    record_type_id = known.get(developer_name) or store.tables["RecordType"].source.take()
    return info(given["name"], developer_name, record_type_id, bool(given.get("default")), given.get("active", True))


def adopt(store: Store, sobject: SObject) -> None:
    """Rows of RecordType for what a describe names, with the ids that it gives."""
    table = store.find_table("RecordType")
    if table is None:
        return
    with store.transaction():
        for one in sobject.raw["recordTypeInfos"]:
            if not one["master"] and one["recordTypeId"] not in table.records:
                store.put(table, _row(store, sobject, one), None)
                table.source.seen(one["recordTypeId"])


def _row(store: Store, sobject: SObject, one: Json) -> Record:
    stamp = store.clock.stamp()
    return {
        "Id": one["recordTypeId"],
        "Name": one["name"],
        "DeveloperName": one["developerName"],
        "SobjectType": sobject.name,
        "IsActive": one["active"],
        "IsDeleted": False,
        "CreatedDate": stamp,
        "LastModifiedDate": stamp,
        "SystemModstamp": stamp,
    }


def check(store: Store, sobject: SObject, record_type_id: str) -> None:
    """Refuse a record type of another object, or one that is switched off."""
    table = store.find_table("RecordType")
    if record_type_id == MASTER_ID or table is None:
        return
    row = table.records.get(record_type_id)
    if row is None or row["SobjectType"] != sobject.name or not row["IsActive"]:
        message = f"Record Type ID: this ID value isn't valid for the user: {record_type_id}"
        raise Refused("INVALID_CROSS_REFERENCE_KEY", message, ["RecordTypeId"])
