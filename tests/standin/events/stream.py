"""One subscription: what the client has asked for, what it has got, and when something is due to it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

from tests.standin.events import bell
from tests.standin.events.failures import Failed
from tests.standin.events.log import Event
from tests.standin.events.topics import Topic
from tests.standin.org import Org

MAX_PENDING = 100  #: events; more asked for is treated as this many
MAX_BATCH_BYTES = 3_000_000
MAX_WAIT_SECONDS = 60.0  #: how long a stream sleeps at most; the movable clock rings the bell when it is moved


class Stream:
    """Flow control of one Subscribe or ManagedSubscribe call.

    `feed` hears the client's requests; `messages` gives what is to be sent: a list of events, empty for a keepalive.
    """

    def __init__(self, org: Org, token: str) -> None:
        self._org = org
        self._token = token
        self._bell = org.events.bell.join()
        self._heard: asyncio.Task[None] | None = None
        self._failure: BaseException | None = None
        self._client_done = False
        self._changed_at = org.clock.now()
        self.topic: Topic | None = None
        self.position = 0
        self.pending = 0
        self.answers_due = 0  #: messages that must be sent even without events
        self.broken: Failed | None = None  #: ordered through the control API

    def start(self, requests: Any, hear: Callable[[Any], None]) -> None:
        """Hear the client's further requests while events are sent."""
        self._heard = asyncio.create_task(self._hear(requests, hear))
        self._org.events.streams.add(self)

    async def _hear(self, requests: Any, hear: Callable[[Any], None]) -> None:
        try:
            async for request in requests:
                hear(request)
                self._bell.set()
        except Failed as exc:
            self._failure = exc
        self._client_done = True
        self._bell.set()

    def ask(self, count: int) -> None:
        """More events are wanted."""
        self.pending = min(self.pending + count, MAX_PENDING)
        self._changed_at = self._org.clock.now()
        self._bell.set()

    def wake(self) -> None:
        self._bell.set()

    async def messages(self) -> AsyncIterator[list[Event]]:
        """What is due, until the stream ends; Failed ends it with an error."""
        while True:
            self._check()
            keepalive = self._keepalive_due()
            if keepalive:
                self._org.events.tick()
            events = self._take()
            if events or keepalive or self.answers_due:
                self._changed_at = self._org.clock.now()
                yield events
            elif self.pending == 0 and (self._client_done or self._idle_seconds() <= 0):
                return
            elif not events:
                await bell.wait(self._bell, self._seconds_until_due())

    def _check(self) -> None:
        if self._failure is not None:
            raise self._failure
        if self.broken is not None:
            raise self.broken
        if self._org.sessions.find(self._token) is None:
            raise Failed("service.auth.error")

    def _take(self) -> list[Event]:
        if self.topic is None or self.pending == 0:
            return []
        hub = self._org.events
        wanted = hub.topics.entities(self.topic)
        events, self.position = hub.log.read(self.position, wanted, self.pending, MAX_BATCH_BYTES)
        if events and self._org.settings["enforceDeliveryLimit"]:
            left = int(self._org.settings["dailyDeliveredEvents"]) - hub.usage.delivered
            if left <= 0:
                raise Failed("subscription.limit.exceeded")
            if len(events) > left:
                events = events[:left]
                self.position = events[-1].number
        hub.usage.add(len(events))
        self.pending -= len(events)
        return events

    def refresh(self, token: str) -> None:
        """Go on under another token."""
        if token:
            self._token = token

    def _keepalive_due(self) -> bool:
        return self.pending > 0 and self._keepalive_seconds() <= 0

    def _keepalive_seconds(self) -> float:
        return self._left(float(self._org.settings["eventKeepaliveSeconds"]))

    def _idle_seconds(self) -> float:
        return self._left(float(self._org.settings["eventIdleSeconds"]))

    def _left(self, seconds: float) -> float:
        return self._changed_at + seconds - self._org.clock.now()

    def _seconds_until_due(self) -> float:
        due = self._keepalive_seconds() if self.pending else self._idle_seconds()
        return min(due, MAX_WAIT_SECONDS)

    def shown(self) -> dict[str, Any]:
        """For people."""
        return {"topic": self.topic.name if self.topic else None, "pending": self.pending, "position": self.position}

    async def close(self) -> None:
        self._org.events.streams.discard(self)
        self._org.events.bell.leave(self._bell)
        if self._heard is not None:
            self._heard.cancel()
            await asyncio.gather(self._heard, return_exceptions=True)
