"""Topics and subscriptions as the cloud has them, with shorter waits: one machine heals faster."""

from collections.abc import Iterator, Mapping
from datetime import timedelta

import grpc
from google.api_core.exceptions import AlreadyExists
from google.pubsub_v1 import PublisherClient, SubscriberClient
from google.pubsub_v1.services.publisher.transports import PublisherGrpcTransport
from google.pubsub_v1.services.subscriber.transports import SubscriberGrpcTransport
from google.pubsub_v1.types import DeadLetterPolicy, PushConfig, RetryPolicy, Subscription

from common import work
from common.pubsub.work import PATH

PROJECT = "isthmus-local"
READERS = {"salesforce-changes": "upsert_postgres", "postgres-changes": "upsert_salesforce"}
WORKERS = {
    "drain_change_log": work.NUDGE,
    "upsert_salesforce": work.BULK_POLL,
    "backfill": work.BACKFILL,
    "reconcile": work.RESYNC,
}  #: who reads topic `work`, and of which kind
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
        for topic in (*READERS, work.TOPIC):
            dead = f"{topic}-dead"
            for name in (dead, topic):
                _topic(publisher, name)
            _subscribe(subscriber, Subscription(
                name=_subscription(dead), topic=topic_path(dead), retry_policy=dead_retry,
                ack_deadline_seconds=ack_seconds,
                push_config=PushConfig(push_endpoint=f"{doors['keep_dead_letters']}/{topic}"),
            ))  # fmt: skip
            for name, endpoint, condition in _readers(topic, doors):
                _subscribe(subscriber, Subscription(
                    name=_subscription(name), topic=topic_path(topic), retry_policy=retry,
                    ack_deadline_seconds=ack_seconds, filter=condition,
                    push_config=PushConfig(push_endpoint=endpoint),
                    dead_letter_policy=DeadLetterPolicy(
                        dead_letter_topic=topic_path(dead), max_delivery_attempts=attempts
                    ),
                ))  # fmt: skip


def _readers(topic: str, doors: Mapping[str, str]) -> Iterator[tuple[str, str, str]]:
    """A topic's subscriptions: name, push endpoint, filter. Of `work` each reader has its own, for its kind."""
    if topic != work.TOPIC:
        yield topic, doors[READERS[topic]], ""
        return
    for reader, kind in WORKERS.items():
        yield f"{topic}-{reader}", f"{doors[reader]}/{PATH}", f'attributes.{work.KIND} = "{kind}"'


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
