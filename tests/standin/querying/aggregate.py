"""COUNT, SUM and their like, with GROUP BY and HAVING."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from tests.standin.errors import Refused, malformed_query
from tests.standin.querying.expressions import NUMBERS, Resolved, made_field, resolve
from tests.standin.querying.predicates import TEXTS, Compiler
from tests.standin.querying.sorting import sort
from tests.standin.schema import SObject
from tests.standin.soql import Call, Expression, Item, Query
from tests.standin.soql.words import AGGREGATES
from tests.standin.store import Store
from tests.standin.table import Record

Json = dict[str, Any]
MAX_GROUPS = 2000  #: an aggregate has one page


@dataclass(slots=True)
class Group:
    """The records that agree in all grouped values."""

    values: tuple[Any, ...]
    records: list[Record]


def is_aggregate(query: Query) -> bool:
    """Whether the answer are groups, not records."""
    return bool(query.group) or any(
        isinstance(item, Item) and isinstance(item.expression, Call) and item.expression.name in AGGREGATES
        for item in query.fields
    )


def grouped(store: Store, sobject: SObject, query: Query, records: Iterable[Record]) -> list[Json]:
    """The answer's records, each of type AggregateResult."""
    columns = _Columns(store, sobject, query)
    groups: Iterable[Any] = _groups(columns.keys, records, everything=not query.group)
    if query.having is not None:
        groups = filter(Compiler(store, sobject, columns.resolve).compile(query.having), groups)
    ordered = sort(list(groups), query.order, columns.resolve)
    end = None if query.limit is None else query.offset + query.limit
    cut = ordered[query.offset : end]
    if len(cut) > MAX_GROUPS:
        message = "Aggregate query does not support queryMore(), use LIMIT to restrict the results to a single batch"
        raise Refused("EXCEEDED_ID_LIMIT", message)
    return [columns.written(group) for group in cut]


def _groups(keys: list[Resolved], records: Iterable[Record], everything: bool) -> list[Group]:
    """Texts that differ only in case are one group, named as the first of them is written."""
    if everything:
        return [Group((), list(records))]
    found: dict[tuple[Any, ...], Group] = {}
    folds = [field.type in TEXTS for field, _ in keys]
    for record in records:
        values = tuple(get(record) for _, get in keys)
        key = tuple(v.lower() if fold and v is not None else v for v, fold in zip(values, folds, strict=True))
        group = found.get(key)
        if group is None:
            found[key] = group = Group(values, [])
        group.records.append(record)
    return list(found.values())


class _Columns:
    """What a query selects, groups, filters and orders by, as functions of a group."""

    def __init__(self, store: Store, sobject: SObject, query: Query) -> None:
        self._store = store
        self._sobject = sobject
        self._group = [_folded(expression) for expression in query.group]
        self.keys = [resolve(store, sobject, expression) for expression in query.group]
        for field, _ in self.keys:
            if not field.raw["groupable"] and field.type not in ("int", "date"):
                raise malformed_query(f"field '{field.name}' can not be grouped in a query call")
        self._names: dict[str, Expression] = {}
        self._columns = self._named(query)

    def _named(self, query: Query) -> list[tuple[str, Callable[[Any], Any]]]:
        columns: list[tuple[str, Callable[[Any], Any]]] = []
        unnamed = 0
        for item in query.fields:
            if not isinstance(item, (str, Item)) or (isinstance(item, str) and item.startswith("FIELDS(")):
                raise malformed_query("Only fields, functions and aggregates may be selected with GROUP BY")
            expression, alias = (item, None) if isinstance(item, str) else (item.expression, item.alias)
            field, get = self.resolve(expression)
            if alias is None and isinstance(expression, Call):
                alias, unnamed = f"expr{unnamed}", unnamed + 1
            name = alias or field.name
            self._names[name.lower()] = expression
            columns.append((name, get))
        return columns

    def resolve(self, expression: Expression) -> Resolved:
        """A grouped field, an aggregate, or the alias of one."""
        folded = _folded(expression)
        if folded in self._group:
            place = self._group.index(folded)
            return self.keys[place][0], lambda group: group.values[place]
        if isinstance(expression, Call) and expression.name in AGGREGATES:
            return self._aggregate(expression)
        if isinstance(expression, str) and expression.lower() in self._names:
            return self.resolve(self._names[expression.lower()])
        name = expression if isinstance(expression, str) else expression.name
        resolve(self._store, self._sobject, expression)
        raise malformed_query(f"Field must be grouped or aggregated: {name}")

    def _aggregate(self, call: Call) -> Resolved:
        if call.argument is None:
            return made_field("COUNT", "int"), lambda group: len(group.records)
        field, get = resolve(self._store, self._sobject, call.argument)
        name = call.name
        if name in ("SUM", "AVG") and field.type not in NUMBERS:
            raise malformed_query(f"field {field.name} does not support aggregate operator {name}")
        if not field.raw["aggregatable"]:
            raise malformed_query(f"field {field.name} does not support aggregate operator {name}")
        fold = field.type in TEXTS
        work = _AGGREGATES[name]
        kind = {"COUNT": "int", "COUNT_DISTINCT": "int", "AVG": "double"}.get(name)

        def calculate(group: Any) -> Any:
            values = [value for value in map(get, group.records) if value is not None]
            return work([value.lower() for value in values] if fold and name == "COUNT_DISTINCT" else values)

        return (made_field(name, kind) if kind else field), calculate

    def written(self, group: Group) -> Json:
        body: Json = {"attributes": {"type": "AggregateResult"}}
        for name, get in self._columns:
            body[name] = get(group)
        return body


def _folded(expression: Expression) -> Expression:
    if isinstance(expression, Call):
        return Call(expression.name, expression.argument and _folded(expression.argument))
    return expression.lower()


_AGGREGATES: dict[str, Callable[[list[Any]], Any]] = {
    "COUNT": len,
    "COUNT_DISTINCT": lambda values: len(set(values)),
    "SUM": lambda values: sum(values) if values else None,
    "AVG": lambda values: sum(values) / len(values) if values else None,
    "MIN": lambda values: min(values, default=None),
    "MAX": lambda values: max(values, default=None),
}
