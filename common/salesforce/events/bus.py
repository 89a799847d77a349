"""Salesforce's event bus: subscriptions over gRPC, decoded."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from common import log
from common.config import EventBus as Settings
from common.errors import IsthmusError, Misconfigured, Terminal
from common.events import Broken, Heard, Lost
from common.salesforce.events import errors, event, published
from common.salesforce.events.avro import Schema
from common.salesforce.events.event import Event
from common.salesforce.events.published import Published
from common.salesforce.events.topics import EVENTS
from common.salesforce.session import LOOPBACK, Access, Session

if TYPE_CHECKING:  # late where it is used: a fifth of a second of a door's start
    import grpc

MAX_ASKED = 100  #: events that may be on their way in one subscription; Pub/Sub API guide, "Flow Control"
CALL_SECONDS = 20.0
MAX_BYTES = 16_000_000  #: of one answer; Salesforce sends 3 MB at most


class EventBus:
    """Implements events.Events: one connection for all subscriptions. Safe to share between threads."""

    def __init__(self, settings: Settings, session: Session) -> None:
        self._settings = settings
        self._session = session
        self._lock = threading.Lock()
        self._held: tuple[Any, Any] | None = None
        self._schemas: dict[str, Schema] = {}
        self._renewed = ""  #: the token that was taken after a refusal, and is not yet accepted

    @property
    def org_id(self) -> str:
        """The org whose events these are."""
        return self._session.org_id

    @contextmanager
    def subscribe(self, topic: str, place: bytes) -> Iterator[Subscription]:
        """A subscription to what came after a place; without one to all that is kept."""
        access = self._session.access()
        subscription = Subscription(self, access, topic, place)
        try:
            yield subscription
        finally:
            subscription.close()

    def close(self) -> None:
        if self._held is not None:
            self._held[0].close()
            self._held = None

    # -- calls -------------------------------------------------------------------------------------

    def call(self) -> Any:
        """The service's stub."""
        from common.salesforce.events.wire.pubsub_api_pb2_grpc import PubSubStub

        with self._lock:
            if self._held is None:
                channel = _channel(self._settings)
                self._held = channel, PubSubStub(channel)
            return self._held[1]

    def schema(self, schema_id: str, access: Access) -> Schema:
        """A schema, asked for once.

        Raises:
            Broken, Misconfigured: it could not be had.
        """
        import grpc

        from common.salesforce.events.wire import pubsub_api_pb2 as wire

        known = self._schemas.get(schema_id)
        if known is None:
            asked = wire.SchemaRequest(schema_id=schema_id)
            try:
                answer = self.call().GetSchema(asked, metadata=metadata(access), timeout=CALL_SECONDS)
            except grpc.RpcError as exc:
                raise self.failed(exc, access) from exc
            known = self._schemas[schema_id] = Schema(answer.schema_json)
        return known

    def accepted(self, access: Access) -> None:
        """The session is good."""
        if self._renewed == access.token:
            self._renewed = ""

    def failed(self, exc: Any, access: Access) -> IsthmusError:
        """What a failed call means. An expired session is renewed, once: a fresh one that is refused is a person's."""
        if not errors.logged_out(exc):
            return errors.translate(exc)
        if self._renewed == access.token:
            return Misconfigured(
                "events_login", exc.details() or "", "The integration user may not use the Pub/Sub API: API Enabled."
            )
        self._renewed = self._session.access(instead_of=access).token
        return Broken("session_expired", exc.details() or "", "Logged in again.")


