"""The WHERE tree of a query, compiled into one Python function over a record."""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from tests.standin import ids
from tests.standin.errors import Refused, malformed_query
from tests.standin.querying import periods
from tests.standin.querying.expressions import NUMBERS, Getter, Resolved, resolve
from tests.standin.schema import Field, SObject
from tests.standin.soql import (
    And,
    Comparison,
    Expression,
    IdSet,
    Includes,
    InList,
    Literal,
    Node,
    Not,
    Or,
    SemiJoin,
)
from tests.standin.store import Store
from tests.standin.table import Record
from tests.standin.values import utc_text

Predicate = Callable[[Record], bool]

TEXTS = frozenset(
    [
        "string",
        "textarea",
        "picklist",
        "multipicklist",
        "email",
        "phone",
        "url",
        "combobox",
        "encryptedstring",
    ]
)
_KINDS = {"date": "date", "datetime": "dateTime", "boolean": "boolean", "id": "ID", "reference": "reference"}


class Compiler:
    """Turns a WHERE tree into a predicate, for one object and one moment."""

    def __init__(
        self, store: Store, sobject: SObject, resolver: Callable[[Expression], Resolved] | None = None
    ) -> None:
        self._store = store
        self._resolve = resolver or (lambda expression: resolve(store, sobject, expression))

    def compile(self, node: Node) -> Predicate:
        match node:
            case And(parts):
                checks = [self.compile(part) for part in parts]
                return lambda record: all(check(record) for check in checks)
            case Or(parts):
                checks = [self.compile(part) for part in parts]
                return lambda record: any(check(record) for check in checks)
            case Not(part):
                check = self.compile(part)
                return lambda record: not check(record)
            case InList():
                return self._in_list(node)
            case Includes():
                return self._includes(node)
            case IdSet():
                return self._id_set(node)
            case SemiJoin():
                raise malformed_query("a semi-join cannot stand here")
            case Comparison():
                return self._comparison(node)

    def _filtered(self, expression: Expression) -> Resolved:
        """The field of a condition, which must be one that conditions may have."""
        field, get = self._resolve(expression)
        if not field.raw["filterable"]:
            raise Refused("INVALID_FIELD", f"field '{field.name}' can not be filtered in a query call")
        return field, get

    def _in_list(self, node: InList) -> Predicate:
        field, get = self._filtered(node.field)
        if any(value.kind == "period" for value in node.values):
            raise Refused("MALFORMED_QUERY", "date literals cannot stand in an IN list")
        wanted = {comparable(field, value) for value in node.values}
        get = _folded(field, get)
        if node.negated:
            return lambda record: get(record) not in wanted
        return lambda record: get(record) in wanted

    def _id_set(self, node: IdSet) -> Predicate:
        field, get = self._filtered(node.field)
        if field.type not in ("id", "reference"):
            raise malformed_query(f"The left operand field of a semi-join must be an ID or a lookup: {field.name}")
        wanted = node.ids
        if node.negated:
            return lambda record: get(record) not in wanted
        return lambda record: get(record) in wanted

    def _includes(self, node: Includes) -> Predicate:
        field, get = self._filtered(node.field)
        if field.type != "multipicklist":
            raise Refused("INVALID_FIELD", f"includes or excludes operator only valid on multipicklist: {field.name}")
        wanted = [frozenset(part.strip().lower() for part in value.split(";")) for value in node.values]

        def check(record: Record) -> bool:
            held = frozenset((get(record) or "").lower().split(";"))
            return any(group <= held for group in wanted) is not node.negated

        return check

    def _comparison(self, node: Comparison) -> Predicate:
        field, get = self._filtered(node.field)
        if node.op == "LIKE":
            return _like(field, get, str(node.value.value))
        if node.value.kind == "period":
            return self._period(field, get, node.op, str(node.value.value))
        if node.op not in ("=", "!=") and field.type == "boolean":
            raise Refused("INVALID_FIELD", f"field '{field.name}' does not support the operator {node.op}")
        if node.op not in ("=", "!=") and field.type == "multipicklist":
            raise Refused("INVALID_FIELD", f"field '{field.name}' does not support the operator {node.op}")
        return _ordered(_folded(field, get), node.op, comparable(field, node.value))

    def _period(self, field: Field, get: Getter, op: str, word: str) -> Predicate:
        if field.type not in ("date", "datetime"):
            raise _wrong_kind(field)
        today = datetime.fromtimestamp(self._store.clock.now(), UTC).date()
        first, after = (day.isoformat() for day in periods.days_of(word, today))
        if field.type == "datetime":
            first, after = (f"{day}T00:00:00.000+0000" for day in (first, after))
        inside = {"=": True, "!=": False}
        if op in inside:
            return lambda record: (first <= (get(record) or "") < after) is inside[op]
        bound, strict = {"<": (first, "<"), "<=": (after, "<"), ">": (after, ">="), ">=": (first, ">=")}[op]
        return _ordered(get, strict, bound)


