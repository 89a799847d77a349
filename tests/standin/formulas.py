"""Formula fields: a small, safe part of Salesforce's formula language, evaluated when a record is read."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.standin.rounding import half_up
from tests.standin.schema import Field
from tests.standin.table import Record

Value = Any
Eval = Callable[[Record], Value]
Path = Callable[[str], Eval]  #: how a field's path is read

_TOKEN = re.compile(
    r"""\s*(?:
      (?P<text>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
    | (?P<number>\d+(?:\.\d+)?)
    | (?P<name>[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)
    | (?P<symbol><>|!=|<=|>=|&&|\|\||[-+*/&()<>=,!])
    )""",
    re.VERBOSE,
)
_LEVELS = (("||",), ("&&",), ("=", "<>", "!=", "<", "<=", ">", ">="), ("&", "+", "-"), ("*", "/"))  #: weakest first


class NotUnderstood(Exception):
    """A formula beyond the part that the stand-in reads; its field is always null."""


def evaluator(formula: str, path: Path, field: Field) -> Eval:
    """A function from a record to the formula's value; a formula that is not understood gives null."""
    try:
        compiled = _Parser(formula, path).whole()
    except NotUnderstood:
        return lambda record: None
    finish = _finish(field)

    def evaluate(record: Record) -> Value:
        try:
            return finish(compiled(record))
        except (TypeError, ZeroDivisionError, ValueError):
            return None  # Salesforce shows #Error!, which the API gives as null

    return evaluate


def _finish(field: Field) -> Callable[[Value], Value]:
    """The result in the field's type."""
    if field.type in ("double", "currency", "percent"):
        scale = field.raw["scale"]
        return lambda value: None if value is None else half_up(float(value), scale)
    if field.type == "boolean":
        return bool
    return lambda value: value if value != "" else None


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str


class _Parser:
    """Recursive descent over operators by strength, straight into closures."""

    def __init__(self, formula: str, path: Path) -> None:
        self._path = path
        self._tokens: list[_Token] = []
        self._place = 0
        place, end = 0, len(formula.rstrip())
        while place < end:
            match = _TOKEN.match(formula, place)
            if match is None or match.lastgroup is None:
                raise NotUnderstood(formula[place:])
            self._tokens.append(_Token(match.lastgroup, match[match.lastgroup]))
            place = match.end()

    def whole(self) -> Eval:
        found = self._level(0)
        if self._place < len(self._tokens):
            raise NotUnderstood(self._tokens[self._place].text)
        return found

    def _accept(self, *texts: str) -> str | None:
        if self._place < len(self._tokens) and self._tokens[self._place].text in texts:
            self._place += 1
            return self._tokens[self._place - 1].text
        return None

    def _level(self, level: int) -> Eval:
        if level == len(_LEVELS):
            return self._operand()
        left = self._level(level + 1)
        while op := self._accept(*_LEVELS[level]):
            left = _binary(op, left, self._level(level + 1))
        return left

    def _operand(self) -> Eval:
        if self._accept("("):
            inner = self._level(0)
            self._expect(")")
            return inner
        if self._accept("-"):
            operand = self._operand()
            return lambda record: -_number(operand(record))
        if self._accept("!"):
            negated = self._operand()
            return lambda record: not negated(record)
        if self._place == len(self._tokens):
            raise NotUnderstood("end")
        token = self._tokens[self._place]
        self._place += 1
        if token.kind == "text":
            text = re.sub(r"\\(.)", r"\1", token.text[1:-1])
            return lambda record: text
        if token.kind == "number":
            number = float(token.text)
            return lambda record: number
        if token.kind != "name":
            raise NotUnderstood(token.text)
        return self._call(token.text.upper()) if self._accept("(") else self._named(token.text)

    def _named(self, name: str) -> Eval:
        constant = {"TRUE": True, "FALSE": False, "NULL": None}
        if name.upper() in constant:
            value = constant[name.upper()]
            return lambda record: value
        return self._path(name)

    def _expect(self, text: str) -> None:
        if not self._accept(text):
            raise NotUnderstood(f"{text} is missing")

    def _call(self, name: str) -> Eval:
        arguments: list[Eval] = []
        while not self._accept(")"):
            if arguments:
                self._expect(",")
            arguments.append(self._level(0))
        if name not in FUNCTIONS or not FUNCTIONS[name][0] <= len(arguments) <= FUNCTIONS[name][1]:
            raise NotUnderstood(name)
        if name == "IF":
            test, then, otherwise = arguments
            return lambda record: then(record) if test(record) else otherwise(record)
        function = FUNCTIONS[name][2]
        return lambda record: function(*(argument(record) for argument in arguments))


def _text(value: Value) -> str:
    if value is None:
        return ""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _number(value: Value) -> float:
    """A number; null counts as zero."""
    return 0.0 if value is None else float(value)


def _plus(left: Value, right: Value) -> Value:
    return (
        _text(left) + _text(right)
        if isinstance(left, str) or isinstance(right, str)
        else _number(left) + _number(right)
    )


def _same(left: Value, right: Value) -> bool:
    return (left or None) == (right or None) if isinstance(left, str) or isinstance(right, str) else bool(left == right)


_OPERATORS: dict[str, Callable[[Value, Value], Value]] = {
    "&": lambda left, right: _text(left) + _text(right),
    "+": _plus,
    "-": lambda left, right: _number(left) - _number(right),
    "*": lambda left, right: _number(left) * _number(right),
    "/": lambda left, right: _number(left) / _number(right),
    "=": _same,
    "<>": lambda left, right: not _same(left, right),
    "!=": lambda left, right: not _same(left, right),
    "<": lambda left, right: left < right,
    "<=": lambda left, right: left <= right,
    ">": lambda left, right: left > right,
    ">=": lambda left, right: left >= right,
    "&&": lambda left, right: bool(left and right),
    "||": lambda left, right: bool(left or right),
}

MANY = 100
FUNCTIONS: dict[str, tuple[int, int, Callable[..., Value]]] = {
    "IF": (3, 3, lambda test, then, otherwise: then if test else otherwise),
    "AND": (1, MANY, lambda *values: all(values)),
    "OR": (1, MANY, lambda *values: any(values)),
    "NOT": (1, 1, lambda value: not value),
    "ISBLANK": (1, 1, lambda value: value is None or value == ""),
    "BLANKVALUE": (2, 2, lambda value, other: other if value is None or value == "" else value),
    "NULLVALUE": (2, 2, lambda value, other: other if value is None else value),
    "ISPICKVAL": (2, 2, _same),
    "TEXT": (1, 1, _text),
    "VALUE": (1, 1, float),
    "UPPER": (1, 1, lambda value: _text(value).upper()),
    "LOWER": (1, 1, lambda value: _text(value).lower()),
    "TRIM": (1, 1, lambda value: _text(value).strip()),
    "LEN": (1, 1, lambda value: float(len(_text(value)))),
    "LEFT": (2, 2, lambda value, count: _text(value)[: int(count)]),
    "RIGHT": (2, 2, lambda value, count: _text(value)[-int(count) :] if count else ""),
    "ROUND": (2, 2, lambda value, digits: half_up(_number(value), int(digits))),
    "ABS": (1, 1, lambda value: abs(_number(value))),
    "MAX": (1, MANY, lambda *values: max(map(_number, values))),
    "MIN": (1, MANY, lambda *values: min(map(_number, values))),
}


def _binary(op: str, left: Eval, right: Eval) -> Eval:
    function = _OPERATORS[op]
    return lambda record: function(left(record), right(record))
