"""SOQL's text as tokens, and the place of an error as Salesforce shows it."""

import re
from dataclasses import dataclass

from tests.standin.errors import Refused, malformed_query

_TOKEN = re.compile(
    r"""\s*(?:
      (?P<string>'(?:[^'\\]|\\.)*')
    | (?P<datetime>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:?\d\d)?)
    | (?P<date>\d{4}-\d\d-\d\d(?![\dT]))
    | (?P<time>\d\d:\d\d:\d\d(?:\.\d+)?Z?)
    | (?P<number>[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?)
    | (?P<name>[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)*(?::\d+)?)
    | (?P<symbol><=|>=|!=|<>|[=<>(),])
    )""",
    re.VERBOSE | re.DOTALL,
)
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f"}
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
SHOWN_AROUND = 40  #: characters of the query on either side of an error's place


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
            raise malformed_query(located(text, start, f"unexpected token: '{text[start]}'"))
        found.append(Token(match.lastgroup, match[match.lastgroup], match.start(match.lastgroup)))
        place = match.end()
    return found


def located(text: str, place: int, reason: str) -> str:
    """An error's message as Salesforce writes it: the query around the place, a caret below it, row and column."""
    start = max(0, place - SHOWN_AROUND)
    shown = re.sub(r"\s", " ", text[start : place + SHOWN_AROUND])
    row = text.count("\n", 0, place) + 1
    column = place - (text.rfind("\n", 0, place) + 1) + 1
    return f"\n{shown}\n{' ' * (place - start)}^\nERROR at Row:{row}:Column:{column}\n{reason}"


def with_place(text: str, refused: Refused, name: str) -> Refused:
    """The same refusal, with the place where the query names what it is about."""
    found = re.search(rf"(?<![\w.])(?:\w+\.)*{re.escape(name)}(?!\w)", text, re.IGNORECASE)
    if found is None:
        return refused
    return Refused(refused.code, located(text, found.start(), refused.message), refused.fields, refused.status)


def unescape(text: str, keep_wildcards: bool) -> str:
    """The value of a string literal without its quotes; LIKE keeps `\\%` and `\\_` for itself."""

    def plain(match: re.Match[str]) -> str:
        letter = match[1]
        if keep_wildcards and letter in "%_\\":
            return match[0]
        return _ESCAPES.get(letter, letter)

    return _ESCAPED.sub(plain, text)
