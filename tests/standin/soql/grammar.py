"""SOQL's grammar: a parser by recursive descent, one method for each rule."""

from typing import NoReturn

from tests.standin.errors import malformed_query
from tests.standin.soql import words
from tests.standin.soql.lexer import Token, located, tokens, unescape
from tests.standin.soql.tree import (
    And,
    Call,
    Comparison,
    Expression,
    Includes,
    InList,
    Item,
    Literal,
    Node,
    Not,
    Or,
    Order,
    Query,
    Selected,
    SemiJoin,
    TypeOf,
)


def parse(text: str) -> Query:
    """The tree of a query; MALFORMED_QUERY when it is not one, or uses what the stand-in lacks."""
    return _Parser(text).whole()


class _Tokens:
    """The tokens of a text, taken one after the other."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = tokens(text)
        self._place = 0

    def peek(self, ahead: int = 0) -> Token | None:
        place = self._place + ahead
        return self._tokens[place] if place < len(self._tokens) else None

    def next(self) -> Token:
        token = self.peek()
        if token is None:
            self.unexpected()
        self._place += 1
        return token

    def unexpected(self, token: Token | None = None) -> NoReturn:
        """Refuse the token that comes next, or the given one."""
        token = token or self.peek()
        if token is None:
            raise malformed_query(located(self._text, len(self._text.rstrip()), "unexpected token: '<EOF>'"))
        self.refuse(token, f"unexpected token: '{token.text}'{words.unsupported(token.word)}")

    def refuse(self, token: Token, reason: str) -> NoReturn:
        raise malformed_query(located(self._text, token.place, reason))

    def next_is(self, text: str, ahead: int = 0) -> bool:
        token = self.peek(ahead)
        return token is not None and text in (token.word, token.text if token.kind == "symbol" else "")

    def accept(self, text: str) -> bool:
        if not self.next_is(text):
            return False
        self._place += 1
        return True

    def accept_all(self, *texts: str) -> bool:
        """Take all of these, or none."""
        if not all(self.next_is(text, ahead) for ahead, text in enumerate(texts)):
            return False
        self._place += len(texts)
        return True

    def keyword(self, *texts: str) -> None:
        for text in texts:
            if not self.accept(text):
                self.unexpected()

    def name(self) -> Token:
        token = self.peek()
        if token is None or token.kind != "name" or token.word in words.RESERVED:
            self.unexpected()
        return self.next()

    def number(self, what: str) -> int:
        token = self.next()
        if token.kind != "number" or not token.text.isdigit():
            self.refuse(token, f"{what} needs a whole number, not {token.text}")
        return int(token.text)


class _Parser:
    """One method for each rule."""

    def __init__(self, text: str) -> None:
        self._t = _Tokens(text)
        self._alias = ""

    def whole(self) -> Query:
        found = self.query()
        if self._t.peek() is not None:
            self._t.unexpected()
        return found

    def query(self) -> Query:
        outer, self._alias = self._alias, ""
        self._t.keyword("SELECT")
        fields, counts = self._select_list()
        self._t.keyword("FROM")
        sobject = self._t.name().text
        self._alias = self._alias_of_object()
        fields = tuple(self._without_alias(item) for item in fields)
        scope = self._t.name().text if self._t.accept_all("USING", "SCOPE") else ""
        where = self._disjunction() if self._t.accept("WHERE") else None
        self._ignored()
        group, having = self._group_by()
        order = self._order_by() if self._t.accept_all("ORDER", "BY") else ()
        limit = self._t.number("LIMIT") if self._t.accept("LIMIT") else None
        offset = self._t.number("OFFSET") if self._t.accept("OFFSET") else 0
        all_rows = self._ending()
        self._alias = outer
        return Query(fields, sobject, where, order, limit, offset, counts, group, having, all_rows, scope)

    def _alias_of_object(self) -> str:
        self._t.accept("AS")
        token = self._t.peek()
        if token is None or token.kind != "name" or token.word in words.CLAUSES:
            return ""
        return self._t.name().text.lower()

    def _ignored(self) -> None:
        """WITH clauses that change nothing here: there is no data that a user may only half see."""
        if not self._t.accept("WITH"):
            return
        if not any(self._t.accept(word) for word in ("SECURITY_ENFORCED", "USER_MODE", "SYSTEM_MODE")):
            self._t.unexpected()

    def _ending(self) -> bool:
        all_rows = False
        while True:
            if self._t.accept_all("ALL", "ROWS"):
                all_rows = True
            elif self._t.accept("FOR"):
                if not any(self._t.accept(word) for word in ("VIEW", "REFERENCE", "UPDATE")):
                    self._t.unexpected()
            elif self._t.accept("UPDATE"):
                if not any(self._t.accept(word) for word in ("TRACKING", "VIEWSTAT")):
                    self._t.unexpected()
            else:
                return all_rows

    def _select_list(self) -> tuple[tuple[Selected, ...], bool]:
        if self._t.accept_all("COUNT", "(", ")"):
            if self._t.next_is("FROM"):
                return (), True
            self._t.unexpected()
        fields = [self._selected()]
        while self._t.accept(","):
            fields.append(self._selected())
        return tuple(fields), False

    def _selected(self) -> Selected:
        if self._t.accept("("):
            inner = self.query()
            self._t.keyword(")")
            return inner
        if self._t.accept("TYPEOF"):
            return self._type_of()
        expression = self._expression()
        if isinstance(expression, Call) and expression.name == "FIELDS":
            return f"FIELDS({expression.argument})"
        token = self._t.peek()
        aliased = token is not None and token.kind == "name" and not self._t.next_is("FROM")
        alias = self._t.name().text if aliased else None
        return Item(expression, alias) if alias or isinstance(expression, Call) else expression

    def _type_of(self) -> TypeOf:
        relationship = self._t.name().text
        cases: list[tuple[str, tuple[str, ...]]] = []
        while self._t.accept("WHEN"):
            kind = self._t.name().text
            self._t.keyword("THEN")
            cases.append((kind, self._names()))
        otherwise = self._names() if self._t.accept("ELSE") else ()
        self._t.keyword("END")
        return TypeOf(relationship, tuple(cases), otherwise)

    def _names(self) -> tuple[str, ...]:
        found = [self._t.name().text]
        while self._t.accept(","):
            found.append(self._t.name().text)
        return tuple(found)

    def _expression(self) -> Expression:
        """A path, or a function of one."""
        token = self._t.name()
        if not self._t.next_is("("):
            return self._path(token.text)
        name = token.word
        if name not in words.FUNCTIONS:
            self._t.refuse(token, f"unexpected token: '{token.text}' (the stand-in does not know this function)")
        self._t.keyword("(")
        if name == "FIELDS":
            which = self._t.next().word
            if which not in ("ALL", "STANDARD", "CUSTOM"):
                self._t.refuse(token, f"FIELDS({which}) is not one of ALL, STANDARD, CUSTOM")
            self._t.keyword(")")
            return Call(name, which)
        argument = None if self._t.next_is(")") and name == "COUNT" else self._expression()
        self._t.keyword(")")
        return Call(name, argument)

    def _path(self, text: str) -> str:
        head, _, rest = text.partition(".")
        return rest if rest and head.lower() == self._alias else text

    def _without_alias(self, item: Selected) -> Selected:
        if isinstance(item, str):
            return self._path(item)
        return Item(self._bare(item.expression), item.alias) if isinstance(item, Item) else item

    def _bare(self, expression: Expression | None) -> Expression:
        if isinstance(expression, Call):
            return Call(expression.name, expression.argument and self._bare(expression.argument))
        return self._path(expression or "")

    def _disjunction(self) -> Node:
        """AND and OR may not stand side by side without parentheses, as in Salesforce."""
        first = self._negation()
        for word, kind in (("AND", And), ("OR", Or)):
            if self._t.accept(word):
                parts = [first, self._negation()]
                while self._t.accept(word):
                    parts.append(self._negation())
                return kind(tuple(parts))
        return first

    def _negation(self) -> Node:
        if self._t.accept("NOT"):
            return Not(self._negation())
        if self._t.accept("("):
            inner = self._disjunction()
            self._t.keyword(")")
            return inner
        return self._condition()

    def _condition(self) -> Node:
        field = self._expression()
        if self._t.accept_all("NOT", "IN"):
            return self._in(field, negated=True)
        if self._t.accept("IN"):
            return self._in(field, negated=False)
        for word, negated in (("INCLUDES", False), ("EXCLUDES", True)):
            if self._t.accept(word):
                return Includes(field, self._strings(), negated)
        if self._t.accept("LIKE"):
            return Comparison(field, "LIKE", Literal("string", self._string(keep_wildcards=True)))
        op = self._t.next()
        if op.text not in ("=", "!=", "<>", "<", "<=", ">", ">="):
            self._t.unexpected(op)
        return Comparison(field, "!=" if op.text == "<>" else op.text, self._literal())

    def _in(self, field: Expression, negated: bool) -> Node:
        self._t.keyword("(")
        if self._t.next_is("SELECT"):
            inner = self.query()
            self._t.keyword(")")
            return SemiJoin(field, inner, negated)
        values = [self._literal()]
        while self._t.accept(","):
            values.append(self._literal())
        self._t.keyword(")")
        return InList(field, tuple(values), negated)

    def _strings(self) -> tuple[str, ...]:
        self._t.keyword("(")
        found = [self._string()]
        while self._t.accept(","):
            found.append(self._string())
        self._t.keyword(")")
        return tuple(found)

    def _string(self, keep_wildcards: bool = False) -> str:
        token = self._t.next()
        if token.kind != "string":
            self._t.unexpected(token)
        return unescape(token.text[1:-1], keep_wildcards)

    def _literal(self) -> Literal:
        token = self._t.next()
        match token.kind:
            case "string":
                return Literal("string", unescape(token.text[1:-1], keep_wildcards=False))
            case "date" | "datetime" | "time":
                return Literal(token.kind, token.text)
            case "number":
                return Literal("number", float(token.text))
        if token.word in ("TRUE", "FALSE"):
            return Literal("boolean", token.word == "TRUE")
        if token.word == "NULL":
            return Literal("null", None)
        if words.is_period(token.word):
            return Literal("period", token.word)
        self._t.unexpected(token)

    def _group_by(self) -> tuple[tuple[Expression, ...], Node | None]:
        if not self._t.accept_all("GROUP", "BY"):
            return (), None
        group = [self._expression()]
        while self._t.accept(","):
            group.append(self._expression())
        return tuple(group), self._disjunction() if self._t.accept("HAVING") else None

    def _order_by(self) -> tuple[Order, ...]:
        orders = [self._order()]
        while self._t.accept(","):
            orders.append(self._order())
        return tuple(orders)

    def _order(self) -> Order:
        field = self._expression()
        descending = self._t.accept("DESC")
        if not descending:
            self._t.accept("ASC")
        if not self._t.accept("NULLS"):
            return Order(field, descending)
        if self._t.accept("LAST"):
            return Order(field, descending, nulls_last=True)
        self._t.keyword("FIRST")
        return Order(field, descending)
