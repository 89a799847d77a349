"""Everything about events that the org remembers: it hears of commits, keeps the log, and comes back from the journal."""

import secrets
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any
from uuid import uuid4

from tests.standin.clock import Clock
from tests.standin.events.bell import Bell
from tests.standin.events.capture import Commit, Rules
from tests.standin.events.change import Moment
from tests.standin.events.computed import Computed
from tests.standin.events.failures import Failed
from tests.standin.events.log import Batch, Event, Log
from tests.standin.events.managed import Managed
from tests.standin.events.registry import Registry
from tests.standin.events.topics import Topics
from tests.standin.events.usage import Usage
from tests.standin.schema import SObject
from tests.standin.store import Actor, Committed, Store

Json = dict[str, Any]

TICK_SECONDS = 3600.0  #: a quiet log marks a moment this often, so that replay ids handed out meanwhile can expire


class Hub:
    """The org's event bus."""

    def __init__(self, store: Store, clock: Clock, settings: Json, journal: Callable[[Json], None]) -> None:
        self._clock = clock
        self._store = store
        self._computed = Computed(store)
        self._journal = journal
        self.topics = Topics(store, settings)
        self.registry = Registry()
        self.log = Log(clock.now)
        self.managed = Managed(journal)
        self.usage = Usage(clock.now)
        self.bell = Bell()
        self.log.on_append = self.bell.ring
        self.streams: set[Any] = set()  #: subscriptions that are open
        self.to_lose = 0  #: how many of the next events get lost
        self._kept_schemas: set[str] = set()
        self._last_number = 0

    def moment(self) -> Moment:
        """A new transaction's place in time. Its number grows, and is too large for a double, as it may be."""
        now = self._clock.now()
        self._last_number = max(self._last_number + 1, int(now * 1e9))
        key = uuid4().hex
        parts = ("0000" + secrets.token_hex(2), key[:4], key[4:8], key[8:12], key[12:24])
        return Moment("-".join(parts), self._last_number, int(now) * 1000)

    def committed(self, changes: Sequence[Committed]) -> Json:
        """Hear of a commit; what is returned stands in its journal entry."""
        told = [c for c in changes if c.new is not None and c.actor is not None]
        entities = {c.sobject.name for c in told}
        untracked = self.topics.untracked(entities)
        if entities <= untracked:
            return {}
        told = [self._computed.added(c) for c in told]
        commit = Commit(told, untracked, self.moment(), self._rules(), self.log.reserve(len(told)))
        if self.to_lose:
            return {"events": self._add_what_is_left(commit)}
        self._enter(commit)
        return {"tx": _transaction(commit, changes)}

    def _enter(self, commit: Commit) -> None:
        last, at = commit.first + len(commit.changes) - 1, commit.moment.at_ms / 1000
        self.log.append(Batch(commit.first, last, at, None, partial(commit.events, self.registry)))

    def _add_what_is_left(self, commit: Commit) -> list[Json]:
        made = commit.events(self.registry)
        lost = min(self.to_lose, len(made))
        self.to_lose -= lost
        return [self._add(made[lost:])] if made[lost:] else []

    def _rules(self) -> Rules:
        given = self.topics.settings
        return Rules(bool(given["mergeEvents"]), bool(given["diffFields"]), int(given["maxTransactionChanges"]))

    def publish(self, events: list[Event]) -> list[Event]:
        """Put made events into the log, each at a new place; those that repeat another keep their replay id."""
        with self._store.lock:
            first = self.log.reserve(len(events))
            placed = [replace(e, number=n, replay=e.replay or n) for n, e in enumerate(events, start=first)]
            self._journal(self._add(placed))
        return placed

    def _add(self, events: list[Event]) -> Json:
        self._keep_schemas({event.schema_id for event in events})
        batch = Batch(events[0].number, events[-1].number, self._clock.now(), events)
        self.log.append(batch)
        return _written(batch)

    def _keep_schemas(self, used: set[str]) -> None:
        for entry in self.registry.snapshot(used - self._kept_schemas):
            self._journal(entry)
        self._kept_schemas |= used

    def tick(self) -> None:
        """Let the newest replay id be young, on a quiet log too."""
        if self._clock.now() - self.log.newest_at() >= TICK_SECONDS:
            with self._store.lock:
                number = self.log.reserve(1)
                batch = Batch(number, number, self._clock.now(), [])
                self.log.append(batch)
                self._journal(_written(batch))

    def define_event(self, given: Json, record: bool = True) -> SObject:
        found = self.topics.define_event(given, self._clock.now())
        self.registry.of_object(found)
        if record:
            self._journal({"k": "platform-event", "given": found.raw})
        return found

    def add_channel(self, name: str, members: list[str], record: bool = True) -> None:
        self.topics.add_channel(name, members)
        if record:
            self._journal({"k": "channel", "name": name, "members": members})

    def expire(self) -> None:
        """Forget all events, as if 72 hours had gone by."""
        self.log.expire_all()
        self._journal(self._position())

    def end_streams(self, suffix: str) -> int:
        """End every open subscription with an error; returns how many there were.

        Raises:
            KeyError: no error code ends in that.
        """
        streams = list(self.streams)
        for stream in streams:
            stream.broken = Failed(suffix)
        self.bell.ring()
        return len(streams)

    def reset(self, objects_too: bool) -> None:
        """Forget events, channels and subscriptions; platform events only with other objects."""
        self.log.expire_all()
        self.topics.channels.clear()
        self.managed.clear()
        self.usage.clear()
        self.to_lose = 0
        if objects_too:
            self.topics.platform_events.clear()

    def _position(self) -> Json:
        return {"k": "event-log", "floor": self.log.floor, "newest": self.log.newest, "number": self._last_number}

    def snapshot(self) -> Iterable[Json]:
        """Journal entries that make all this again."""
        batches = list(self.log.batches())
        used = {event.schema_id for batch in batches for event in batch.events()}
        yield from self.registry.snapshot(used)
        yield from ({"k": "platform-event", "given": s.raw} for s in self.topics.platform_events.values())
        yield from ({"k": "channel", "name": n, "members": list(m)} for n, m in self.topics.channels.items())
        yield from self.managed.snapshot()
        yield self._position()
        yield from map(_written, batches)

    def replay(self, entry: Json) -> None:
        """One of our own journal entries."""
        match entry["k"]:
            case "event-schema":
                self.registry.learn(entry["id"], entry["text"])
            case "platform-event":
                self.define_event(entry["given"], record=False)
            case "channel":
                self.add_channel(entry["name"], entry["members"], record=False)
            case "event-log":
                self._last_number = entry["number"]
                self.log.resume(entry["floor"], entry["newest"])
            case "events":
                self._restore(entry)
            case "managed" | "committed-replay":
                self.managed.replay(entry)

    def replay_commit(self, entry: Json) -> None:
        """The events of a commit from the journal; its records must not be restored yet."""
        for events in entry.get("events", ()):
            self._restore(events)
        if "tx" in entry:
            commit = _commit(entry, self._store, self._computed)
            self._last_number = max(self._last_number, commit.moment.number)
            self._enter(commit)

    def _restore(self, entry: Json) -> None:
        made = [Event(n, r, entity, i, s, b64decode(p)) for n, r, entity, i, s, p in entry["events"]]
        self.log.append(Batch(entry["first"], entry["last"], entry["at"], made))


