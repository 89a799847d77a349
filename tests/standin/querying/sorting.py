"""ORDER BY: several keys, texts without regard to case, nulls first unless told otherwise."""

from collections.abc import Callable, Sequence
from typing import Any

from tests.standin.errors import Refused
from tests.standin.querying.expressions import Resolved
from tests.standin.querying.predicates import TEXTS
from tests.standin.soql import Expression, Order


def sort(found: list[Any], orders: Sequence[Order], resolve: Callable[[Expression], Resolved]) -> list[Any]:
    """The records (or groups) in order."""
    for order in reversed(orders):
        field, get = resolve(order.field)
        if not field.raw["sortable"]:
            raise Refused("INVALID_FIELD", f"field '{field.name}' can not be sorted in a query call")
        nulls = [one for one in found if get(one) is None]
        rest = [one for one in found if get(one) is not None]
        rest.sort(key=_key(get) if field.type in TEXTS else get, reverse=order.descending)
        found = rest + nulls if order.nulls_last else nulls + rest
    return found


def _key(get: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda one: get(one).lower()
