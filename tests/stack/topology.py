"""Topics and subscriptions as the cloud has them, with shorter waits: one machine heals faster."""

from collections.abc import Mapping
from datetime import timedelta

import grpc
from google.api_core.exceptions import AlreadyExists
from google.pubsub_v1 import PublisherClient, SubscriberClient
from google.pubsub_v1.services.publisher.transports import PublisherGrpcTransport
from google.pubsub_v1.services.subscriber.transports import SubscriberGrpcTransport
from google.pubsub_v1.types import DeadLetterPolicy, PushConfig, RetryPolicy, Subscription

PROJECT = "isthmus-local"
READERS = {"salesforce-changes": "upsert_postgres", "postgres-changes": "upsert_salesforce"}
ATTEMPTS = 100  #: as in the cloud
ACK_SECONDS = 60
RETRY = RetryPolicy(minimum_backoff=timedelta(seconds=1), maximum_backoff=timedelta(seconds=10))
DEAD_RETRY = RetryPolicy(minimum_backoff=timedelta(seconds=600), maximum_backoff=timedelta(seconds=600))


def create(
    host: str, doors: Mapping[str, str], *, attempts: int = ATTEMPTS, ack_seconds: int = ACK_SECONDS,
    retry: RetryPolicy = RETRY, dead_retry: RetryPolicy = DEAD_RETRY,
) -> None:  # fmt: skip
    """Create what is missing.

    Args:
        host: Pub/Sub's host:port on this machine.
        doors: A door's name -> its address.
    """
    channel = grpc.insecure_channel(host)
    with channel:
        publisher = PublisherClient(transport=PublisherGrpcTransport(channel=channel))
        subscriber = SubscriberClient(transport=SubscriberGrpcTransport(channel=channel))
        for topic, reader in READERS.items():
            dead = f"{topic}-dead"
            for name in (dead, topic):
                _topic(publisher, name)
            _subscribe(subscriber, Subscription(
                name=_subscription(dead), topic=topic_path(dead), retry_policy=dead_retry,
                ack_deadline_seconds=ack_seconds,
                push_config=PushConfig(push_endpoint=f"{doors['keep_dead_letters']}/{topic}"),
            ))  # fmt: skip
            _subscribe(subscriber, Subscription(
                name=_subscription(topic), topic=topic_path(topic), retry_policy=retry,
                ack_deadline_seconds=ack_seconds,
                push_config=PushConfig(push_endpoint=doors[reader]),
                dead_letter_policy=DeadLetterPolicy(
                    dead_letter_topic=topic_path(dead), max_delivery_attempts=attempts
                ),
            ))  # fmt: skip
        _topic(publisher, "work")


def topic_path(name: str) -> str:
    return f"projects/{PROJECT}/topics/{name}"


def _subscription(name: str) -> str:
    return f"projects/{PROJECT}/subscriptions/{name}"


def _topic(publisher: PublisherClient, name: str) -> None:
    try:
        publisher.create_topic(name=topic_path(name))
    except AlreadyExists:
        pass  # of an earlier run


def _subscribe(subscriber: SubscriberClient, subscription: Subscription) -> None:
    try:
        subscriber.create_subscription(request=subscription)
    except AlreadyExists:
        pass  # of an earlier run
