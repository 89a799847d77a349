"""Subscription filters: Pub/Sub's little language over a message's attributes, parsed into a predicate."""

import re
from collections.abc import Callable, Mapping

Predicate = Callable[[Mapping[str, str]], bool]

MAX_BYTES = 256  #: Pub/Sub's own limit on a filter's length

_TOKEN = re.compile(
    r"""\s*(?:
        (?P<string>"(?:[^"\\]|\\.)*")
      | (?P<word>[A-Za-z0-9_\-]+)
      | (?P<mark>!=|[().:=,])
    )""",
    re.VERBOSE,
)
_ESCAPE = re.compile(r"\\(u[0-9A-Fa-f]{4}|x[0-9A-Fa-f]{2}|[0-7]{1,3}|.)")
_ESCAPED = {"n": "\n", "t": "\t", "r": "\r", '"': '"', "'": "'", "\\": "\\"}


class FilterError(ValueError):
    """The filter is not in Pub/Sub's language."""


def parse(text: str) -> Predicate:
    """Turn a filter into a predicate over attributes; an empty filter takes everything.

    Raises:
        FilterError: with the place where it stops making sense.
    """
    if len(text.encode()) > MAX_BYTES:
        raise FilterError(f"longer than {MAX_BYTES} bytes")
    if not text.strip():
        return lambda attributes: True
    return _Parser(_tokens(text)).whole()


def _tokens(text: str) -> list[str]:
    tokens, at = [], 0
    end = len(text.rstrip())
    while at < end:
        found = _TOKEN.match(text, at)
        if found is None:
            raise FilterError(f"not understood at {text[at:]!r}")
        tokens.append(found.group(0).strip())
        at = found.end()
    return tokens


class _Parser:
    """expression = term {AND term} | term {OR term}: mixing the two needs parentheses, as in Pub/Sub."""

    def __init__(self, tokens: list[str]) -> None:
        self._tokens = tokens
        self._at = 0

    def whole(self) -> Predicate:
        predicate = self._expression()
        if self._at < len(self._tokens):
            raise FilterError(f"unexpected {self._peek()!r}")
        return predicate

    def _expression(self) -> Predicate:
        terms = [self._term()]
        joint = self._peek()
        while joint in ("AND", "OR") and self._take(joint):
            terms.append(self._term())
        if self._peek() in ("AND", "OR"):
            raise FilterError("AND and OR are mixed without parentheses")
        return _any_of(terms) if joint == "OR" else _all_of(terms)

    def _term(self) -> Predicate:
        if self._take("NOT") or self._take("-"):
            return _not(self._term())
        if self._peek().startswith("-"):  # "-attributes:x": the minus sticks to the word
            self._tokens[self._at] = self._peek()[1:]
            return _not(self._term())
        if self._take("("):
            inner = self._expression()
            self._need(")")
            return inner
        return self._test()

    def _test(self) -> Predicate:
        if self._take("hasPrefix"):
            return self._prefix_test()
        self._need("attributes")
        if self._take(":"):
            return _has(self._key())
        self._need(".")
        key = self._key()
        if self._take("!="):
            return _not(_equals(key, self._string()))
        self._need("=")
        return _equals(key, self._string())

    def _prefix_test(self) -> Predicate:
        self._need("(")
        self._need("attributes")
        self._need(".")
        key = self._key()
        self._need(",")
        prefix = self._string()
        self._need(")")
        return lambda attributes: attributes.get(key, "").startswith(prefix) and key in attributes

    def _key(self) -> str:
        if self._peek().startswith('"'):
            return self._string()
        word = self._next()
        if not re.fullmatch(r"[A-Za-z0-9_\-]+", word):
            raise FilterError(f"a key is expected, not {word!r}")
        return word

    def _string(self) -> str:
        token = self._next()
        if not token.startswith('"'):
            raise FilterError(f"a quoted string is expected, not {token!r}")
        return _ESCAPE.sub(_unescape, token[1:-1])

    def _peek(self) -> str:
        return self._tokens[self._at] if self._at < len(self._tokens) else ""

    def _next(self) -> str:
        token = self._peek()
        if not token:
            raise FilterError("ends too early")
        self._at += 1
        return token

    def _take(self, token: str) -> bool:
        if self._peek() != token:
            return False
        self._at += 1
        return True

    def _need(self, token: str) -> None:
        if not self._take(token):
            raise FilterError(f"{token!r} is expected, not {self._peek() or 'the end'!r}")


def _unescape(found: re.Match[str]) -> str:
    code = found.group(1)
    if code[0] in "ux" and len(code) > 1:
        return chr(int(code[1:], 16))
    if code[0] in "01234567":
        return chr(int(code, 8))
    if code not in _ESCAPED:
        raise FilterError(f"unknown escape \\{code}")
    return _ESCAPED[code]


def _has(key: str) -> Predicate:
    return lambda attributes: key in attributes


def _equals(key: str, value: str) -> Predicate:
    return lambda attributes: attributes.get(key) == value


def _not(inner: Predicate) -> Predicate:
    return lambda attributes: not inner(attributes)


def _all_of(terms: list[Predicate]) -> Predicate:
    return lambda attributes: all(term(attributes) for term in terms)


def _any_of(terms: list[Predicate]) -> Predicate:
    return lambda attributes: any(term(attributes) for term in terms)
