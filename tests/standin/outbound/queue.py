"""Outbound message definitions and the queue of notifications that wait to be sent."""

import heapq
import threading
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from tests.standin.clock import Clock
from tests.standin.errors import Refused
from tests.standin.ids import IdSource
from tests.standin.schema import Field, SObject

Json = dict[str, Any]

MAX_NOTIFICATIONS = 100  #: per message
FIRST_RETRY_SECONDS = 2.0
MAX_RETRY_SECONDS = 7200.0
LIFETIME_SECONDS = 24 * 3600.0  #: a notification that was not delivered by then is dropped
COMPOUND = ("address", "location", "base64", "complexvalue")


@dataclass(frozen=True, slots=True)
class Definition:
    """What is sent where when a record of an object is created or changed."""

    id: str
    name: str
    object: str
    fields: tuple[str, ...]  #: without Id, in ASCII order, as they are sent
    endpoint: str
    include_session_id: bool
    user_id: str

    def as_json(self) -> Json:
        shown = asdict(self)
        shown["includeSessionId"] = shown.pop("include_session_id")
        shown["userId"] = shown.pop("user_id")
        return shown | {"fields": ["Id", *self.fields]}


@dataclass(slots=True)
class Notification:
    """One record's place in the queue; the record itself is read when it is sent."""

    id: str
    record_id: str
    queued_at: float
    attempts: int = 0
    due_at: float = 0.0
    last_error: str | None = None
    held: bool = False  #: a fault has delayed it already


@dataclass(slots=True)
class Line:
    """One definition's queue. `current` has the latest notification of each record; others are stale."""

    definition: Definition
    current: dict[str, Notification] = field(default_factory=dict)
    ready: deque[Notification] = field(default_factory=deque)
    waiting: list[tuple[float, str, Notification]] = field(default_factory=list)
    in_flight: int = 0
    delivered: int = 0
    messages: int = 0
    dropped: int = 0
    last_error: str | None = None


def define(given: Json, definition_id: str, sobject: SObject, user_id: str) -> Definition:
    """A definition from the control API's body; refuses fields that cannot be sent."""
    sendable = [name for name, f in sobject.fields.items() if f.type not in COMPOUND and name != "Id"]
    asked = given.get("fields") or sendable
    names = {(sobject.find(name) or _unknown(name, sobject)).name for name in asked} - {"Id"}
    wrong = names - set(sendable)
    if wrong:
        raise Refused("INVALID_FIELD", f"Fields that an outbound message cannot carry: {', '.join(sorted(wrong))}")
    return Definition(
        id=definition_id,
        name=given["name"],
        object=sobject.name,
        fields=tuple(sorted(names)),
        endpoint=given["endpoint"],
        include_session_id=bool(given.get("includeSessionId", False)),
        user_id=given.get("userId") or user_id,
    )


def _unknown(name: str, sobject: SObject) -> Field:
    raise Refused("INVALID_FIELD", f"No such column '{name}' on sobject of type {sobject.name}")


