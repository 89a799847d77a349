"""Salesforce record ids: three letters of prefix, a counter in base 62, three letters of checksum."""

import re

DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
CHECKSUM = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"
POD = "Sb0"  #: instance and reserved characters that follow the prefix
COUNTER_DIGITS = 9

_SHAPE = re.compile(r"[0-9A-Za-z]{15}(?:[A-Z0-5]{3})?\Z")
_UPPER = [1 if "A" <= c <= "Z" else 0 for c in map(chr, range(128))]


def checksum(short: str) -> str:
    """Three characters that say which of the fifteen are upper case."""
    return _mark(short[0:5]) + _mark(short[5:10]) + _mark(short[10:15])


def _mark(five: str) -> str:
    bits = 0
    for place, letter in enumerate(five):
        bits |= _UPPER[ord(letter)] << place
    return CHECKSUM[bits]


def to_18(text: str) -> str | None:
    """The 18-character form of a 15- or 18-character id; None when it has not the shape of one.

    The last three characters restore the case of an 18-character id, as in Salesforce.
    """
    if not _SHAPE.match(text):
        return None
    short = text[:15]
    if len(text) == 18 and checksum(short) != text[15:]:
        short = _restore_case(short, text[15:])
    return short + checksum(short)


def _restore_case(short: str, marks: str) -> str:
    letters = []
    for place, letter in enumerate(short):
        upper = CHECKSUM.index(marks[place // 5]) >> (place % 5) & 1
        letters.append(letter.upper() if upper else letter.lower())
    return "".join(letters)


def base62(number: int, width: int) -> str:
    text = ""
    for _ in range(width):
        number, digit = divmod(number, 62)
        text = DIGITS[digit] + text
    return text


class IdSource:
    """Hands out one object's ids in rising order (ASCII order is the order of creation)."""

    _BLOCK = 62**5

    def __init__(self, prefix: str, start: int = 1) -> None:
        self.prefix = prefix
        self.next_number = start
        self._block = -1
        self._head = ""
        self._marks = ""

    def take(self) -> str:
        number = self.next_number
        self.next_number = number + 1
        block, rest = divmod(number, self._BLOCK)
        if block != self._block:
            self._block = block
            self._head = self.prefix + POD + base62(block, COUNTER_DIGITS - 5)
            self._marks = _mark(self._head[0:5]) + _mark(self._head[5:10])
        tail = base62(rest, 5)
        return self._head + tail + self._marks + _mark(tail)

    def seen(self, record_id: str) -> None:
        """Never hand out this id: it came back from the journal or from a data file."""
        if not record_id.startswith(self.prefix + POD):
            return
        number = 0
        for letter in record_id[6:15]:
            number = number * 62 + DIGITS.index(letter)
        self.next_number = max(self.next_number, number + 1)
