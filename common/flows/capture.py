"""Debezium's road into the change log: what it tells is logged as the trigger would have logged it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from common.mapping import Mapping
from common.ports import Captured, Mappings


class Event(Protocol):
    """A row's change."""

    @property
    def table(self) -> str: ...

    def captured(self, mapping: Mapping) -> Captured | None: ...


class Captures(Protocol):
    """The change log, as far as capture goes."""

    def insert(self, mapping: Mapping, captured: Captured) -> bool:
        """Log it; False where it is ours, known already, overtaken, or not this capture's."""
        ...


@dataclass(frozen=True, slots=True)
class World:
    mappings: Mappings
    captures: Captures
    wake: Callable[[], None]  #: the drainer


def apply(event: Event | None, world: World) -> bool:
    """Log one change and wake the drainer; whether there was something to log.

    Args:
        event: None where the message told of no row's change.

    Raises:
        Transient, Misconfigured: nothing was logged, or the drainer was not woken; the same event may come again.
        Terminal: it can never be logged.
    """
    if event is None:
        return False
    mapping = _mapping(event.table, world.mappings)
    captured = event.captured(mapping) if mapping is not None else None
    if mapping is None or captured is None:
        return False
    logged = world.captures.insert(mapping, captured)
    if logged:
        world.wake()
    return logged


def _mapping(table: str, mappings: Mappings) -> Mapping | None:
    """A table that nobody seems to know may have been mapped a moment ago."""
    found = mappings.of_table(table)
    if found is None:
        mappings.refresh()
        found = mappings.of_table(table)
    return found
