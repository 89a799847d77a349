"""What becomes of a field's value between Salesforce and its column, both ways. Pure; computed here and nowhere else.

Towards Postgres a value is trimmed, put into its case, exchanged by the value map, shifted, and filled where it is empty;
towards Salesforce the map and the shift are undone. What cannot be undone (case, default, constant, a map that makes one of
two values) is refused where a field travels both ways, by common/ruling.py; where it only travels to Salesforce, it is
carried out in that direction.
"""

import re
from collections.abc import Mapping as Map
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property
from typing import Any

from common import clock
from common.change import Value
from common.errors import Terminal

DATE_LENGTH = 10  #: letters of 2026-01-31; what is longer has a time

_SHIFT = re.compile(r"([+-]?)(\d{1,6})([dhm])")
_UNITS = {"d": "days", "h": "hours", "m": "minutes"}


@dataclass(frozen=True)
class Rules:
    """One field's rules. What is not set changes nothing."""

    trim: bool = False
    case: str = ""  #: upper, lower
    words: tuple[tuple[str, str], ...] = ()  #: the value map: Salesforce's word, the column's word
    others: str | None = None  #: the column's word for every word of Salesforce's that the map does not list
    shift: str = ""  #: +9h, -1d, 30m: added on the way to Postgres
    default: Value = None  #: stands where the value is empty, in the words of the side that receives it
    constant: Value = None  #: stands always, in the words of the side that receives it
    readonly: bool = False  #: what is written into the column is never sent
    exact: bool = False  #: values travel back: no two of Salesforce's may look alike here

    def __bool__(self) -> bool:
        return self._any

    @cached_property
    def _any(self) -> bool:
        return bool(self.written().keys() - {"readonly"})

    @property
    def lossy(self) -> str:
        """The name of the rule that no inverse brings back; empty where there is none."""
        if self.constant is not None:
            return "constant"
        if self.case:
            return "case"
        if self.default is not None:
            return "default"
        return "map" if self.others is not None or self.meeting else ""

    @property
    def meeting(self) -> tuple[str, str] | None:
        """Two of Salesforce's words that the map makes one of."""
        seen: dict[str, str] = {}
        for theirs, ours in self.words:
            if ours in seen:
                return seen[ours], theirs
            seen[ours] = theirs
        return None

    @cached_property
    def _in(self) -> Map[str, str]:
        return dict(self.words)

    @cached_property
    def _out(self) -> Map[str, str]:
        return {ours: theirs for theirs, ours in self.words}

    # -- values --------------------------------------------------------------------------------------

    def forward(self, value: Value) -> Value:
        """What the column says of a value of Salesforce's.

        Raises:
            Terminal: the value has no place in the column: another one has its word, or it leaves the calendar.
        """
        if self.constant is not None:
            return self.constant
        if isinstance(value, str):
            value = self._mapped(self._shaped(value))
            value = _shifted(value, self.shift) if self.shift and value else value
        return self.default if value in (None, "") else value

    def outward(self, value: Value) -> Value:
        """What Salesforce is told of a column's value.

        Raises:
            Terminal: it leaves the calendar.
        """
        if self.constant is not None:
            return self.constant
        if isinstance(value, str):
            value = _shifted(value, self.shift, back=True) if self.shift and value else value
            value = self._shaped(self._out.get(value, value))
        return self.default if value in (None, "") else value

    def settled(self, value: object) -> object:
        """What the column will say of its own value once that has been to Salesforce and back: what others compare with."""
        return self.forward(self.outward(value)) if self.words and isinstance(value, str) else value

    def _shaped(self, text: str) -> str:
        text = text.strip() if self.trim else text
        return text.upper() if self.case == "upper" else text.lower() if self.case == "lower" else text

    def _mapped(self, text: str) -> str:
        if not self.words or not text or text in self._in:
            return self._in.get(text, text)
        if self.others is not None:
            return self.others
        if self.exact and text in self._out:
            raise Terminal(
                "value_ambiguous", f"{text!r} is the column's word for {self._out[text]!r}",
                f"Give {text!r} a word of its own in the field's value map.",
            )  # fmt: skip
        return text

    # -- as people write it --------------------------------------------------------------------------

    def written(self) -> dict[str, Any]:
        """As it is stored and exported: only what is set."""
        words = dict(self.words) | ({"*": self.others} if self.others is not None else {})
        held = {
            "trim": self.trim, "case": self.case, "map": words, "shift": self.shift, "default": self.default,
            "constant": self.constant, "readonly": self.readonly,
        }  # fmt: skip
        plain = {
            "trim": False, "case": "", "map": {}, "shift": "", "default": None, "constant": None, "readonly": False,
        }  # fmt: skip
        return {name: value for name, value in held.items() if value != plain[name]}


NONE = Rules()
NAMES = ("trim", "case", "map", "shift", "default", "constant", "readonly")


def read(held: Map[str, Any]) -> Rules:
    """The rules of a field as they are stored, or as a person wrote them.

    Raises:
        ValueError: they are no rules; in words for people.
    """
    if not held:
        return NONE
    unknown = sorted(set(held) - set(NAMES))
    if unknown:
        raise ValueError(f"{unknown[0]!r} is no rule; rules are: {', '.join(NAMES)}")
    words = held.get("map") or {}
    if not isinstance(words, dict) or not all(isinstance(w, str) and w for pair in words.items() for w in pair):
        raise ValueError("map takes pairs of words, such as Open:o,Closed:c")
    case, shift = held.get("case", ""), str(held.get("shift", ""))
    if case not in ("", "upper", "lower"):
        raise ValueError(f"case is upper or lower, not {case!r}")
    if shift and not _SHIFT.fullmatch(shift):
        raise ValueError(f"shift takes a number of d, h or m, such as +9h or -1d, not {shift!r}")
    return Rules(
        trim=held.get("trim") is True,
        case=case,
        words=tuple((theirs, ours) for theirs, ours in words.items() if theirs != "*"),
        others=words.get("*"),
        shift=shift,
        default=_value(held.get("default")),
        constant=_value(held.get("constant")),
        readonly=held.get("readonly") is True,
    )


def _value(held: Any) -> Value:
    return held if held is None or isinstance(held, str | bool) else str(held)


def moved_by(shift: str) -> timedelta:
    """How far `+9h` moves a time."""
    found = _SHIFT.fullmatch(shift)
    if found is None:
        raise ValueError(f"{shift!r} is no shift")
    sign, number, unit = found.groups()
    return timedelta(**{_UNITS[unit]: int(number)}) * (-1 if sign == "-" else 1)


def _shifted(text: str, shift: str, *, back: bool = False) -> str:
    by = moved_by(shift) * (-1 if back else 1)
    try:
        if len(text) == DATE_LENGTH:
            return (date.fromisoformat(text) + by).isoformat()
        moved = clock.parse(text) + by
        return moved.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    except (ValueError, OverflowError) as exc:
        raise Terminal("value_refused", f"{text!r} cannot be moved by {shift}", "Mend the value or the rule.") from exc
