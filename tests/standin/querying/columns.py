"""`query?columns=true`: what a query's columns are, without its records; Salesforce's command line asks for it."""

from typing import Any

from tests.standin import soql
from tests.standin.errors import malformed_query
from tests.standin.querying.aggregate import is_aggregate
from tests.standin.querying.expressions import NUMBERS, made_field, resolve
from tests.standin.relations import relation_named
from tests.standin.schema import Field, SObject
from tests.standin.soql import Call, Expression, Query, Selected, TypeOf
from tests.standin.soql.words import AGGREGATES
from tests.standin.store import Store

Json = dict[str, Any]

_APEX = {
    "boolean": "Boolean", "currency": "Decimal", "date": "Date", "datetime": "Datetime", "double": "Decimal",
    "id": "Id", "int": "Integer", "percent": "Decimal", "reference": "Id", "time": "Time",
}  # fmt: skip


def described(store: Store, text: str) -> Json:
    """The answer's body: one element for each column; a parent's or children's columns are joined below theirs."""
    query = soql.parse(text)
    table = store.table(query.sobject)
    columns = _columns(store, table.sobject, query)
    return {
        "columnMetadata": columns,
        "entityName": table.sobject.name,
        "groupBy": bool(query.group),
        "idSelected": any(column["columnName"] == "Id" for column in columns),
        "keyPrefix": table.sobject.prefix,
    }


def _columns(store: Store, sobject: SObject, query: Query) -> list[Json]:
    columns: list[Json] = []
    for item in query.fields:
        if isinstance(item, str) and "." in item and not is_aggregate(query):
            _join(columns, store, sobject, item.split("."))
        else:
            unnamed = sum(1 for column in columns if column["columnName"].startswith("expr"))
            columns.append(_column(store, sobject, item, unnamed))
    return columns


def _join(columns: list[Json], store: Store, sobject: SObject, path: list[str]) -> None:
    """Put `Owner.Name` below the one column `Owner`."""
    whole = list(path)
    while len(path) > 1:
        found = next((c for c in columns if c["columnName"].lower() == path[0].lower()), None)
        if found is None:
            found = _made(path[0], joined=[])
            columns.append(found)
        columns, path = found["joinColumns"], path[1:]
    field, _ = resolve(store, sobject, ".".join(whole))
    columns.append(_made(field.name, field))


def _column(store: Store, sobject: SObject, item: Selected, unnamed: int) -> Json:
    if isinstance(item, str):
        field, _ = resolve(store, sobject, item)
        return _made(field.name, field)
    if isinstance(item, Query):
        found = relation_named(store, sobject, item.sobject)
        if found is None:
            raise malformed_query(f"Didn't understand relationship '{item.sobject}' in FROM part of query call.")
        relation, table = found
        return _made(relation.name or item.sobject, aggregate=True, joined=_columns(store, table.sobject, item))
    if isinstance(item, TypeOf):
        return _made(item.relationship, joined=[])
    field = _field(store, sobject, item.expression)
    name = item.alias or (f"expr{unnamed}" if isinstance(item.expression, Call) else field.name)
    return _made(name, field, aggregate=isinstance(item.expression, Call))


def _field(store: Store, sobject: SObject, expression: Expression) -> Field:
    """A count is a number; every other aggregate has its argument's type."""
    if not isinstance(expression, Call) or expression.name not in AGGREGATES:
        return resolve(store, sobject, expression)[0]
    if expression.argument is None or expression.name.startswith("COUNT"):
        return made_field(expression.name, "int")
    return resolve(store, sobject, expression.argument)[0]


def _made(name: str, field: Field | None = None, *, aggregate: bool = False, joined: list[Json] | None = None) -> Json:
    kind = field.type if field is not None else ""
    return {
        "aggregate": aggregate,
        "apexType": _APEX.get(kind, "String") if field is not None else None,
        "booleanType": kind == "boolean",
        "columnName": name,
        "custom": name.endswith(("__c", "__r")),
        "displayName": name,
        "foreignKeyName": None,
        "insertable": field is not None and field.createable and not aggregate,
        "joinColumns": joined if joined is not None else [],
        "numberType": kind in NUMBERS,
        "textType": field is not None and kind not in NUMBERS and kind not in _APEX,
        "updatable": field is not None and field.updateable and not aggregate,
    }
