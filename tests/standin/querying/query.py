"""Running a query: filter, order, cut, and what is written of each record."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

from tests.standin import soql
from tests.standin.errors import Refused, malformed_query
from tests.standin.querying.aggregate import grouped, is_aggregate
from tests.standin.querying.expressions import NoSuchName, resolve
from tests.standin.querying.plan import scan
from tests.standin.querying.predicates import Compiler
from tests.standin.querying.rendering import Column, Render, renderer
from tests.standin.querying.sorting import sort
from tests.standin.relations import children, relation_named
from tests.standin.schema import SObject
from tests.standin.soql import And, Comparison, IdSet, Literal, Node, Not, Or, Query, Selected, SemiJoin
from tests.standin.soql.lexer import with_place
from tests.standin.store import Store
from tests.standin.table import Record, Table

__all__ = ["Answer", "Render", "renderer", "run"]

Json = dict[str, Any]
MAX_OFFSET = 2000
MAX_FIELDS_ALL = 200  #: FIELDS(ALL) needs a LIMIT no greater


@dataclass(frozen=True, slots=True)
class Answer:
    """All records of an answer, as they were when the query ran, and how to write one."""

    records: list[Record]
    render: Render
    total: int
    counts: bool = False


def run(store: Store, text: str, deleted_too: bool, version: str, user_id: str = "") -> Answer:
    """Answer a query. With `deleted_too` it sees the recycle bin; `user_id` is who USING SCOPE mine is."""
    query = soql.parse(text)
    try:
        return _Run(store, deleted_too or query.all_rows, version, user_id).answer(query)
    except NoSuchName as exc:
        raise with_place(text, exc, exc.name) from exc


class _Run:
    """One query with its sub-selects and semi-joins, which all see the same."""

    def __init__(self, store: Store, deleted_too: bool, version: str, user_id: str) -> None:
        self._store = store
        self._deleted_too = deleted_too
        self._version = version
        self._user_id = user_id

    def answer(self, query: Query) -> Answer:
        table = self._table(query.sobject)
        if query.offset > MAX_OFFSET:
            raise Refused("NUMBER_OUTSIDE_VALID_RANGE", f"Maximum SOQL offset allowed is {MAX_OFFSET}")
        query = replace(query, where=self._scoped(table, query))
        if is_aggregate(query):
            bare = replace(query, order=(), limit=None, offset=0)
            groups = grouped(self._store, table.sobject, query, self._found(table, bare))
            return Answer(groups, lambda record: record, len(groups))
        if query.having is not None:
            raise malformed_query("HAVING needs GROUP BY")
        render = self._renderer(table.sobject, query)
        found = self._found(table, query)
        return Answer([] if query.counts else found, render, len(found), query.counts)

    def _table(self, name: str) -> Table:
        table = self._store.find_table(name)
        if table is not None:
            return table
        message = (
            f"sObject type '{name}' is not supported. If you are attempting to use a custom "
            "object, be sure to append the '__c' after the entity name. Please reference your WSDL or the "
            "describe call for the appropriate names."
        )
        raise Refused("INVALID_TYPE", message)

    def _scoped(self, table: Table, query: Query) -> Node | None:
        """The condition, with what USING SCOPE adds and with every semi-join answered."""
        where = self._joined(query.where) if query.where is not None else None
        scope = query.scope.lower()
        if scope not in ("", "everything", "mine"):
            raise malformed_query(f"the scope {query.scope} is not supported by this stand-in")
        if scope != "mine" or not self._user_id or "OwnerId" not in table.sobject.fields:
            return where
        mine = Comparison("OwnerId", "=", Literal("string", self._user_id))
        return mine if where is None else And((mine, where))

    def _joined(self, node: Node) -> Node:
        match node:
            case And(parts):
                return And(tuple(self._joined(part) for part in parts))
            case Or(parts):
                return Or(tuple(self._joined(part) for part in parts))
            case Not(part):
                return Not(self._joined(part))
            case SemiJoin(field, inner, negated):
                return IdSet(field, self._ids(inner), negated)
        return node

    def _ids(self, query: Query) -> frozenset[str]:
        """What a semi-join's inner query selects, nulls left out."""
        table = self._table(query.sobject)
        if len(query.fields) != 1 or not isinstance(query.fields[0], str):
            raise malformed_query("A semi-join sub-select can only query one field")
        field, get = resolve(self._store, table.sobject, query.fields[0])
        if field.type not in ("id", "reference"):
            message = f"The inner select field '{field.name}' of a semi-join must be an ID or a lookup"
            raise malformed_query(message)
        found = self._found(table, replace(query, where=self._scoped(table, query)))
        return frozenset(str(value) for value in map(get, found) if value is not None)

    def _found(self, table: Table, query: Query) -> list[Record]:
        records, in_order = scan(table, query, self._deleted_too)
        if not self._deleted_too and table.deleted:
            records = (record for record in records if not record["IsDeleted"])
        if query.where is not None:
            records = filter(Compiler(self._store, table.sobject).compile(query.where), records)
        return _cut(records, query, None if in_order else self._resolver(table.sobject))

    def _resolver(self, sobject: SObject) -> Callable[[soql.Expression], Any]:
        return lambda expression: resolve(self._store, sobject, expression)

    def _renderer(self, sobject: SObject, query: Query) -> Render:
        return renderer(self._store, sobject, _items(query, sobject), self._version, self._sub_select)

    def _sub_select(self, sobject: SObject, query: Query) -> Column:
        """The column of a sub-select: the children of each record; null when it has none."""
        found = relation_named(self._store, sobject, query.sobject)
        if found is None:
            message = (
                f"Didn't understand relationship '{query.sobject}' in FROM part of query call. If you are attempting "
                "to use a custom relationship, be sure to append the '__r' after the custom relationship name. "
                "Please reference your WSDL or the describe call for the appropriate names."
            )
            raise NoSuchName(query.sobject, message)
        relation, table = found
        if is_aggregate(query) or query.counts:
            raise malformed_query("Aggregates are not allowed in a sub-select")
        render = self._renderer(table.sobject, query)
        where = self._scoped(table, query)
        fits = Compiler(self._store, table.sobject).compile(where) if where is not None else None
        order = self._resolver(table.sobject) if query.order else None

        def below(record: Record) -> Json | None:
            every = children(table, relation.field, record["Id"], self._deleted_too)
            kept = _cut(filter(fits, every) if fits else every, query, order)
            return {"totalSize": len(kept), "done": True, "records": [render(one) for one in kept]} if kept else None

        return relation.name or query.sobject, below, None


