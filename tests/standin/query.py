"""Running a query: filter, order, cut, and the JSON of each record."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import islice
from typing import Any

from tests.standin import soql
from tests.standin.errors import Refused
from tests.standin.plan import scan
from tests.standin.predicates import TEXTS, Compiler, Getter, no_such_column, parent_of, resolve
from tests.standin.schema import Field, SObject
from tests.standin.soql import Query
from tests.standin.store import Store
from tests.standin.table import Record, Table

Json = dict[str, Any]
Render = Callable[[Record], Json]
MAX_OFFSET = 2000
MAX_FIELDS_ALL = 200  #: FIELDS(ALL) needs a LIMIT no greater


@dataclass(frozen=True, slots=True)
class Answer:
    """All records of an answer, as they were when the query ran, and how to write one."""

    records: list[Record]
    render: Render
    total: int
    counts: bool = False


def run(store: Store, text: str, deleted_too: bool, version: str) -> Answer:
    """Answer a query. With `deleted_too` it sees the recycle bin."""
    query = soql.parse(text)
    table = store.find_table(query.sobject)
    if table is None:
        message = (
            f"sObject type '{query.sobject}' is not supported. If you are attempting to use a custom "
            "object, be sure to append the '__c' after the entity name. Please reference your WSDL or the "
            "describe call for the appropriate names."
        )
        raise Refused("INVALID_TYPE", message)
    if query.offset > MAX_OFFSET:
        raise Refused("NUMBER_OUTSIDE_VALID_RANGE", f"Maximum SOQL offset allowed is {MAX_OFFSET}")
    paths = _paths(query, table.sobject)
    render = renderer(store, table.sobject, paths, version)
    found = _find(store, table, query, deleted_too)
    return Answer([] if query.counts else found, render, len(found), query.counts)


def _paths(query: Query, sobject: SObject) -> list[str]:
    paths: list[str] = []
    for path in query.fields:
        if path.startswith("FIELDS("):
            if query.limit is None or query.limit > MAX_FIELDS_ALL:
                raise Refused(
                    "MALFORMED_QUERY",
                    f"The SOQL FIELDS function must have a LIMIT of at most {MAX_FIELDS_ALL}",
                )
            paths += _fields_of(sobject, path[7:-1])
        elif path.lower() in (seen.lower() for seen in paths):
            raise Refused("INVALID_FIELD", f"duplicate field selected: {path}")
        else:
            paths.append(path)
    return paths


def _fields_of(sobject: SObject, which: str) -> list[str]:
    custom = {"ALL": (True, False), "CUSTOM": (True,), "STANDARD": (False,)}.get(which)
    if custom is None:
        raise Refused("MALFORMED_QUERY", f"FIELDS({which}) is not one of ALL, STANDARD, CUSTOM")
    return [name for name, field in sobject.fields.items() if field.raw["custom"] in custom]


def _find(store: Store, table: Table, query: Query, deleted_too: bool) -> list[Record]:
    records, in_order = scan(table, query, deleted_too)
    if not deleted_too:
        records = (record for record in records if not record["IsDeleted"])
    if query.where is not None:
        records = filter(Compiler(store, table.sobject).compile(query.where), records)
    end = None if query.limit is None else query.offset + query.limit
    if in_order:
        return list(islice(records, query.offset, end))
    return _sorted(store, table.sobject, query, records)[query.offset : end]


def _sorted(store: Store, sobject: SObject, query: Query, records: Iterable[Record]) -> list[Record]:
    found = list(records)
    for order in reversed(query.order):
        field, get = resolve(store, sobject, order.field)
        key = _sort_key(field, get)
        nulls = [record for record in found if get(record) is None]
        rest = [record for record in found if get(record) is not None]
        rest.sort(key=key, reverse=order.descending)
        found = rest + nulls if order.nulls_last else nulls + rest
    return found


def _sort_key(field: Field, get: Getter) -> Getter:
    return (lambda record: get(record).lower()) if field.type in TEXTS else get


def renderer(store: Store, sobject: SObject, paths: Iterable[str], version: str) -> Render:
    """How a record is written with these fields; parents' fields stand in a nested object."""
    columns: list[tuple[str, Callable[[Record], Any] | None, Any]] = []
    nested: dict[str, list[str]] = {}
    for path in paths:
        head, _, rest = path.partition(".")
        if rest:
            nested.setdefault(head, []).append(rest)
        else:
            columns.append(_column(sobject, head))
    for relationship, inner in nested.items():
        columns.append(_parent_column(store, sobject, relationship, inner, version))
    return _record_writer(sobject.name, columns, version)


def _record_writer(name: str, columns: list[tuple[str, Callable[[Record], Any] | None, Any]], version: str) -> Render:
    root = f"/services/data/{version}/sobjects/{name}/"
    plain = [(column, default) for column, make, default in columns if make is None]
    made = [(column, make) for column, make, _ in columns if make is not None]

    def render(record: Record) -> Json:
        get = record.get
        body: Json = {"attributes": {"type": name, "url": root + record["Id"]}}
        for column, default in plain:
            body[column] = get(column, default)
        for column, make in made:
            body[column] = make(record)
        return body

    return render


def _column(sobject: SObject, name: str) -> tuple[str, Callable[[Record], Any] | None, Any]:
    field = sobject.find(name)
    if field is None:
        raise no_such_column(name, sobject)
    parts = sobject.compounds.get(field.name)
    if parts is None:
        return field.name, None, False if field.type == "boolean" else None

    def compose(record: Record) -> Json | None:
        whole = {part: record.get(source) for part, source in sorted(parts.items())}
        return whole if any(value is not None for value in whole.values()) else None

    return field.name, compose, None


def _parent_column(
    store: Store, sobject: SObject, relationship: str, inner: list[str], version: str
) -> tuple[str, Callable[[Record], Any] | None, Any]:
    link, parent = parent_of(store, sobject, relationship)
    render = renderer(store, parent, inner, version)
    table, link_name = store.tables[parent.name], link.name

    def up(record: Record) -> Json | None:
        found = table.records.get(record.get(link_name, ""))
        return render(found) if found is not None else None

    return link.relationship or relationship, up, None
