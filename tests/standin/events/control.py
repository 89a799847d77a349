"""What tests and people ask of events through the control API, below /standin/events."""

import io
import json
from base64 import b64decode, b64encode
from collections.abc import Callable
from dataclasses import asdict, replace
from typing import Any

import fastavro

from tests.standin.errors import not_found
from tests.standin.events import capture
from tests.standin.events.log import Event, replay_number
from tests.standin.org import Org
from tests.standin.store import Actor, Committed
from tests.standin.web import Reply, Request, wrong_method

Json = dict[str, Any]

CALLS = (
    ("GET events", "the last events, decoded (?topic=&limit=)"),
    ("DELETE events", "forget all events, as if 72 hours had gone by: replay ids from before are no longer valid"),
    ("GET events/topics", "every topic with its schema id and how many events are kept"),
    ("GET events/schemas/{id}", "a schema, by its id"),
    (
        "GET, POST events/platform-events",
        'definitions; define one, in the compact form: {"name": "X__e", "fields": [...]}',
    ),
    ("GET, POST events/channels", 'custom channels; make one: {"name": "X__chn", "objects": [...]}'),
    ("GET, POST events/managed", 'managed subscriptions: {"developerName", "topic", "preset", "state"}'),
    ("POST events/gap", '{"object", "ids", "type": "UPDATE"}: a gap event'),
    ("POST events/overflow", '{"object"}: an overflow event'),
    (
        "POST events/update",
        '{"object", "ids", "fields", "automatic"}: an update event, merged where there are several ids',
    ),
    ("POST events/duplicate", '{"last": n} or {"replayId"}: the same events once more'),
    ("POST events/lose", '{"next": n}: the next n events get lost'),
    ("GET, POST events/streams", 'open subscriptions; {"error": "service.unavailable"} ends all of them'),
    ("GET events/usage", "events delivered in the last 24 hours"),
)  #: with what each does, as the control API lists them


def answer(org: Org, request: Request, rest: list[str]) -> Reply:
    """Everything below /standin/events; `rest` are the path's segments after it."""
    match rest:
        case []:
            return _events(org, request)
        case ["schemas", schema_id]:
            text = org.events.registry.text(schema_id)
            if text is None:
                raise not_found()
            return Reply(200, json.loads(text))
        case [name] if request.method == "GET" and name in READ:
            return Reply(200, READ[name](org))
        case [name] if name in DONE:
            if request.method != "POST":
                raise wrong_method(request)
            return Reply(201, DONE[name](org, request.json_object()))
    raise not_found()


def _events(org: Org, request: Request) -> Reply:
    if request.method == "DELETE":
        org.events.expire()
        return Reply(204)
    entities = None
    if "topic" in request.query:
        topic = org.events.topics.find(request.query["topic"])
        if topic is None:
            raise not_found()
        entities = org.events.topics.entities(topic)
    found = org.events.log.last_events(entities, int(request.query.get("limit", "100")))
    return Reply(200, [shown(org, event) for event in found])


def shown(org: Org, event: Event) -> Json:
    """An event for people: its replay id in base64, its payload decoded."""
    schema = json.loads(org.events.registry.text(event.schema_id) or "null")
    payload = decoded(schema, event.payload)
    return {
        "replayId": b64encode(event.replay_id).decode(),
        "id": event.id,
        "schemaId": event.schema_id,
        "entity": event.entity,
        "payload": payload,
    }


def decoded(schema: Any, payload: bytes) -> Any:
    """A payload in Avro's binary form, read."""
    return fastavro.schemaless_reader(io.BytesIO(payload), fastavro.parse_schema(schema), None)


def _topics(org: Org) -> list[Json]:
    hub = org.events
    counts: dict[str, int] = {}
    for batch in hub.log.batches():
        for event in batch.events():
            counts[event.entity] = counts.get(event.entity, 0) + 1
    listed = []
    for name in hub.topics.names():
        topic = hub.topics.find(name)
        if topic is not None:
            schema_id = hub.registry.of_object(topic.sobject).id if topic.sobject else None
            kept = sum(counts.get(entity, 0) for entity in hub.topics.entities(topic))
            listed.append({"name": name, "schemaId": schema_id, "events": kept})
    return listed