def _cut(records: Iterable[Record], query: Query, order: Callable[[soql.Expression], Any] | None) -> list[Record]:
    """The records between OFFSET and LIMIT; sorted before, unless they come in order."""
    end = None if query.limit is None else query.offset + query.limit
    if order is None:
        return list(islice(records, query.offset, end))
    return sort(list(records), query.order, order)[query.offset : end]


def _items(query: Query, sobject: SObject) -> list[Selected]:
    """What is selected, FIELDS(...) written out; nothing twice."""
    items: list[Selected] = []
    seen: set[str] = set()
    for item in query.fields:
        if not isinstance(item, str):
            items.append(item)
        elif item.startswith("FIELDS("):
            new = [name for name in _fields_of(sobject, item[7:-1], query.limit) if name.lower() not in seen]
            items += new
        elif item.lower() in seen:
            raise Refused("INVALID_FIELD", f"duplicate field selected: {item}")
        else:
            items.append(item)
            seen.add(item.lower())
    return items


def _fields_of(sobject: SObject, which: str, limit: int | None) -> list[str]:
    if which != "STANDARD" and (limit is None or limit > MAX_FIELDS_ALL):
        raise malformed_query(f"The SOQL FIELDS function must have a LIMIT of at most {MAX_FIELDS_ALL}")
    custom = {"ALL": (True, False), "CUSTOM": (True,), "STANDARD": (False,)}[which]
    return [name for name, field in sobject.fields.items() if field.raw["custom"] in custom]
