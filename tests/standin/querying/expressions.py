"""What a path or a function in a query stands for: its type, and how to read it from a record."""

from collections.abc import Callable
from datetime import date
from functools import cache
from typing import Any

from tests.standin import describe, formulas
from tests.standin.errors import Refused, malformed_query
from tests.standin.schema import Field, SObject, field_of
from tests.standin.soql import Call, Expression
from tests.standin.soql.words import AGGREGATES
from tests.standin.store import Store
from tests.standin.table import Record, Table

Json = dict[str, Any]
Getter = Callable[[Record], Any]
Resolved = tuple[Field, Getter]
NUMBERS = frozenset(["int", "double", "currency", "percent"])


class NoSuchName(Refused):
    """A field or relationship that is not there; `name` is as the query wrote it."""

    def __init__(self, name: str, message: str) -> None:
        super().__init__("INVALID_FIELD", message)
        self.name = name


def no_such_column(name: str, sobject: SObject) -> Refused:
    message = (
        f"No such column '{name}' on entity '{sobject.name}'. If you are attempting to use a custom "
        "field, be sure to append the '__c' after the custom field name. Please reference your WSDL or "
        "the describe call for the appropriate names."
    )
    return NoSuchName(name, message)


def resolve(store: Store, sobject: SObject, expression: Expression) -> Resolved:
    """The field that a path (Name, Account.Owner.Name) ends at, or a function's result, and its getter."""
    if isinstance(expression, Call):
        return _called(store, sobject, expression)
    head, _, rest = expression.partition(".")
    if not rest:
        field = sobject.find(head)
        if field is None:
            raise no_such_column(expression, sobject)
        return field, getter(store, sobject, field)
    if is_own_name(sobject, head):
        return resolve(store, sobject, rest)
    link, parents = parents_of(store, sobject, head)
    return _through(store, link, parents, rest)


def is_own_name(sobject: SObject, head: str) -> bool:
    """`Account.Name` of an Account is its own name."""
    return head.lower() == sobject.name.lower() and head.lower() not in sobject.relationships


def _through(store: Store, link: Field, parents: list[Table], rest: str) -> Resolved:
    """A parent's field; of several possible parents any that has it."""
    if len(parents) > 1 and rest.lower() == "type":
        return made_field("Type", "string"), lambda record: type_of_parent(parents, record.get(link.name))
    inner: list[tuple[Table, Getter]] = []
    field, missing = None, None
    for table in parents:
        try:
            found, get = resolve(store, table.sobject, rest)
        except NoSuchName as exc:
            missing = missing or exc
            continue
        field = field or found
        inner.append((table, get))
    if field is None:
        raise missing or malformed_query("no parent")

    def through(record: Record) -> Any:
        parent_id = record.get(link.name, "")
        for table, get in inner:
            up = table.records.get(parent_id)
            if up is not None:
                return get(up)
        return None

    return field, through


def type_of_parent(parents: list[Table], parent_id: Any) -> str | None:
    """The name of the object that a lookup with several targets points to."""
    return next((table.sobject.name for table in parents if parent_id in table.records), None)


def parents_of(store: Store, sobject: SObject, relationship: str) -> tuple[Field, list[Table]]:
    """The lookup field behind a relationship's name and the objects that it leads to, those that are known."""
    link = sobject.relationships.get(relationship.lower())
    known = [store.tables[name] for name in (link.reference_to if link else ()) if name in store.tables]
    if link is None or not known:
        message = (
            f"Didn't understand relationship '{relationship}' in field path. If you are attempting to use a custom "
            "relationship, be sure to append the '__r' after the custom relationship name. Please reference your "
            "WSDL or the describe call for the appropriate names."
        )
        raise NoSuchName(relationship, message)
    return link, known


def getter(store: Store, sobject: SObject, field: Field) -> Getter:
    """How to read a field: from the record, or by its formula."""
    name = field.name
    if field.formula is not None:
        return formulas.evaluator(field.formula, lambda path: resolve(store, sobject, path)[1], field)
    if field.type == "boolean":
        return lambda record: record.get(name, False)
    if field.type == "encryptedstring":
        return lambda record: masked(field.raw, record.get(name))
    return lambda record: record.get(name)


