"""Columns of a bulk query: from records to the text that Salesforce writes into its CSV."""

from collections.abc import Callable
from typing import Any

from tests.standin.querying.expressions import is_own_name, parents_of, resolve
from tests.standin.schema import SObject
from tests.standin.soql import Expression
from tests.standin.store import Store
from tests.standin.table import Record

Column = Callable[[list[Record]], list[Any]]  #: of one slice of records: one cell for each

NUMBERS = frozenset(["double", "currency", "percent"])
SMALLEST_PLAIN, LARGEST_PLAIN = 1e-3, 1e7  #: Java writes numbers outside of these with an exponent


def java_double(value: float) -> str:
    """A number as Java's Double.toString has it: 800.0, 9.12260031E8."""
    value = float(value)
    if SMALLEST_PLAIN <= value < LARGEST_PLAIN or value == 0 or SMALLEST_PLAIN <= -value < LARGEST_PLAIN:
        return repr(value)
    digits, exponent = _scientific(value)
    return f"{digits}E{exponent}"


def _scientific(value: float) -> tuple[str, int]:
    """The shortest digits that are this number again, one of them before the point."""
    text = repr(value)
    mantissa, _, power = text.partition("e")
    sign = "-" if mantissa.startswith("-") else ""
    whole, _, fraction = mantissa.lstrip("-").partition(".")
    digits = (whole + fraction).lstrip("0")
    leading = len(whole) if whole.strip("0") else len(fraction.lstrip("0")) - len(fraction)
    exponent = int(power or 0) + leading - 1
    digits = digits.rstrip("0") or "0"
    return f"{sign}{digits[0]}.{digits[1:] or '0'}", exponent


def column(store: Store, sobject: SObject, expression: Expression, alias: str) -> tuple[str, Column]:
    """A column's title and how to write it; a path may lead to parents (`Account.Owner.Name`)."""
    field, get = resolve(store, sobject, expression)
    title = alias or _title(store, sobject, expression, field.name)
    if field.type == "boolean":
        return title, lambda found: [_boolean(get(record)) for record in found]
    if field.type in NUMBERS:
        return title, lambda found: [
            repr(v) if type(v) is float and SMALLEST_PLAIN <= v < LARGEST_PLAIN else _number(v) for v in map(get, found)
        ]
    if field.type == "datetime":
        return title, lambda found: _datetimes([get(record) for record in found])
    if field.formula is None and field.type != "encryptedstring" and sobject.fields.get(field.name) is field:
        name = field.name
        return title, lambda found: [record.get(name) for record in found]
    return title, lambda found: [get(record) for record in found]


def _boolean(value: Any) -> str | None:
    return None if value is None else "true" if value else "false"


def _title(store: Store, sobject: SObject, expression: Expression, name: str) -> str:
    """The path as describe spells it."""
    names: list[str] = []
    path = expression if isinstance(expression, str) else ""
    for part in path.split(".")[:-1]:
        if not names and is_own_name(sobject, part):
            continue
        link, parents = parents_of(store, sobject, part)
        names.append(str(link.relationship))
        sobject = parents[0].sobject
    return ".".join([*names, name])


def _number(value: float | None) -> str | None:
    return None if value is None else java_double(value)


def _datetimes(values: list[str | None]) -> list[str | None]:
    """With Z instead of an offset; many records share a moment, so each is written once."""
    made = {value: value[:-5] + "Z" for value in set(values) if value is not None}
    return [made.get(value) for value in values]  # type: ignore[arg-type]  # None is simply not there
