"""A client of either Pub/Sub, Google's emulator or our broker, as the tests drive them."""

import os
import uuid
from collections.abc import Mapping
from typing import Any
from unittest import mock

from google.pubsub_v1 import PublisherClient, SubscriberClient
from google.pubsub_v1.types import PubsubMessage, ReceivedMessage

PROJECT = "isthmus-test"
PULL_SECONDS = 30.0  #: how long a test waits for a message that must come


class Client:
    """Google's own synchronous clients, and shortcuts for what every test needs."""

    def __init__(self, host: str) -> None:
        self.host = host
        with mock.patch.dict(os.environ, {"PUBSUB_EMULATOR_HOST": host}):
            self.publisher = PublisherClient()
            self.subscriber = SubscriberClient()

    def close(self) -> None:
        self.publisher.transport.close()  # type: ignore[no-untyped-call]
        self.subscriber.transport.close()  # type: ignore[no-untyped-call]

    def name(self, kind: str) -> str:
        """A name nobody has used; kind is topics or subscriptions."""
        return f"projects/{PROJECT}/{kind}/t-{uuid.uuid4().hex}"

    def topic(self) -> str:
        return self.publisher.create_topic(name=self.name("topics")).name

    def subscription(self, topic: str, **settings: Any) -> str:
        """Subscribe to a topic; settings are fields of google.pubsub.v1.Subscription."""
        body = {"name": self.name("subscriptions"), "topic": topic, **settings}
        return self.subscriber.create_subscription(request=body).name

    def push_subscription(self, topic: str, url: str, **settings: Any) -> str:
        return self.subscription(topic, push_config={"push_endpoint": url}, **settings)

    def publish(self, topic: str, *data: bytes, attributes: Mapping[str, str] | None = None) -> list[str]:
        """Publish in one request; one message id for each datum."""
        messages = [PubsubMessage(data=datum, attributes=attributes or {}) for datum in data]
        return list(self.publisher.publish(topic=topic, messages=messages).message_ids)

    def pull(self, subscription: str, count: int = 1) -> list[ReceivedMessage]:
        """Wait for `count` messages, in as many pulls as it takes."""
        found: list[ReceivedMessage] = []
        while len(found) < count:
            answer = self.subscriber.pull(
                subscription=subscription, max_messages=count - len(found), timeout=PULL_SECONDS, retry=None
            )
            if not answer.received_messages:
                raise TimeoutError(f"{len(found)} of {count} messages came")
            found += answer.received_messages
        return found

    def take(self, subscription: str, count: int = 1) -> list[bytes]:
        """Wait for `count` messages and acknowledge them; their data, sorted."""
        found = self.pull(subscription, count)
        self.ack(subscription, *found)
        return sorted(received.message.data for received in found)

    def ack(self, subscription: str, *received: ReceivedMessage) -> None:
        ack_ids = [one.ack_id for one in received]
        self.subscriber.acknowledge(subscription=subscription, ack_ids=ack_ids)

    def set_deadline(self, subscription: str, *received: ReceivedMessage, seconds: int) -> None:
        """Give what was received `seconds` more; none gives it back."""
        ack_ids = [one.ack_id for one in received]
        self.subscriber.modify_ack_deadline(subscription=subscription, ack_ids=ack_ids, ack_deadline_seconds=seconds)
