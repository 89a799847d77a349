"""The JSON of a record: a function made once for a query, then called for each record."""

from collections.abc import Callable, Iterable
from typing import Any

from tests.standin.querying.expressions import getter, is_own_name, no_such_column, parents_of, resolve, type_of_parent
from tests.standin.schema import SObject
from tests.standin.soql import Item, Query, Selected, TypeOf
from tests.standin.store import Store
from tests.standin.table import Record, Table

Json = dict[str, Any]
Render = Callable[[Record], Json]
Column = tuple[str, Callable[[Record], Any] | None, Any]  #: name, how it is made (None: as kept), its empty value
Children = Callable[[SObject, Query], Column]


def renderer(
    store: Store, sobject: SObject, items: Iterable[Selected], version: str, children: Children | None = None
) -> Render:
    """How a record is written with these fields; parents' fields stand in a nested object.

    Args:
        items: Paths, aliased or computed fields, TYPEOFs; sub-selects only where `children` is given.
        children: Makes the column of a sub-select.
    """
    columns: list[Column] = []
    nested: dict[str, list[str]] = {}
    for item in items:
        if isinstance(item, str):
            _place(store, sobject, item, columns, nested)
        elif isinstance(item, Item):
            columns.append(_item_column(store, sobject, item))
        elif isinstance(item, TypeOf):
            columns.append(_type_of_column(store, sobject, item, version))
        elif children is not None:
            columns.append(children(sobject, item))
    for relationship, inner in nested.items():
        columns.append(_parent_column(store, sobject, relationship, inner, version))
    return _record_writer(sobject.name, columns, version)


def _place(store: Store, sobject: SObject, path: str, columns: list[Column], nested: dict[str, list[str]]) -> None:
    head, _, rest = path.partition(".")
    if rest and is_own_name(sobject, head):
        _place(store, sobject, rest, columns, nested)
    elif rest:
        nested.setdefault(head.lower(), []).append(rest)
    else:
        columns.append(_column(store, sobject, head))


def _record_writer(name: str, columns: list[Column], version: str) -> Render:
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


def _column(store: Store, sobject: SObject, name: str) -> Column:
    field = sobject.find(name)
    if field is None:
        raise no_such_column(name, sobject)
    if field.formula is not None or field.type == "encryptedstring":
        return field.name, getter(store, sobject, field), None
    parts = sobject.compounds.get(field.name)
    if parts is None:
        return field.name, None, False if field.type == "boolean" else None

    def compose(record: Record) -> Json | None:
        whole = {part: record.get(source) for part, source in sorted(parts.items())}
        return whole if any(value is not None for value in whole.values()) else None

    return field.name, compose, None


def _item_column(store: Store, sobject: SObject, item: Item) -> Column:
    field, get = resolve(store, sobject, item.expression)
    return item.alias or field.name, get, None


def _parent_column(store: Store, sobject: SObject, relationship: str, inner: list[str], version: str) -> Column:
    link, parents = parents_of(store, sobject, relationship)
    renders = [(table, _parent_renderer(store, table, parents, inner, version)) for table in parents]
    return link.relationship or relationship, _upwards(link.name, renders), None


def _parent_renderer(store: Store, table: Table, parents: list[Table], inner: list[str], version: str) -> Render:
    if len(parents) == 1:
        return renderer(store, table.sobject, inner, version)
    # Of several possible parents each shows what it has; Type is the object's name.
    own = [path for path in inner if path.lower() != "type" and table.sobject.find(path.partition(".")[0])]
    render = renderer(store, table.sobject, own, version)
    typed = any(path.lower() == "type" for path in inner)
    return lambda record: {**render(record), **({"Type": table.sobject.name} if typed else {})}


def _upwards(link: str, renders: list[tuple[Table, Render]]) -> Callable[[Record], Json | None]:
    if len(renders) == 1:
        table, render = renders[0]

        def up(record: Record) -> Json | None:
            found = table.records.get(record.get(link, ""))
            return render(found) if found is not None else None

        return up

    def any_up(record: Record) -> Json | None:
        parent_id = record.get(link, "")
        return next((render(t.records[parent_id]) for t, render in renders if parent_id in t.records), None)

    return any_up


def _type_of_column(store: Store, sobject: SObject, asked: TypeOf, version: str) -> Column:
    link, parents = parents_of(store, sobject, asked.relationship)
    cases = {kind.lower(): fields for kind, fields in asked.cases}
    renders = {
        table.sobject.name: renderer(
            store, table.sobject, cases.get(table.sobject.name.lower(), asked.otherwise or ("Id",)), version
        )
        for table in parents
    }

    def up(record: Record) -> Json | None:
        parent_id = record.get(link.name)
        name = type_of_parent(parents, parent_id)
        return None if name is None else renders[name](store.tables[name].records[str(parent_id)])

    return link.relationship or asked.relationship, up, None
