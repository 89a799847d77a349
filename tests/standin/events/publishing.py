"""Platform events that clients publish: checked against their schema, then put into the log."""

import io
import json
from collections.abc import Sequence
from typing import Any
from uuid import uuid4

import fastavro

from tests.standin.errors import Refused
from tests.standin.events.avro import Schema
from tests.standin.events.binary import NULL, text, varint
from tests.standin.events.hub import Hub
from tests.standin.events.log import Event
from tests.standin.events.registry import Registry
from tests.standin.events.wire import pubsub_api_pb2 as wire
from tests.standin.ids import IdSource
from tests.standin.schema import SObject
from tests.standin.store import Actor

Json = dict[str, Any]

MAX_EVENT_BYTES = 1_000_000
_PARSED: dict[str, Any] = {}


def publish(hub: Hub, sobject: SObject, given: Sequence[Any]) -> list[Any]:
    """One PublishResult for each ProducerEvent, in order; what is wrong with one keeps back only that one."""
    problems = [_problem(hub.registry, sobject, event) for event in given]
    good = [
        Event(0, 0, sobject.name, event.id or str(uuid4()), event.schema_id, event.payload)
        for event, problem in zip(given, problems, strict=True)
        if problem is None
    ]
    placed = iter(hub.publish(good) if good else ())
    return [
        wire.PublishResult(correlation_key=event.id, error=wire.Error(code=wire.ErrorCode.PUBLISH, msg=problem))
        if problem
        else wire.PublishResult(correlation_key=event.id, replay_id=next(placed).replay_id)
        for event, problem in zip(given, problems, strict=True)
    ]


def _problem(registry: Registry, sobject: SObject, event: Any) -> str | None:
    """What is wrong with an event; None when it can be published."""
    if not event.schema_id:
        return "sfdc.platform.eventbus.grpc.schema.validation.failed: The schema id is blank or missing."
    if len(event.payload) > MAX_EVENT_BYTES:
        return f"The event is larger than {MAX_EVENT_BYTES} bytes."
    text_of_schema = registry.text(event.schema_id)
    if text_of_schema is None or json.loads(text_of_schema)["name"] != sobject.name:
        return f"The schema {event.schema_id} is not one of {sobject.name}."
    try:
        rest = io.BytesIO(event.payload)
        fastavro.schemaless_reader(rest, _parsed(event.schema_id, text_of_schema))
    except (EOFError, ValueError, IndexError, TypeError, OverflowError, AssertionError) as exc:
        return f"The payload does not follow its schema: {type(exc).__name__}: {exc}"
    return "The payload has bytes left over." if rest.read(1) else None


def _parsed(schema_id: str, text_of_schema: str) -> Any:
    if schema_id not in _PARSED:
        _PARSED[schema_id] = fastavro.parse_schema(json.loads(text_of_schema))
    return _PARSED[schema_id]


_EVENT_IDS = IdSource("e01")


def by_rest(hub: Hub, sobject: SObject, body: Json, actor: Actor) -> Json:
    """POST /sobjects/X__e: publishes one event; returns the answer's `id` and `errors`, as Salesforce fills them.

    Raises:
        Refused: a field is unknown, missing, or its value is wrong.
    """
    values = _values(sobject, body)
    moment = hub.moment()
    schema = hub.registry.of_object(sobject)
    uuid = str(uuid4())
    payload = varint(moment.at_ms) + text(actor.user_id) + _own_fields(schema, values)
    hub.publish([Event(0, 0, sobject.name, uuid, schema.id, payload)])
    queued = {"statusCode": "OPERATION_ENQUEUED", "message": uuid, "fields": []}
    return {"id": _EVENT_IDS.take(), "success": True, "errors": [queued]}


def _values(sobject: SObject, body: Json) -> Json:
    found: Json = {}
    for name, value in body.items():
        field = sobject.find(name)
        if name == "attributes":
            continue
        if field is None or not field.raw["custom"]:
            raise Refused("INVALID_FIELD", f"No such column '{name}' on sobject of type {sobject.name}")
        found[field.name] = field.check(value) if value is not None else None
    missing = [name for name in sobject.required if found.get(name) is None]
    if missing:
        raise Refused("REQUIRED_FIELD_MISSING", f"Required fields are missing: [{', '.join(missing)}]", missing)
    return found


def _own_fields(schema: Schema, values: Json) -> bytes:
    """What follows the date and the user."""
    written = [NULL] * (schema.size - 2)
    for name, value in values.items():
        if value is not None:
            place = schema.places[name]
            written[place.index - 2] = place.write(value)
    return b"".join(written)
