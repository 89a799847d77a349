"""The timer: what is compared runs by turns, so that a busy machine slows both alike; medians are reported."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Scale:
    """How much is measured."""

    quick: bool = False

    def of(self, usual: int, quick: int) -> int:
        return quick if self.quick else usual


@dataclass(frozen=True, slots=True)
class Pair:
    """Two rates, per second, and by how much the first one is the greater."""

    ours: float
    against: float
    ratio: float  #: the median of the rounds' own ratios: what slows a round slows both its halves
    least: float  #: the lowest round's ratio
    most: float


def rate(units: int, work: Callable[[], object]) -> float:
    """Units per second."""
    began = time.perf_counter()
    work()
    return units / (time.perf_counter() - began)


def rate_of_each(one: Callable[[T], None], items: Sequence[T], *, units: int = 1) -> float:
    """Units per second, where each item is so many units."""
    began = time.perf_counter()
    for item in items:
        one(item)
    return units * len(items) / (time.perf_counter() - began)


def by_turns(ours: Callable[[], float], against: Callable[[], float], rounds: int) -> Pair:
    """A B, B A, A B ... after one round that only warms up.

    Args:
        ours, against: Do their work once and return a rate.
    """
    ours()
    against()
    seen: list[tuple[float, float]] = []
    for n in range(rounds):
        if n % 2:
            b = against()
            seen.append((ours(), b))
        else:
            a = ours()
            seen.append((a, against()))
    ratios = [a / b for a, b in seen]
    return Pair(median(a for a, _ in seen), median(b for _, b in seen), median(ratios), min(ratios), max(ratios))


def all_by_turns(works: Mapping[str, Callable[[], float]], rounds: int) -> dict[str, list[float]]:
    """Each work once per round, in turn; what they returned, by name."""
    seen: dict[str, list[float]] = {name: [] for name in works}
    for n in range(rounds):
        order = list(works) if n % 2 == 0 else list(works)[::-1]
        for name in order:
            seen[name].append(works[name]())
    return seen


def percentile(values: list[float], share: float) -> float:
    """The value that a share of all values does not exceed (nearest rank)."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, max(0, -(-int(share * 100) * len(ordered) // 100) - 1))]
