"""The PubSub service: topics, schemas and subscriptions."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

from tests.standin.events import callers, failures, managing, publishing
from tests.standin.events.failures import Failed
from tests.standin.events.log import Event, replay_id, replay_number
from tests.standin.events.stream import Stream
from tests.standin.events.topics import Topic
from tests.standin.events.wire import pubsub_api_pb2 as wire
from tests.standin.events.wire.pubsub_api_pb2_grpc import PubSubServicer
from tests.standin.org import Org
from tests.standin.sign_in.auth import Session

SERVICE = "/eventbus.v1.PubSub"


class PubSub(PubSubServicer):  # type: ignore[misc]  # generated code carries no types
    """One org's service. Every call has an rpc id, which stands in its answers and in its errors."""

    def __init__(self, org: Org) -> None:
        self.org = org

    async def GetTopic(self, request: Any, context: Any) -> Any:
        rpc_id = str(uuid4())
        try:
            self._admit(context, "GetTopic", request.topic_name)
            return self._topic_info(request.topic_name, rpc_id)
        except Failed as exc:
            await failures.end(context, exc, rpc_id)

    def _topic_info(self, name: str, rpc_id: str) -> Any:
        topic = self.topic(name)
        schema_id = self.org.events.registry.of_object(topic.sobject).id if topic.sobject else ""
        return wire.TopicInfo(
            topic_name=topic.name,
            tenant_guid=self.org.id,
            can_publish=topic.can_publish,
            can_subscribe=True,
            schema_id=schema_id,
            rpc_id=rpc_id,
        )

    async def GetSchema(self, request: Any, context: Any) -> Any:
        rpc_id = str(uuid4())
        try:
            self._admit(context, "GetSchema", request.schema_id)
            if not request.schema_id:
                raise Failed("schema.validation.failed")
            text = self.org.events.registry.text(request.schema_id)
            if text is None:
                raise Failed("schema.meta.permission")
            return wire.SchemaInfo(schema_json=text, schema_id=request.schema_id, rpc_id=rpc_id)
        except Failed as exc:
            await failures.end(context, exc, rpc_id)

    async def Subscribe(self, requests: Any, context: Any) -> AsyncIterator[Any]:
        rpc_id = str(uuid4())
        stream: Stream | None = None
        try:
            stream = await self._subscribe(requests, context)
            if stream is None:
                return
            await context.send_initial_metadata(())  # so that a client can know that its place is taken
            async for events in stream.messages():
                yield self.fetched(events, stream, rpc_id)
        except Failed as exc:
            await failures.end(context, exc, rpc_id)
        finally:
            if stream is not None:
                await stream.close()

    async def _subscribe(self, requests: Any, context: Any) -> Stream | None:
        """Open a stream by the first request; None where the client ended without one."""
        session = self._admit(context, "Subscribe")
        first = await anext(aiter(requests), None)
        if first is None:
            return None
        self.strike("Subscribe", first.topic_name)
        topic = self.topic(first.topic_name)
        position = self.start_of(first)
        stream = Stream(self.org, session.token)
        stream.topic, stream.position = topic, position

        def hear(request: Any) -> None:
            if request.topic_name not in ("", topic.name):
                raise Failed("subscription.fetch.topic.mismatch")
            if request.num_requested <= 0:
                raise Failed("subscription.fetch.requested.events.invalid")
            stream.refresh(request.auth_refresh)
            stream.ask(request.num_requested)

        try:
            hear(first)
        except Failed:
            await stream.close()
            raise
        stream.start(requests, hear)
        return stream

    def start_of(self, request: Any) -> int:
        """The place after which a subscription begins."""
        log = self.org.events.log
        if request.replay_preset == wire.ReplayPreset.LATEST:
            return log.tip
        if request.replay_preset == wire.ReplayPreset.EARLIEST:
            return log.earliest()
        if not request.replay_id:
            raise Failed("subscription.fetch.replayid.validation.failed")
        number = replay_number(request.replay_id)
        if number is None or not log.is_valid(number):
            raise Failed("subscription.fetch.replayid.corrupted")
        return number

    def fetched(self, events: list[Event], stream: Stream, rpc_id: str) -> Any:
        """A FetchResponse; without events it only says how far the subscriber is."""
        return wire.FetchResponse(
            events=consumer_events(events),
            latest_replay_id=self.latest(events, stream),
            rpc_id=rpc_id,
            pending_num_requested=stream.pending,
        )

    def latest(self, events: list[Event], stream: Stream) -> bytes:
        """The last event's replay id; of a keepalive the place up to which there was nothing for this subscriber."""
        return events[-1].replay_id if events else replay_id(stream.position)

    def topic(self, name: str) -> Topic:
        if not name.strip():
            raise Failed("topic.validation.empty")
        found = self.org.events.topics.find(name)
        if found is None:
            raise Failed("topic.not.found", name)
        return found

    def _admit(self, context: Any, method: str, about: str = "") -> Session:
        """The caller's session; a fault to order may strike first."""
        if about:
            self.strike(method, about)
        return callers.session_of(self.org.sessions, context.invocation_metadata())

    def strike(self, method: str, about: str) -> None:
        """Fail where a fault says so."""
        fault = self.org.faults.for_event_call(f"{SERVICE}/{method} {about}")
        if fault is not None:
            raise Failed(fault.value)

    async def Publish(self, request: Any, context: Any) -> Any:
        rpc_id = str(uuid4())
        try:
            self._admit(context, "Publish", request.topic_name or "-")
            return self._published(request, self._publishable(request.topic_name), rpc_id)
        except Failed as exc:
            await failures.end(context, exc, rpc_id)

    async def PublishStream(self, requests: Any, context: Any) -> AsyncIterator[Any]:
        rpc_id = str(uuid4())
        topic: Topic | None = None
        try:
            self._admit(context, "PublishStream")
            async for request in self._in_time(requests):
                if topic is None:
                    self.strike("PublishStream", request.topic_name)
                    topic = self._publishable(request.topic_name)
                elif request.topic_name not in ("", topic.name):
                    raise Failed("publish.topic.mismatch")
                yield self._published(request, topic, rpc_id)
        except Failed as exc:
            await failures.end(context, exc, rpc_id)

    async def _in_time(self, requests: Any) -> AsyncIterator[Any]:
        """The requests of a publishing stream, none of them too long after the one before."""
        given = aiter(requests)
        while True:
            try:
                async with asyncio.timeout(float(self.org.settings["publishIdleSeconds"])):
                    request = await anext(given, None)
            except TimeoutError as exc:
                raise Failed("publish.stream.sweeper.timeout") from exc
            if request is None:
                return
            yield request

    def _publishable(self, name: str) -> Topic:
        if not name.strip():
            raise Failed("publish.topic.validation.empty")
        topic = self.topic(name)
        if not topic.can_publish:
            raise Failed("publish.topic.cannot.publish")
        return topic

    def _published(self, request: Any, topic: Topic, rpc_id: str) -> Any:
        if not request.events:
            raise Failed("publish.event.count.invalid")
        if topic.sobject is None:
            raise Failed("publish.topic.cannot.publish")
        results = publishing.publish(self.org.events, topic.sobject, request.events)
        schema = self.org.events.registry.of_object(topic.sobject)
        return wire.PublishResponse(results=results, schema_id=schema.id, rpc_id=rpc_id)

    async def ManagedSubscribe(self, requests: Any, context: Any) -> AsyncIterator[Any]:
        rpc_id = str(uuid4())
        call: managing.Call | None = None
        try:
            session = self._admit(context, "ManagedSubscribe")
            first = await anext(aiter(requests), None)
            if first is None:
                return
            self.strike("ManagedSubscribe", first.developer_name or first.subscription_id)
            call = managing.Call(self.org, self.topic, session.token, first)
            call.start(requests)
            await context.send_initial_metadata(())
            async for events in call.stream.messages():
                yield wire.ManagedFetchResponse(
                    events=consumer_events(events),
                    latest_replay_id=self.latest(events, call.stream),
                    rpc_id=rpc_id,
                    pending_num_requested=call.stream.pending,
                    commit_response=call.answer(),
                )
        except Failed as exc:
            await failures.end(context, exc, rpc_id)
        finally:
            if call is not None:
                await call.close()


def consumer_events(events: list[Event]) -> list[Any]:
    return [
        wire.ConsumerEvent(
            event=wire.ProducerEvent(id=event.id, schema_id=event.schema_id, payload=event.payload),
            replay_id=event.replay_id,
        )
        for event in events
    ]
