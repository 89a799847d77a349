"""What people, the console and schedulers order of backfills: plan, run, look, pause, resume, cancel."""

import json
from collections.abc import Mapping as Map
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from common.backfill import OPEN, SLICE, TO_SALESFORCE_SLICE, Backfill
from common.errors import Terminal
from common.flows import backfill
from common.mapping import Direction, Mapping
from common.named import of_records
from common.ports import Mappings

TO = {"postgres": Direction.SF_TO_PG, "salesforce": Direction.PG_TO_SF}
Row = Map[str, Any]


class Desk(Protocol):
    """The part of the database that people's orders change."""

    def begin(self, mapping: Mapping, direction: Direction, who: str, slice_records: int) -> Backfill: ...

    def find(self, backfill_id: int) -> Backfill | None: ...

    def waiting(self, backfill: Backfill) -> int | None: ...

    def pause(self, backfill_id: int, paused: bool) -> None: ...

    def end(self, backfill: Backfill, state: str, error: str = "") -> None: ...

    def progress(self, backfill_id: int | None = None, limit: int = 20) -> Sequence[Row]: ...

    def unsent(self, mapping: Mapping) -> int: ...


class Counting(Protocol):
    """Salesforce, asked how many records there are."""

    def count(self, mapping: Mapping) -> int: ...


@dataclass(frozen=True, slots=True)
class Orders:
    """Takes orders by name and number."""

    mappings: Mappings
    desk: Desk
    works: backfill.Works

    def plan(self, name: str, to: str, slice_records: int, salesforce: Counting) -> Row:
        """What a backfill would do; nothing is begun. One call of Salesforce at most.

        Raises:
            Terminal: nothing is mapped so, or not in that direction.
        """
        mapping, direction = self._chosen(name, to)
        size = slice_records or _size(direction)
        inwards = direction is Direction.SF_TO_PG
        records = salesforce.count(mapping) if inwards else self.desk.unsent(mapping)
        return {
            "object": mapping.sobject, "table": mapping.table, "direction": direction.value, "records": records,
            "slices": -(-records // size), "slice_records": size,
        }  # fmt: skip

    def run(self, name: str, to: str, slice_records: int, who: str) -> Row:
        """Begin one; its slices are done by the door `backfill`.

        Raises:
            Terminal: as in `plan`; or another one of the mapping is under way.
        """
        mapping, direction = self._chosen(name, to)
        begun = self.desk.begin(mapping, direction, who, slice_records or _size(direction))
        backfill.carry_on(begun, self.desk, self.works)
        return self.status(begun.id)[0]

    def status(self, backfill_id: int | None = None, limit: int = 20) -> Sequence[Row]:
        """How far one is, or the last ones.

        Raises:
            Terminal: there is no such backfill.
        """
        found = self.desk.progress(backfill_id, limit)
        if backfill_id is not None and not found:
            raise _missing(backfill_id)
        return found

    def pause(self, backfill_id: int) -> Row:
        """Stop after the slice that is under way."""
        self.desk.pause(backfill_id, True)
        return self.status(backfill_id)[0]

    def resume(self, backfill_id: int) -> Row:
        """Go on where it stopped; for one that nobody paused, ask for its next slice once more."""
        self.desk.pause(backfill_id, False)
        found = self.desk.find(backfill_id)
        if found is not None:
            backfill.carry_on(found, self.desk, self.works)
        return self.status(backfill_id)[0]

    def cancel(self, backfill_id: int) -> Row:
        """Give it up after the slice that is under way; what was written stays."""
        found = self.desk.find(backfill_id)
        if found is None:
            raise _missing(backfill_id)
        if found.state in OPEN:
            self.desk.end(found, "cancelled")
        return self.status(backfill_id)[0]

    def _chosen(self, name: str, to: str) -> tuple[Mapping, Direction]:
        mapping = of_records(self.mappings.all(), name)
        if to and to not in TO:
            raise Terminal("order_refused", f"`to` is {to!r}", f"Name one of {', '.join(TO)}.")
        usual = Direction.PG_TO_SF if mapping.direction is Direction.PG_TO_SF else Direction.SF_TO_PG
        direction = TO.get(to, usual)
        if mapping.direction not in (direction, Direction.BIDIRECTIONAL):
            raise Terminal(
                "order_refused", f"{mapping.sobject} is mapped {mapping.direction}",
                "Its records travel in that direction only.",
            )  # fmt: skip
        return mapping, direction


def answer(orders: Orders, path: str, body: Map[str, Any], salesforce: Counting) -> str:
    """Take one order as it comes over HTTP: the last part of the path, and what JSON said. The answer is JSON too.

    Raises:
        Terminal: it is none of ours.
    """
    told = _answer(orders, path, body, salesforce)
    return json.dumps(told, default=lambda moment: moment.isoformat()) + "\n"


def _answer(orders: Orders, path: str, body: Map[str, Any], salesforce: Counting) -> Row | Sequence[Row]:
    match path:
        case "plan":
            return orders.plan(_text(body, "object"), body.get("to") or "", _number(body, "slice"), salesforce)
        case "run":
            who = str(body.get("who") or "backfill")
            return orders.run(_text(body, "object"), body.get("to") or "", _number(body, "slice"), who)
        case "status":
            return orders.status(_number(body, "backfill") or None)
        case "pause" | "resume" | "cancel":
            order = {"pause": orders.pause, "resume": orders.resume, "cancel": orders.cancel}[path]
            return order(_number(body, "backfill"))
    raise Terminal("order_unknown", f"/{path}", "Ask for one of /plan, /run, /status, /pause, /resume and /cancel.")


def _text(body: Map[str, Any], name: str) -> str:
    value = body.get(name)
    if not isinstance(value, str) or not value:
        raise Terminal("order_refused", f"`{name}` is {value!r}", "Name an object or a table, such as Account.")
    return value


def _number(body: Map[str, Any], name: str) -> int:
    text = str(body.get(name) or 0)
    if not text.isdecimal():
        raise Terminal("order_refused", f"`{name}` is {text!r}", "Give a whole number.")
    return int(text)


def _size(direction: Direction) -> int:
    return SLICE if direction is Direction.SF_TO_PG else TO_SALESFORCE_SLICE


def _missing(backfill_id: int) -> Terminal:
    return Terminal("backfill_missing", f"there is no backfill {backfill_id}", "`isthmus backfill list` shows them.")
