"""The Tooling API, as far as it tells fields' durable ids: FieldDefinition by the object that it belongs to."""

import re

from tests.standin.errors import Refused
from tests.standin.ids import POD
from tests.standin.org import Org
from tests.standin.schema import Field, SObject
from tests.standin.web import Json, Reply, Request, wrong_method

LIMIT = 2000  #: rows at most; FieldDefinition knows no queryMore
_SELECT = re.compile(
    r"\s*SELECT\s+(?P<columns>[\w\s,]+?)\s+FROM\s+(?P<name>\w+)(?:\s+WHERE\s+(?P<where>.+?))?(?:\s+LIMIT\s+\d+)?\s*\Z",
    re.IGNORECASE,
)
_ENTITY = re.compile(r"(?:EntityDefinition\.QualifiedApiName|EntityDefinitionId)\s*=\s*'(\w+)'\Z", re.IGNORECASE)
_COLUMNS = {
    "durableid": "DurableId", "qualifiedapiname": "QualifiedApiName", "label": "Label", "length": "Length",
    "precision": "Precision", "scale": "Scale", "isnillable": "IsNillable", "iscalculated": "IsCalculated",
}  # fmt: skip


def query(org: Org, request: Request) -> Reply:
    """GET tooling/query: SELECT columns FROM FieldDefinition WHERE EntityDefinition.QualifiedApiName = 'Account'."""
    request.resource = "tooling/query"
    if request.method != "GET":
        raise wrong_method(request)
    found = _SELECT.match(request.query.get("q", ""))
    if found is None:
        raise Refused("MALFORMED_QUERY", "unexpected token")
    if found["name"].lower() != "fielddefinition":
        raise Refused("INVALID_TYPE", f"sObject type '{found['name']}' is not supported.")
    entity = _ENTITY.match(found["where"] or "")
    if entity is None:
        message = "FieldDefinition: a filter on a reified column is required [EntityDefinitionId,DurableId]"
        raise Refused("MALFORMED_QUERY", message)
    columns = [_column(name.strip()) for name in found["columns"].split(",")]
    table = org.seen_by(request.who()).tables.get(entity[1])
    rows = [_row(request, table.sobject, f, columns) for f in table.sobject.fields.values()][:LIMIT] if table else []
    answer = {
        "size": len(rows),
        "totalSize": len(rows),
        "done": True,
        "queryLocator": None,
        "entityTypeName": "FieldDefinition",
    }
    return Reply(200, answer | {"records": rows})


def _column(name: str) -> str:
    if name.lower() not in _COLUMNS:
        raise Refused("INVALID_FIELD", f"No such column '{name}' on entity 'FieldDefinition'.")
    return _COLUMNS[name.lower()]


def _row(request: Request, sobject: SObject, field: Field, columns: list[str]) -> Json:
    durable = durable_id(sobject, field.name)
    values = {
        "DurableId": durable, "QualifiedApiName": field.name, "Label": field.raw["label"], "Length": field.raw["length"],
        "Precision": field.raw["precision"], "Scale": field.raw["scale"], "IsNillable": field.raw["nillable"],
        "IsCalculated": field.raw["calculated"],
    }  # fmt: skip
    url = f"/services/data/{request.version}/tooling/sobjects/FieldDefinition/{durable}"
    return {"attributes": {"type": "FieldDefinition", "url": url}} | {name: values[name] for name in columns}


def durable_id(sobject: SObject, name: str) -> str:
    """`Account.Name`, `Account.00N...` of a custom field; of a custom object its own id stands in front. 15 characters."""
    entity = f"01I{POD}{abs(hash_of(sobject.name)):09d}"[:15] if sobject.raw["custom"] else sobject.name
    known = sobject.field_ids.get(name)
    return f"{entity}.{known[:15] if known else name}"


def hash_of(name: str) -> int:
    """A number that is always the same for a name, below a thousand million."""
    total = 0
    for letter in name:
        total = (total * 131 + ord(letter)) % 1_000_000_000
    return total