class OutboundQueue:
    """Queues by definition. Whoever sends calls `take` and then `settle`."""

    def __init__(self, clock: Clock, journal: Callable[[Json], None]) -> None:
        self._clock = clock
        self._journal = journal
        self._changed = threading.Condition()
        self._lines: dict[str, Line] = {}
        self._by_object: dict[str, list[Line]] = {}
        self._closed = False
        self.definition_ids = IdSource("04k")
        self.notification_ids = IdSource("04l")

    def add(self, definition: Definition, record: bool = True) -> None:
        with self._changed:
            known = self._lines.get(definition.id)
            if known is not None:
                known.definition = definition
            else:
                line = self._lines[definition.id] = Line(definition)
                self._by_object.setdefault(definition.object, []).append(line)
        self.definition_ids.seen(definition.id)
        if record:
            self._journal({"k": "outbound", "definition": asdict(definition)})

    def rename_field(self, sobject: str, old: str, new: str) -> None:
        """Let the definitions of an object follow a field to its new name."""
        for definition in self.definitions():
            if definition.object == sobject and old in definition.fields:
                names = tuple(sorted(new if name == old else name for name in definition.fields))
                self.add(replace(definition, fields=names))

    def remove(self, definition_id: str) -> bool:
        """Forget a definition and what waits in its queue."""
        with self._changed:
            line = self._lines.pop(definition_id, None)
            if line is None:
                return False
            self._by_object[line.definition.object].remove(line)
        self._journal({"k": "outbound-gone", "id": definition_id})
        return True

    def definitions(self) -> list[Definition]:
        with self._changed:
            return [line.definition for line in self._lines.values()]

    def enqueue(self, changes: Iterable[tuple[str, str]]) -> list[Json]:
        """Queue what a commit changed; what waits for a record is replaced. Returns the journal's part."""
        queued: list[Json] = []
        if not self._by_object:
            return queued
        now = self._clock.now()
        with self._changed:
            for sobject, record_id in changes:
                for line in self._by_object.get(sobject, ()):
                    found = Notification(self.notification_ids.take(), record_id, now)
                    self._place(line, found)
                    queued.append({"def": line.definition.id, "rec": record_id, "id": found.id, "at": now})
            if queued:
                self._changed.notify_all()
        return queued

    def restore(self, entry: Json) -> None:
        """A queued notification from the journal."""
        line = self._lines.get(entry["def"])
        self.notification_ids.seen(entry["id"])
        if line is not None:
            self._place(line, Notification(entry["id"], entry["rec"], entry["at"]))

    @staticmethod
    def _place(line: Line, found: Notification) -> None:
        line.current[found.record_id] = found
        line.ready.append(found)

    def take(self) -> tuple[Definition, list[Notification]] | None:
        """Wait for notifications that are due and take up to one message of them; None once closed."""
        with self._changed:
            while not self._closed:
                soonest = None
                for line in list(self._lines.values()):
                    self._wake(line)
                    batch = self._batch(line)
                    if batch:
                        self._lines[line.definition.id] = self._lines.pop(line.definition.id)  # others first, next time
                        return line.definition, batch
                    if line.waiting:
                        soonest = min(soonest or line.waiting[0][0], line.waiting[0][0])
                self._changed.wait(None if soonest is None else max(0.0, soonest - self._clock.now()))
        return None

    def _wake(self, line: Line) -> None:
        now = self._clock.now()
        while line.waiting and line.waiting[0][0] <= now:
            line.ready.append(heapq.heappop(line.waiting)[2])

    @staticmethod
    def _batch(line: Line) -> list[Notification]:
        batch: list[Notification] = []
        while line.ready and len(batch) < MAX_NOTIFICATIONS:
            found = line.ready.popleft()
            if line.current.get(found.record_id) is found:
                del line.current[found.record_id]
                batch.append(found)
        line.in_flight += len(batch)
        return batch

    def hold(self, definition: Definition, batch: list[Notification], seconds: float) -> None:
        """Put back what was taken: due again that much later, with the data of then."""
        with self._changed:
            line = self._lines.get(definition.id)
            if line is None:
                return
            line.in_flight -= len(batch)
            for found in batch:
                found.held, found.due_at = True, self._clock.now() + seconds
                if found.record_id not in line.current:
                    line.current[found.record_id] = found
                    heapq.heappush(line.waiting, (found.due_at, found.id, found))
            self._changed.notify_all()

    def settle(self, definition: Definition, batch: list[Notification], problem: str | None) -> None:
        """Note how sending went: done, or to be tried again later, or dropped after a day."""
        with self._changed:
            line = self._lines.get(definition.id)
            if line is None:
                return
            line.in_flight -= len(batch)
            line.messages += 1
            line.last_error = problem or line.last_error
            gone = batch if problem is None else [n for n in batch if not self._try_again(line, n, problem)]
            if problem is None:
                line.delivered += len(batch)
            self._changed.notify_all()
        if gone:
            self._journal({"k": "sent", "def": definition.id, "ids": [n.id for n in gone]})

    def _try_again(self, line: Line, found: Notification, problem: str) -> bool:
        now = self._clock.now()
        found.last_error = problem
        found.attempts += 1
        found.due_at = now + min(FIRST_RETRY_SECONDS * 2 ** (found.attempts - 1), MAX_RETRY_SECONDS)
        if found.record_id in line.current:
            return False  # newer data waits already
        if found.due_at - found.queued_at > LIFETIME_SECONDS:
            line.dropped += 1
            return False
        line.current[found.record_id] = found
        heapq.heappush(line.waiting, (found.due_at, found.id, found))
        return True

    def clock_moved(self) -> None:
        with self._changed:
            self._changed.notify_all()

    def wait_idle(self, timeout_seconds: float) -> bool:
        """Wait until nothing is queued or under way."""
        with self._changed:
            return self._changed.wait_for(self._is_idle, timeout_seconds)

    def _is_idle(self) -> bool:
        return all(not line.current and not line.in_flight for line in self._lines.values())

    def forget(self, definition_id: str, notification_ids: Iterable[str]) -> None:
        """Notifications that the journal says were sent."""
        line, gone = self._lines.get(definition_id), set(notification_ids)
        if line is not None:
            line.current = {r: n for r, n in line.current.items() if n.id not in gone}

    def clear(self) -> None:
        with self._changed:
            self._lines.clear()
            self._by_object.clear()

    def close(self) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def overview(self, details: int = 100) -> list[Json]:
        """Each definition's queue, for people and tests."""
        with self._changed:
            return [self._shown(line, details) for line in self._lines.values()]

    @staticmethod
    def _shown(line: Line, details: int) -> Json:
        first = [asdict(n) for n in list(line.current.values())[:details]]
        counts = {"queued": len(line.current), "inFlight": line.in_flight, "delivered": line.delivered}
        more = {"messages": line.messages, "dropped": line.dropped, "lastError": line.last_error}
        return {
            "id": line.definition.id,
            "name": line.definition.name,
            **counts,
            **more,
            "notifications": first,
        }

    def snapshot(self) -> Iterable[Json]:
        """Journal entries that make this queue again."""
        for line in self._lines.values():
            yield {"k": "outbound", "definition": asdict(line.definition)}
            for n in line.current.values():
                yield {
                    "k": "queued",
                    "def": line.definition.id,
                    "rec": n.record_id,
                    "id": n.id,
                    "at": n.queued_at,
                }