def masked(raw: Json, value: str | None) -> str | None:
    """What is shown of an encrypted text: nothing, or its last four characters."""
    if value is None:
        return None
    sign = "X" if raw["mask"] == "X" else "*"
    shown = 4 if raw["maskType"] in ("lastFour", "creditCard") else 0
    return sign * (len(value) - shown) + value[len(value) - shown :]


@cache
def made_field(name: str, kind: str) -> Field:
    """A field that no object has: a function's result."""
    return field_of(describe.field_describe({"name": name, "type": kind}))


def _called(store: Store, sobject: SObject, call: Call) -> Resolved:
    if call.name in AGGREGATES or call.name == "FIELDS" or call.argument is None:
        raise malformed_query(f"{call.name} cannot stand here")
    field, get = resolve(store, sobject, call.argument)
    if call.name in ("CONVERTCURRENCY", "CONVERTTIMEZONE"):
        return field, get
    if call.name == "TOLABEL":
        if not field.raw["picklistValues"] and field.name not in ("Name", "RecordTypeId"):
            raise Refused("INVALID_FIELD", f"field {field.name} does not support the function toLabel")
        labels = {v["value"]: v["label"] for v in field.raw["picklistValues"]}
        return made_field(field.name, "string"), _applied(get, lambda value: _labelled(labels, value))
    if call.name == "FORMAT":
        return made_field(field.name, "string"), _applied(get, lambda value: _formatted(field, value))
    if field.type not in ("date", "datetime"):
        raise Refused("INVALID_FIELD", f"field {field.name} does not support the function {call.name}")
    return made_field(call.name, "date" if call.name == "DAY_ONLY" else "int"), _applied(get, DATE_PARTS[call.name])


def _labelled(labels: dict[str, str], value: str) -> str:
    """The label of a value; of each of several chosen ones."""
    return ";".join(labels.get(part, part) for part in value.split(";"))


def _applied(get: Getter, function: Callable[[Any], Any]) -> Getter:
    def apply(record: Record) -> Any:
        value = get(record)
        return None if value is None else function(value)

    return apply


def _formatted(field: Field, value: Any) -> str:
    """As a user in the United States reads it."""
    if field.type in NUMBERS:
        shown = f"{value:,.{field.raw['scale']}f}"
        return f"${shown}" if field.type == "currency" else f"{shown}%" if field.type == "percent" else shown
    if field.type not in ("date", "datetime"):
        return str(value)
    day = f"{int(value[5:7])}/{int(value[8:10])}/{value[:4]}"
    if field.type == "date":
        return day
    hour = int(value[11:13])
    return f"{day}, {hour % 12 or 12}:{value[14:16]} {'PM' if hour > 11 else 'AM'}"


def _day(text: str) -> date:
    return date.fromisoformat(text[:10])


def _quarter(text: str) -> int:
    return (int(text[5:7]) + 2) // 3


DATE_PARTS: dict[str, Callable[[str], Any]] = {
    "CALENDAR_YEAR": lambda text: int(text[:4]),
    "FISCAL_YEAR": lambda text: int(text[:4]),
    "CALENDAR_QUARTER": _quarter,
    "FISCAL_QUARTER": _quarter,
    "CALENDAR_MONTH": lambda text: int(text[5:7]),
    "FISCAL_MONTH": lambda text: int(text[5:7]),
    "DAY_IN_MONTH": lambda text: int(text[8:10]),
    "DAY_IN_WEEK": lambda text: _day(text).isoweekday() % 7 + 1,
    "DAY_IN_YEAR": lambda text: _day(text).timetuple().tm_yday,
    "DAY_ONLY": lambda text: text[:10],
    "HOUR_IN_DAY": lambda text: int(text[11:13] or 0),
    "WEEK_IN_MONTH": lambda text: (int(text[8:10]) + 6) // 7,
    "WEEK_IN_YEAR": lambda text: (_day(text).timetuple().tm_yday + 6) // 7,
}
