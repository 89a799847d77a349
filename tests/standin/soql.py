"""Reading SOQL: text to tokens to a tree. What is not supported is refused by name, never ignored."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import NoReturn

from tests.standin.errors import malformed_query


@dataclass(frozen=True, slots=True)
class Literal:
    """A value as written. `kind`: string, number, boolean, null, date, datetime, period (LAST_N_DAYS:3)."""

    kind: str
    value: str | float | int | bool | None


@dataclass(frozen=True, slots=True)
class Comparison:
    """`field op literal`; op is one of = != < <= > >= LIKE."""

    field: str
    op: str
    value: Literal


@dataclass(frozen=True, slots=True)
class InList:
    """`field IN (...)`."""

    field: str
    values: tuple[Literal, ...]
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


Node = Comparison | InList | And | Or | Not


@dataclass(frozen=True, slots=True)
class Order:
    field: str
    descending: bool = False
    nulls_last: bool = False


@dataclass(frozen=True, slots=True)
class Query:
    """A whole query. `fields` is empty for COUNT(); FIELDS(ALL) and its kin stand in it as written."""

    fields: tuple[str, ...]
    sobject: str
    where: Node | None = None
    order: tuple[Order, ...] = ()
    limit: int | None = None
    offset: int = 0
    counts: bool = False


_TOKEN = re.compile(
    r"""\s*(?:
      (?P<string>'(?:[^'\\]|\\.)*')
    | (?P<datetime>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:?\d\d)?)
    | (?P<date>\d{4}-\d\d-\d\d(?![\dT]))
    | (?P<number>[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?)
    | (?P<name>[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)*(?::\d+)?)
    | (?P<symbol><=|>=|!=|<>|[=<>(),])
    )""",
    re.VERBOSE,
)
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f"}
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)

PERIODS = frozenset(
    [
        "TODAY",
        "YESTERDAY",
        "TOMORROW",
        "THIS_WEEK",
        "LAST_WEEK",
        "NEXT_WEEK",
        "THIS_MONTH",
        "LAST_MONTH",
        "NEXT_MONTH",
        "THIS_YEAR",
        "LAST_YEAR",
        "NEXT_YEAR",
    ]
)
COUNTED_PERIODS = frozenset(["LAST_N_DAYS", "NEXT_N_DAYS", "N_DAYS_AGO"])

_UNSUPPORTED = frozenset(["GROUP", "HAVING", "FOR", "ALL", "WITH", "TYPEOF", "USING", "SCOPE", "ROLLUP", "CUBE"])


@dataclass(frozen=True, slots=True)
class Token:
    kind: str
    text: str
    place: int

    @property
    def word(self) -> str:
        """The keyword that this may be; empty for anything else."""
        return self.text.upper() if self.kind == "name" else ""


def tokens(text: str) -> list[Token]:
    """Cut a query into tokens."""
    found: list[Token] = []
    place, end = 0, len(text.rstrip())
    while place < end:
        match = _TOKEN.match(text, place)
        if match is None or match.lastgroup is None:
            start = len(text) - len(text[place:].lstrip())
            raise malformed_query(f"line 1:{start} unexpected character '{text[start]}'")
        found.append(Token(match.lastgroup, match[match.lastgroup], match.start(match.lastgroup)))
        place = match.end()
    return found


def parse(text: str) -> Query:
    """The tree of a query; MALFORMED_QUERY when it is not one, or uses what the stand-in lacks."""
    return _Parser(text).query()


def unescape(text: str, keep_wildcards: bool) -> str:
    """The value of a string literal without its quotes; LIKE keeps `\\%` and `\\_` for itself."""

    def plain(match: re.Match[str]) -> str:
        letter = match[1]
        if keep_wildcards and letter in "%_\\":
            return match[0]
        return _ESCAPES.get(letter, letter)

    return _ESCAPED.sub(plain, text)


class _Parser:
    """Recursive descent, one method for each rule of the grammar."""

    def __init__(self, text: str) -> None:
        self._tokens = tokens(text)
        self._place = 0

    def query(self) -> Query:
        self._keyword("SELECT")
        fields, counts = self._select_list()
        self._keyword("FROM")
        sobject = self._name("an object name")
        where = self._disjunction() if self._accept("WHERE") else None
        order = self._order_by() if self._accept("ORDER") else ()
        limit = self._count("LIMIT")
        offset = self._count("OFFSET")
        if self._peek() is not None:
            self._unexpected()
        return Query(fields, sobject, where, order, limit, offset or 0, counts)

    def _peek(self) -> Token | None:
        return self._tokens[self._place] if self._place < len(self._tokens) else None

    def _next(self, wanted: str) -> Token:
        token = self._peek()
        if token is None:
            raise malformed_query(f"unexpected end of the query, expecting {wanted}")
        self._place += 1
        return token

    def _unexpected(self) -> NoReturn:
        token = self._peek()
        if token is None:
            raise malformed_query("unexpected token: '<EOF>'")
        note = " (not supported by this stand-in)" if token.word in _UNSUPPORTED else ""
        raise malformed_query(f"unexpected token: '{token.text}' at column {token.place + 1}{note}")

    def _accept(self, text: str) -> bool:
        token = self._peek()
        if token is not None and text in (token.word, token.text if token.kind == "symbol" else ""):
            self._place += 1
            return True
        return False

    def _keyword(self, text: str) -> None:
        if not self._accept(text):
            self._unexpected()

    def _name(self, wanted: str) -> str:
        token = self._peek()
        if token is None or token.kind != "name" or token.word in _UNSUPPORTED:
            self._unexpected()
        return self._next(wanted).text

    def _select_list(self) -> tuple[tuple[str, ...], bool]:
        if self._accept("COUNT"):
            self._keyword("(")
            self._keyword(")")
            return (), True
        fields = [self._selected()]
        while self._accept(","):
            fields.append(self._selected())
        return tuple(fields), False

    def _selected(self) -> str:
        if self._accept("("):
            raise malformed_query("sub-selects are not supported by this stand-in")
        name = self._name("a field")
        if not self._accept("("):
            return name
        if name.upper() != "FIELDS":
            raise malformed_query(f"the function {name}() is not supported by this stand-in")
        which = self._name("ALL, STANDARD or CUSTOM") if not self._accept("ALL") else "ALL"
        self._keyword(")")
        return f"FIELDS({which.upper()})"

    def _disjunction(self) -> Node:
        """AND and OR may not stand side by side without parentheses, as in Salesforce."""
        first = self._negation()
        for word, kind in (("AND", And), ("OR", Or)):
            if self._accept(word):
                parts = [first, self._negation()]
                while self._accept(word):
                    parts.append(self._negation())
                return kind(tuple(parts))
        return first

    def _negation(self) -> Node:
        if self._accept("NOT"):
            return Not(self._negation())
        if self._accept("("):
            inner = self._disjunction()
            self._keyword(")")
            return inner
        return self._condition()

    def _condition(self) -> Node:
        field = self._name("a field")
        if self._accept("NOT"):
            self._keyword("IN")
            return InList(field, self._list(), True)
        if self._accept("IN"):
            return InList(field, self._list(), False)
        if self._accept("LIKE"):
            token = self._next("a string")
            if token.kind != "string":
                raise malformed_query(f"LIKE needs a string, not {token.text}")
            return Comparison(field, "LIKE", Literal("string", unescape(token.text[1:-1], keep_wildcards=True)))
        op = self._next("an operator")
        if op.text not in ("=", "!=", "<>", "<", "<=", ">", ">="):
            self._place -= 1
            self._unexpected()
        return Comparison(field, "!=" if op.text == "<>" else op.text, self._literal())

    def _list(self) -> tuple[Literal, ...]:
        self._keyword("(")
        token = self._peek()
        if token is not None and token.word == "SELECT":
            raise malformed_query("semi-joins are not supported by this stand-in")
        values = [self._literal()]
        while self._accept(","):
            values.append(self._literal())
        self._keyword(")")
        return tuple(values)

    def _literal(self) -> Literal:
        token = self._next("a value")
        make: dict[str, Callable[[], Literal]] = {
            "string": lambda: Literal("string", unescape(token.text[1:-1], keep_wildcards=False)),
            "date": lambda: Literal("date", token.text),
            "datetime": lambda: Literal("datetime", token.text),
            "number": lambda: Literal("number", float(token.text)),
            "name": lambda: self._word_literal(token),
        }
        if token.kind not in make:
            self._place -= 1
            self._unexpected()
        return make[token.kind]()

    def _word_literal(self, token: Token) -> Literal:
        word = token.word
        if word in ("TRUE", "FALSE"):
            return Literal("boolean", word == "TRUE")
        if word == "NULL":
            return Literal("null", None)
        if word in PERIODS or (word.split(":")[0] in COUNTED_PERIODS and ":" in word):
            return Literal("period", word)
        self._place -= 1
        self._unexpected()

    def _order_by(self) -> tuple[Order, ...]:
        self._keyword("BY")
        orders = [self._order()]
        while self._accept(","):
            orders.append(self._order())
        return tuple(orders)

    def _order(self) -> Order:
        field = self._name("a field")
        descending = self._accept("DESC")
        if not descending:
            self._accept("ASC")
        if not self._accept("NULLS"):
            return Order(field, descending)
        if self._accept("LAST"):
            return Order(field, descending, nulls_last=True)
        self._keyword("FIRST")
        return Order(field, descending)

    def _count(self, word: str) -> int | None:
        if not self._accept(word):
            return None
        token = self._next("a number")
        if token.kind != "number" or not token.text.isdigit():
            raise malformed_query(f"{word} needs a whole number, not {token.text}")
        return int(token.text)