def _platform_events(org: Org) -> list[Json]:
    events = org.events.topics.platform_events.values()
    return [{"name": s.name, "fields": [f.name for f in s.fields.values() if f.raw["custom"]]} for s in events]


def _define(org: Org, given: Json) -> Json:
    sobject = org.events.define_event(given)
    return {"topic": f"/event/{sobject.name}", "schemaId": org.events.registry.of_object(sobject).id}


def _channels(org: Org) -> list[Json]:
    return [{"name": name, "objects": list(members)} for name, members in org.events.topics.channels.items()]


def _add_channel(org: Org, given: Json) -> Json:
    org.events.add_channel(given["name"], list(given["objects"]))
    return {"topic": f"/data/{given['name']}"}


def _gap(org: Org, given: Json, kind: str | None = None, ids: list[str] | None = None) -> Json:
    schema = org.events.registry.of_object(org.store.table(given["object"]).sobject)
    kind = kind or f"GAP_{given.get('type', 'UPDATE')}"
    actor = org.ui
    origin = actor.origin if kind == "GAP_OVERFLOW" else ""
    ids = ids or list(given["ids"])
    event = capture.gap_event(schema, kind, ids, actor.user_id, origin, org.events.moment())
    return _put(org, [event])


def _overflow(org: Org, given: Json) -> Json:
    return _gap(org, given, "GAP_OVERFLOW", [capture.OVERFLOW_ID])


def _update(org: Org, given: Json) -> Json:
    """One update of one or several records, which themselves do not change.

    An automatic one, as geocoding makes it, names no caller and moves no date.
    """
    sobject = org.store.table(given["object"]).sobject
    values = {name: sobject.fields[name].check(value) for name, value in given["fields"].items()}
    automatic = bool(given.get("automatic"))
    moved = {} if automatic else {"LastModifiedDate": org.clock.stamp()}
    old = {"IsDeleted": False}
    actor = Actor(org.ui.user_id) if automatic else org.ui
    changes = [Committed(sobject, key, old, {**old, **values, **moved}, actor) for key in given["ids"]]
    commit = capture.Commit(changes, frozenset(), org.events.moment(), capture.Rules(), 0)
    return _put(org, [replace(event, number=0, replay=0) for event in commit.events(org.events.registry)])


def _duplicate(org: Org, given: Json) -> Json:
    if "replayId" in given:
        wanted = replay_number(b64decode(given["replayId"]))
        found = [e for batch in org.events.log.batches() for e in batch.events() if e.replay == wanted][:1]
    else:
        found = org.events.log.last_events(None, int(given.get("last", 1)))
    if not found:
        raise ValueError("no such event is kept")
    return _put(org, found)


def _put(org: Org, events: list[Event]) -> Json:
    return {"replayIds": [b64encode(event.replay_id).decode() for event in org.events.publish(events)]}


def _lose(org: Org, given: Json) -> Json:
    org.events.to_lose = int(given["next"])
    return {"next": org.events.to_lose}


def _managed(org: Org, given: Json) -> Json:
    return asdict(org.events.managed.define(given))


def _streams(org: Org) -> list[Json]:
    return [stream.shown() for stream in org.events.streams]


def _break(org: Org, given: Json) -> Json:
    """End every open subscription with an error."""
    return {"ended": org.events.end_streams(given.get("error", "service.unavailable"))}


READ: dict[str, Callable[[Org], Any]] = {
    "topics": _topics,
    "platform-events": _platform_events,
    "channels": _channels,
    "managed": lambda org: org.events.managed.all(),
    "streams": _streams,
    "usage": lambda org: {"delivered": org.events.usage.delivered},
}
DONE: dict[str, Callable[[Org, Json], Json]] = {
    "platform-events": _define,
    "channels": _add_channel,
    "managed": _managed,
    "gap": _gap,
    "overflow": _overflow,
    "update": _update,
    "duplicate": _duplicate,
    "lose": _lose,
    "streams": _break,
}
