"""What a query is, once read: one small class for each thing that SOQL can say."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Literal:
    """A value as written. `kind`: string, number, boolean, null, date, datetime, period (LAST_N_DAYS:3)."""

    kind: str
    value: str | float | int | bool | None


@dataclass(frozen=True, slots=True)
class Call:
    """`NAME(argument)`: an aggregate, a date function, toLabel and their like. The name is in upper case."""

    name: str
    argument: "Expression | None" = None


Expression = str | Call  #: a path (Name, Account.Owner.Name) or a call on one


@dataclass(frozen=True, slots=True)
class Comparison:
    """`field op literal`; op is one of = != < <= > >= LIKE."""

    field: Expression
    op: str
    value: Literal


@dataclass(frozen=True, slots=True)
class InList:
    """`field IN (...)`."""

    field: Expression
    values: tuple[Literal, ...]
    negated: bool


@dataclass(frozen=True, slots=True)
class Includes:
    """`field INCLUDES ('a;b', 'c')`: a multi-select picklist that has a and b, or c."""

    field: Expression
    values: tuple[str, ...]
    negated: bool


@dataclass(frozen=True, slots=True)
class SemiJoin:
    """`field IN (SELECT Lookup FROM X ...)`."""

    field: Expression
    query: "Query"
    negated: bool


@dataclass(frozen=True, slots=True)
class IdSet:
    """What a semi-join becomes when its inner query has run."""

    field: Expression
    ids: frozenset[str]
    negated: bool


@dataclass(frozen=True, slots=True)
class And:
    parts: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class Or:
    parts: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class Not:
    part: "Node"


Node = Comparison | InList | Includes | SemiJoin | IdSet | And | Or | Not


@dataclass(frozen=True, slots=True)
class Order:
    field: Expression
    descending: bool = False
    nulls_last: bool = False


@dataclass(frozen=True, slots=True)
class Item:
    """A selected expression that is more than a plain path: a call, or something with an alias."""

    expression: Expression
    alias: str | None = None


@dataclass(frozen=True, slots=True)
class TypeOf:
    """`TYPEOF Owner WHEN User THEN Name, Email ELSE Name END`."""

    relationship: str
    cases: tuple[tuple[str, tuple[str, ...]], ...]
    otherwise: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Query:
    """A whole query. `fields` is empty for COUNT(); FIELDS(ALL) and its kin stand in it as written.

    A sub-select is a Query among the fields; its `sobject` is then a child relationship's name.
    """

    fields: tuple["Selected", ...]
    sobject: str
    where: Node | None = None
    order: tuple[Order, ...] = ()
    limit: int | None = None
    offset: int = 0
    counts: bool = False
    group: tuple[Expression, ...] = ()
    having: Node | None = None
    all_rows: bool = False
    scope: str = ""


Selected = str | Item | Query | TypeOf