def _written(batch: Batch) -> Json:
    events = [[e.number, e.replay, e.entity, e.id, e.schema_id, b64encode(e.payload).decode()] for e in batch.events()]
    return {"k": "events", "first": batch.first, "last": batch.last, "at": batch.at, "events": events}


def _transaction(commit: Commit, changes: Sequence[Committed]) -> Json:
    """What the journal needs beside the records to make a commit's events again."""
    moment, rules = commit.moment, commit.rules
    found: Json = {"key": moment.key, "number": moment.number, "at": moment.at_ms, "first": commit.first}
    kept = [c.actor for c in changes if c.new is not None]
    one = all(actor is kept[0] for actor in kept)  # as nearly always; comparing actors would cost more than the rest
    actors = kept[:1] if one else list(dict.fromkeys(kept))
    found["actors"] = [[a.user_id, a.channel, a.version, a.call_client] if a else None for a in actors]
    if not one:
        found["who"] = [actors.index(actor) for actor in kept]
    if rules != Rules():
        found["rules"] = [rules.merge, rules.diffs, rules.max_changes]
    if commit.untracked:
        found["untracked"] = sorted(commit.untracked)
    return found


def _commit(entry: Json, store: Store, computed: Computed) -> Commit:
    given, records = entry["tx"], entry["records"]
    actors = [Actor(a[0], "", True, *a[1:]) if a else None for a in given["actors"]]
    who = given.get("who") or [0] * len(records)
    changes = []
    for (name, record), place in zip(records, who, strict=True):
        table = store.tables[name]
        old = table.records.get(record["Id"])
        changes.append(Committed(table.sobject, record["Id"], old, record, actors[place]))
    told = [computed.added(c) for c in changes if c.actor is not None]
    moment = Moment(given["key"], given["number"], given["at"])
    return Commit(told, frozenset(given.get("untracked", ())), moment, Rules(*given.get("rules", ())), given["first"])
