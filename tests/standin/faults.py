"""Faults to order: failures that a test asks for, seeded so that they happen again the same way."""

import re
from dataclasses import dataclass, field
from random import Random
from typing import Any

Json = dict[str, Any]


@dataclass(slots=True)
class Fault:
    """What goes wrong on the paths that match. Exactly one of the three kinds is set."""

    match: re.Pattern[str]
    status: int | None = None  #: answered instead of doing the work
    timeout_seconds: float | None = None  #: the work is done, the answer is held back this long
    drop_after_commit: bool = False  #: the work is done, the connection is cut without an answer
    probability: float = 1.0
    times: int | None = None  #: how often it may still happen; None without limit
    random: Random = field(default_factory=Random)
    happened: int = 0

    def strikes(self, path: str) -> bool:
        if (self.times is not None and self.happened >= self.times) or not self.match.search(path):
            return False
        if self.probability < 1.0 and self.random.random() >= self.probability:
            return False
        self.happened += 1
        return True

    def as_json(self) -> Json:
        kind = {
            "status": self.status,
            "timeout_seconds": self.timeout_seconds,
            "drop_after_commit": self.drop_after_commit,
        }
        limits = {"probability": self.probability, "times": self.times, "happened": self.happened}
        return {"match": self.match.pattern, **kind, **limits}


class Faults:
    """The faults in force; the first that strikes is the one that happens."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []

    def order(self, given: Json) -> Fault:
        """Put a fault in force; ValueError says what is wrong with the order."""
        kinds = [name for name in ("status", "timeout_seconds", "drop_after_commit") if given.get(name)]
        if len(kinds) != 1:
            raise ValueError("a fault is exactly one of status, timeout_seconds, drop_after_commit")
        try:
            pattern = re.compile(given.get("match", ""))
        except re.error as exc:
            raise ValueError(f"match is not a regular expression: {exc}") from exc
        fault = Fault(
            pattern,
            given.get("status"),
            given.get("timeout_seconds"),
            bool(given.get("drop_after_commit")),
            float(given.get("probability", 1.0)),
            given.get("times"),
            Random(given.get("seed", 0)),
        )
        self._faults.append(fault)
        return fault

    def pick(self, path: str) -> Fault | None:
        return next((fault for fault in self._faults if fault.strikes(path)), None) if self._faults else None

    def all(self) -> list[Json]:
        return [fault.as_json() for fault in self._faults]

    def clear(self) -> None:
        self._faults.clear()
