"""A Pub/Sub client for tests, made from the stubs: subscribes, decodes, publishes."""

import io
import json
import queue
from collections.abc import Iterator
from types import TracebackType
from typing import Any

import fastavro
import grpc

from tests.standin.driving import Standin
from tests.standin.events import bitmaps
from tests.standin.events.wire import pubsub_api_pb2 as wire
from tests.standin.events.wire.pubsub_api_pb2_grpc import PubSubStub

Json = dict[str, Any]

WAIT_SECONDS = 10
LIFETIME_SECONDS = 60  #: of a subscription: a test that waits for what never comes fails
TENANT = "00DSb0000000001MAA"
LISTS = ("nulledFields", "diffFields", "changedFields")


class PubSubClient:
    """Calls one stand-in's Pub/Sub API as the integration user."""

    def __init__(self, standin: Standin, token: str = "", credentials: grpc.ChannelCredentials | None = None) -> None:
        token = token or str(standin.http.headers["Authorization"]).removeprefix("Bearer ")
        self.metadata = (("accesstoken", token), ("instanceurl", standin.url), ("tenantid", TENANT))
        options = [("grpc.enable_http_proxy", 0)]
        self._channel = (
            grpc.secure_channel(standin.pubsub, credentials, options)
            if credentials
            else grpc.insecure_channel(standin.pubsub, options)
        )
        self.stub = PubSubStub(self._channel)
        self._schemas: dict[str, Any] = {}

    def __enter__(self) -> "PubSubClient":
        return self

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None) -> None:
        self._channel.close()

    def topic(self, name: str) -> Any:
        return self.stub.GetTopic(wire.TopicRequest(topic_name=name), metadata=self.metadata, timeout=WAIT_SECONDS)

    def schema(self, schema_id: str) -> Json:
        """A schema as JSON; asked for once."""
        if schema_id not in self._schemas:
            asked = wire.SchemaRequest(schema_id=schema_id)
            answer = self.stub.GetSchema(asked, metadata=self.metadata, timeout=WAIT_SECONDS)
            self._schemas[schema_id] = json.loads(answer.schema_json)
        found: Json = self._schemas[schema_id]
        return found

    def subscribe(self, topic: str, count: int = 100, preset: str = "LATEST", replay_id: bytes = b"") -> "Subscription":
        """A subscription that has asked for its first events."""
        return Subscription(self, topic, count, preset, replay_id)

    def decoded(self, consumed: Any) -> Json:
        """A ConsumerEvent's payload, with the header's bitmaps turned into names."""
        schema = self.schema(consumed.event.schema_id)
        return decoded(schema, consumed.event.payload)


class Subscription:
    """One Subscribe call. `close` ends it."""

    def __init__(self, client: PubSubClient, topic: str, count: int, preset: str, replay_id: bytes) -> None:
        self._client = client
        self._asked: queue.SimpleQueue[Any] = queue.SimpleQueue()
        first = wire.FetchRequest(
            topic_name=topic, num_requested=count, replay_preset=wire.ReplayPreset.Value(preset), replay_id=replay_id
        )
        self._asked.put(first)
        asked = iter(self._asked.get, None)
        self.call = client.stub.Subscribe(asked, metadata=client.metadata, timeout=LIFETIME_SECONDS)
        self.call.initial_metadata()  # from here on nothing is missed

    def ask(self, count: int, **more: Any) -> None:
        self._asked.put(wire.FetchRequest(num_requested=count, **more))

    def response(self) -> Any:
        """The next FetchResponse."""
        return next(self.call)

    def consumed(self, count: int) -> list[Any]:
        """The next `count` ConsumerEvents."""
        found: list[Any] = []
        while len(found) < count:
            found += self.response().events
        return found

    def events(self, count: int) -> list[Json]:
        """The next `count` events, decoded."""
        return [self._client.decoded(one) for one in self.consumed(count)]

    def close(self) -> None:
        self._asked.put(None)
        self.call.cancel()

    def __enter__(self) -> "Subscription":
        return self

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None) -> None:
        self.close()


def decoded(schema: Json, payload: bytes) -> Json:
    """A change event or platform event, its bitmaps turned into names. Every byte must belong to it."""
    rest = io.BytesIO(payload)
    found: Any = fastavro.schemaless_reader(rest, fastavro.parse_schema(schema), None)
    if rest.read(1):
        raise ValueError("bytes are left over")
    header = found.get("ChangeEventHeader")
    if header is not None:
        fields = list(_fields(schema))
        header.update({name: bitmaps.names(header[name], fields) for name in LISTS})
    return dict(found)


def _fields(schema: Json) -> Iterator[tuple[str, list[str]]]:
    """Each field's name with the names of its parts."""
    known: dict[str, list[str]] = {}
    for field in schema["fields"]:
        kinds = field["type"] if isinstance(field["type"], list) else [field["type"]]
        records = [kind for kind in kinds if isinstance(kind, dict) and kind["type"] == "record"]
        for record in records:
            known[record["name"]] = [part["name"] for part in record["fields"]]
        names = [record["name"] for record in records] + [kind for kind in kinds if isinstance(kind, str)]
        yield field["name"], next((known[name] for name in names if name in known), [])


def error_of(exc: Any) -> tuple[str, str]:
    """Status and error code of a failed call."""
    trailers = {str(one[0]): str(one[1]) for one in exc.trailing_metadata() or ()}
    return exc.code().name, trailers.get("error-code", "").removeprefix("sfdc.platform.eventbus.grpc.")
