"""Which records a query must look at: through an index where the WHERE clause allows one."""

from collections.abc import Iterator
from typing import Any

from tests.standin.querying.predicates import comparable
from tests.standin.schema import Field
from tests.standin.soql import And, Comparison, Expression, IdSet, InList, Literal, Node, Not, Or, Query
from tests.standin.table import Record, Table

Bounds = tuple[str | None, str | None]
NO_BOUNDS: Bounds = (None, None)


def scan(table: Table, query: Query, deleted_too: bool) -> tuple[Iterator[Record], bool]:
    """The records among which the answer is, and whether they come in the query's order."""
    where = query.where
    keyed = candidates(table, where, deleted_too) if where is not None else None
    if keyed is not None:
        return _records(table, iter(sorted(keyed))), not query.order or _is_order(query, "Id")
    bounds = stamp_bounds(table, where) if where is not None else NO_BOUNDS
    by_stamp = _is_order(query, "SystemModstamp") or _is_order(query, "SystemModstamp", "Id")
    if by_stamp or bounds != NO_BOUNDS:
        return _records(table, table.stamps.between(*bounds)), by_stamp or not query.order
    floor = id_floor(table, where) if where is not None else None
    in_id_order = not query.order or _is_order(query, "Id")
    return _records(table, table.after_id(floor) if floor else iter(table.ids)), in_id_order


def _records(table: Table, found: Iterator[str]) -> Iterator[Record]:
    """Those that are there, without a step in Python for each: a query without a condition reads a million at once."""
    return filter(None, map(table.records.get, found))


def _is_order(query: Query, *fields: str) -> bool:
    asked = [(_lower(order.field), order.descending) for order in query.order]
    return asked == [(field.lower(), False) for field in fields]


def _lower(expression: Expression) -> str:
    """A path in lower case; empty for a call, which no index knows."""
    return expression.lower() if isinstance(expression, str) else ""


def candidates(table: Table, node: Node, deleted_too: bool) -> set[str] | None:
    """Ids that may satisfy the condition, from Id and key indexes; None when no index tells."""
    match node:
        case Comparison(field, "=", value):
            return _with_value(table, field, (value,), deleted_too)
        case InList(field, values, False):
            return _with_value(table, field, values, deleted_too)
        case IdSet(field, ids, False):
            return _with_id(table, field, ids, deleted_too)
        case And(parts):
            found = [ids for ids in (candidates(table, part, deleted_too) for part in parts) if ids is not None]
            return min(found, key=len) if found else None
        case Or(parts):
            each = [candidates(table, part, deleted_too) for part in parts]
            known = [ids for ids in each if ids is not None]
            return set().union(*known) if len(known) == len(each) else None
    return None


def _with_id(table: Table, name: Expression, ids: frozenset[str], deleted_too: bool) -> set[str] | None:
    field = table.sobject.find(name) if isinstance(name, str) else None
    if field is not None and field.type == "id":
        return set(ids)
    if field is None or not field.is_lookup:
        return None
    index = table.lookup(field.name)
    found = {record_id for parent in ids for record_id in index.find(parent)}
    return found | set(table.deleted) if deleted_too else found


def _with_value(table: Table, name: Expression, values: tuple[Literal, ...], deleted_too: bool) -> set[str] | None:
    field = table.sobject.find(name) if isinstance(name, str) else None
    if field is None or any(value.kind in ("null", "period") for value in values):
        return None
    if field.type == "id":
        return {found for found in (comparable(field, value) for value in values) if found}
    if field.is_lookup:
        parents = frozenset(str(parent) for parent in (comparable(field, value) for value in values) if parent)
        return _with_id(table, field.name, parents, deleted_too)
    if field.name not in table.keys:
        return None
    found = {record_id for value in values for record_id in table.find(field.name, _key(field, value))}
    return found | set(table.deleted) if deleted_too else found


def _key(field: Field, literal: Literal) -> Any:
    comparable(field, literal)
    return literal.value


def stamp_bounds(table: Table, node: Node) -> Bounds:
    """The least and greatest SystemModstamp that can satisfy the condition."""
    match node:
        case Comparison(field, op, Literal("datetime") as value) if _lower(field) == "systemmodstamp":
            stamp = comparable(table.sobject.fields["SystemModstamp"], value)
            return {
                "=": (stamp, stamp),
                "<": (None, stamp),
                "<=": (None, stamp),
                ">": (stamp, None),
                ">=": (stamp, None),
            }.get(op, NO_BOUNDS)
        case And(parts):
            each = [stamp_bounds(table, part) for part in parts]
            return _greatest([low for low, _ in each]), _least([high for _, high in each])
        case Or(parts):
            each = [stamp_bounds(table, part) for part in parts]
            lows, highs = [low for low, _ in each], [high for _, high in each]
            return (None if None in lows else _least(lows)), (None if None in highs else _greatest(highs))
    return NO_BOUNDS


def _least(stamps: list[str | None]) -> str | None:
    return min((stamp for stamp in stamps if stamp is not None), default=None)


def _greatest(stamps: list[str | None]) -> str | None:
    return max((stamp for stamp in stamps if stamp is not None), default=None)


def id_floor(table: Table, node: Node) -> str | None:
    """An id that every answer is greater than (or equal to)."""
    match node:
        case Comparison(field, ">" | ">=" as op, Literal("string") as value) if _lower(field) == "id":
            floor = comparable(table.sobject.fields["Id"], value)
            return None if floor is None else str(floor) if op == ">" else str(floor)[:15]
        case And(parts):
            return _greatest([id_floor(table, part) for part in parts])
        case Not():
            return None
    return None