def comparable(field: Field, literal: Literal) -> Any:
    """The literal in the form that `_folded` gives to a record's value; refuses a literal of another type."""
    value, kind = literal.value, literal.kind
    if kind == "null":
        return None
    if field.type in ("id", "reference") and kind == "string":
        full = ids.to_18(str(value))
        if full is None and value:
            raise Refused("INVALID_QUERY_FILTER_OPERATOR", f"invalid ID field: {value}")
        return full
    if field.type in TEXTS and kind == "string":
        return str(value).lower() or None
    if field.type in NUMBERS and kind == "number":
        return value
    if field.type == kind and kind in ("boolean", "date"):
        return value
    if field.type == "datetime" and kind == "datetime":
        return utc_text(str(value).replace(" ", "+"))
    if field.type == "time" and kind == "time":
        return field.check(value)
    raise _wrong_kind(field)


def _wrong_kind(field: Field) -> Refused:
    quoted = field.type in TEXTS or field.type in ("id", "reference")
    kind = "string" if field.type in TEXTS else _KINDS.get(field.type, field.type)
    message = f"value of filter criterion for field '{field.name}' must be of type {kind}"
    return Refused("INVALID_FIELD", f"{message} and should {'' if quoted else 'not '}be enclosed in quotes")


def _folded(field: Field, get: Getter) -> Getter:
    """Texts are compared without regard to case."""
    if field.type not in TEXTS:
        return get

    def folded(record: Record) -> Any:
        value = get(record)
        return value.lower() if value is not None else None

    return folded


def _ordered(get: Getter, op: str, wanted: Any) -> Predicate:
    if op == "=":
        return lambda record: bool(get(record) == wanted)
    if op == "!=":
        return lambda record: bool(get(record) != wanted)
    if wanted is None:
        return lambda record: False
    compare: dict[str, Callable[[Any], bool]] = {
        "<": lambda value: bool(value < wanted),
        "<=": lambda value: bool(value <= wanted),
        ">": lambda value: bool(value > wanted),
        ">=": lambda value: bool(value >= wanted),
    }
    test = compare[op]

    def check(record: Record) -> bool:
        value = get(record)
        return value is not None and test(value)

    return check


def _like(field: Field, get: Getter, pattern: str) -> Predicate:
    if field.type not in TEXTS:
        raise Refused("INVALID_FIELD", f"field '{field.name}' does not support the operator LIKE")
    shape = re.compile("".join(map(_like_part, re.findall(r"\\.|[^\\]|\\\Z", pattern))), re.IGNORECASE | re.DOTALL)

    def check(record: Record) -> bool:
        value = get(record)
        return value is not None and shape.fullmatch(value) is not None

    return check


def _like_part(part: str) -> str:
    if part in ("%", "_"):
        return ".*" if part == "%" else "."
    return re.escape(part[1:] if len(part) == 2 else part)