class Subscription:
    """Implements events.Stream. Answers are read by a thread of its own, so that waiting can end."""

    def __init__(self, bus: EventBus, access: Access, topic: str, place: bytes) -> None:
        from common.salesforce.events.wire import pubsub_api_pb2 as wire

        self._bus = bus
        self._access = access
        self._topic = topic
        self._wire = wire
        self._asked: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._answers: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._pending = MAX_ASKED
        preset = wire.ReplayPreset.CUSTOM if place else wire.ReplayPreset.EARLIEST
        self._asked.put(
            wire.FetchRequest(topic_name=topic, replay_preset=preset, replay_id=place, num_requested=MAX_ASKED)
        )
        self._call = bus.call().Subscribe(iter(self._asked.get, None), metadata=metadata(access))
        self._reader = threading.Thread(target=self._read, name=f"read {topic}", daemon=True)
        self._reader.start()

    def _read(self) -> None:
        import grpc

        try:
            for answer in self._call:
                self._answers.put(answer)
            self._answers.put(Broken("stream_ended", self._topic, "Salesforce ended it; it is opened again."))
        except grpc.RpcError as exc:
            self._answers.put(exc)

    def hear(self, seconds: float) -> Heard | None:
        """The next answer, decoded."""
        try:
            answer = self._answers.get(timeout=max(seconds, 0.0)) if seconds > 0 else self._answers.get_nowait()
        except queue.Empty:
            return None
        if isinstance(answer, IsthmusError):
            raise answer
        if isinstance(answer, Exception):
            raise self._bus.failed(answer, self._access) from answer
        self._bus.accepted(self._access)
        self._pending = answer.pending_num_requested
        return self._decoded(answer)

    def ask(self) -> None:
        """Fill up what was asked for."""
        if self._pending < MAX_ASKED:
            self._asked.put(self._wire.FetchRequest(topic_name=self._topic, num_requested=MAX_ASKED - self._pending))
            self._pending = MAX_ASKED

    def close(self) -> None:
        self._asked.put(None)
        self._call.cancel()
        self._reader.join(CALL_SECONDS)

    def _decoded(self, answer: Any) -> Heard:
        events: list[Event | Published] = []
        lost: list[Lost] = []
        for consumed in answer.events:
            try:
                events.append(self._event(consumed))
            except Terminal as exc:
                log.trouble("events", exc)
                lost.append(Lost(_object_of(self._topic), "unreadable"))
        lost += [e.lost for e in events if e.lost]
        place = answer.events[-1].replay_id if answer.events else answer.latest_replay_id
        changes = [change for e in events for change in e.changes()]
        return Heard(place, len(answer.events), changes, lost, events[-1].committed if events else None)

    def _event(self, consumed: Any) -> Event | Published:
        """One event; where a change event's body is illegible, its header will do.

        Raises:
            Terminal: not even that.
        """
        produced = consumed.event
        schema = self._bus.schema(produced.schema_id, self._access)
        ways: Sequence[Callable[[], Event | Published]] = (
            (lambda: published.read(produced.id, consumed.replay_id, schema, schema.record(produced.payload)),)
            if self._topic.startswith(EVENTS)
            else (
                lambda: event.read(produced.id, schema.record(produced.payload)),
                lambda: event.of(produced.id, schema.header(produced.payload)),
            )
        )
        for way in ways:
            try:
                return way()
            except Exception as exc:  # noqa: BLE001 - fastavro raises what its bytes make it stumble over
                stumbled = exc
        hint = "All records of the object are compared (an event has none, and is lost); report this line with the schema's id."
        raise Terminal("event_unreadable", f"{produced.id} of schema {produced.schema_id}: {stumbled}", hint)


def _object_of(topic: str) -> str:
    """The object of a topic, for an event that does not say."""
    name = topic.rsplit("/", 1)[-1].removesuffix("ChangeEvent")
    return name + "c" if name.endswith("__") else name


def metadata(access: Access) -> tuple[tuple[str, str], ...]:
    """What every call carries."""
    return (("accesstoken", access.token), ("instanceurl", access.instance_url), ("tenantid", access.org_id))


def _channel(settings: Settings) -> grpc.Channel:
    import grpc

    local = settings.endpoint.rpartition(":")[0].strip("[]") in LOOPBACK
    options: list[tuple[str, Any]] = [("grpc.max_receive_message_length", MAX_BYTES)]
    if local:
        options.append(("grpc.enable_http_proxy", 0))
    if local and not settings.ca:
        return grpc.insecure_channel(settings.endpoint, options)
    return grpc.secure_channel(settings.endpoint, grpc.ssl_channel_credentials(_trusted(settings.ca)), options)


def _trusted(ca: str) -> bytes | None:
    if not ca:
        return None  # the roots that come with gRPC
    try:
        return ca.encode() if ca.lstrip().startswith("-----BEGIN") else Path(ca).read_bytes()
    except OSError as exc:
        raise Misconfigured("setting_refused", f"SF_PUBSUB_CA: {exc}", "Set it to a CA file, or its text.") from exc
