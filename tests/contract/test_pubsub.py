"""Laws of Pub/Sub that we rely on, held over Google's emulator and over our broker alike."""

import os
import queue
from collections.abc import Callable
from typing import Any
from unittest import mock

import pytest
from google.api_core import exceptions
from google.cloud import pubsub_v1  # type: ignore[import-untyped]
from google.pubsub_v1.types import PubsubMessage

from tests.contract.gaps import wrong_in_emulator
from tests.stack.broker.client import PULL_SECONDS, Client

FAST_RETRY = {"minimum_backoff": {"nanos": 100_000_000}, "maximum_backoff": {"seconds": 1}}
NOBODY = "projects/isthmus-test/topics/nobody"
NOWHERE = "projects/isthmus-test/subscriptions/nowhere"


# Publish, pull, acknowledge


def test_a_message_keeps_its_bytes_and_its_unicode(pubsub: Client) -> None:
    """What is pulled is what was published: any bytes, any attributes, the id that was confirmed."""
    topic = pubsub.topic()
    subscription = pubsub.subscription(topic)
    attributes = {"kind": "고객", "leer": "", "ключ": "ü \n\t\"'"}

    [message_id] = pubsub.publish(topic, bytes(range(256)), attributes=attributes)

    [received] = pubsub.pull(subscription)
    assert bytes(range(256)) == received.message.data
    assert attributes == dict(received.message.attributes)
    assert message_id == received.message.message_id
    pubsub.ack(subscription, received)


def test_attributes_alone_are_a_message(pubsub: Client) -> None:
    """A message may have no data, if it has attributes."""
    topic = pubsub.topic()
    subscription = pubsub.subscription(topic)

    pubsub.publish(topic, b"", attributes={"kind": "nudge"})

    [received] = pubsub.pull(subscription)
    assert (b"", "nudge") == (received.message.data, received.message.attributes["kind"])
    pubsub.ack(subscription, received)


def test_a_batch_arrives_whole(pubsub: Client) -> None:
    """A thousand messages in one request get a thousand ids and all arrive."""
    topic = pubsub.topic()
    subscription = pubsub.subscription(topic)
    data = [b"%04d" % number for number in range(1_000)]

    ids = pubsub.publish(topic, *data)

    assert 1_000 == len(set(ids))
    assert data == pubsub.take(subscription, 1_000)


def test_the_batching_client_is_served_too(pubsub: Client) -> None:
    """google.cloud.pubsub_v1's publisher and subscriber work unchanged."""
    topic = pubsub.topic()
    subscription = pubsub.subscription(topic)
    with mock.patch.dict(os.environ, {"PUBSUB_EMULATOR_HOST": pubsub.host}):
        publisher = pubsub_v1.PublisherClient()

    confirmed = [publisher.publish(topic, b"%d" % number, kind="x") for number in range(5)]
    ids = {future.result(timeout=30) for future in confirmed}

    assert 5 == len(ids)
    assert [b"0", b"1", b"2", b"3", b"4"] == pubsub.take(subscription, 5)
    publisher.stop()
    publisher.transport.close()


def test_the_streaming_client_is_served_too(pubsub: Client) -> None:
    """google.cloud.pubsub_v1's subscribe() gets every message, holding no more than it asked for."""
    topic = pubsub.topic()
    subscription = pubsub.subscription(topic)
    got: queue.SimpleQueue[Any] = queue.SimpleQueue()
    with mock.patch.dict(os.environ, {"PUBSUB_EMULATOR_HOST": pubsub.host}):
        subscriber = pubsub_v1.SubscriberClient()
    few = pubsub_v1.types.FlowControl(max_messages=2)
    streaming = subscriber.subscribe(subscription, callback=got.put, flow_control=few)

    pubsub.publish(topic, b"0", b"1", b"2", b"3", b"4")
    data = []
    for _ in range(5):
        message = got.get(timeout=PULL_SECONDS)
        data.append(message.data)
        message.ack_with_response().result(PULL_SECONDS)

    assert [b"0", b"1", b"2", b"3", b"4"] == sorted(data)
    streaming.cancel()
    streaming.result(PULL_SECONDS)
    subscriber.close()


def test_an_acknowledged_message_does_not_come_again(pubsub: Client) -> None:
    """Of two messages given back, only the one not acknowledged returns."""
    topic = pubsub.topic()
    subscription = pubsub.subscription(topic)
    pubsub.publish(topic, b"kept", b"given back")
    kept, back = sorted(pubsub.pull(subscription, 2), key=lambda received: received.message.data != b"kept")

    pubsub.ack(subscription, kept)
    pubsub.set_deadline(subscription, kept, back, seconds=0)
    pubsub.publish(topic, b"later")

    assert [b"given back", b"later"] == pubsub.take(subscription, 2)


def test_a_message_given_back_comes_again(pubsub: Client) -> None:
    """A nack returns the same message, under the same id."""
    topic = pubsub.topic()
    subscription = pubsub.subscription(topic)
    pubsub.publish(topic, b"x")
    [first] = pubsub.pull(subscription)

    pubsub.set_deadline(subscription, first, seconds=0)

    [second] = pubsub.pull(subscription)
    assert first.message.message_id == second.message.message_id
    pubsub.ack(subscription, second)


def test_an_unacknowledged_message_comes_again_after_its_deadline(pubsub: Client) -> None:
    """Silence is a nack."""
    topic = pubsub.topic()
    subscription = pubsub.subscription(topic)
    pubsub.publish(topic, b"x")
    [first] = pubsub.pull(subscription)

    pubsub.set_deadline(subscription, first, seconds=1)

    [second] = pubsub.pull(subscription)
    assert first.message.message_id == second.message.message_id
    pubsub.ack(subscription, second)


# Topics and subscriptions


def test_a_subscription_sees_what_comes_after_it(pubsub: Client) -> None:
    """Messages published before a subscription was created are not for it."""
    topic = pubsub.topic()
    pubsub.publish(topic, b"before")

    subscription = pubsub.subscription(topic)
    pubsub.publish(topic, b"after")

    assert [b"after"] == pubsub.take(subscription)


def test_each_subscription_gets_a_copy(pubsub: Client) -> None:
    """What one subscription acknowledges, the other still gets."""
    topic = pubsub.topic()
    one, two = pubsub.subscription(topic), pubsub.subscription(topic)

    pubsub.publish(topic, b"x")

    assert [b"x"] == pubsub.take(one)
    assert [b"x"] == pubsub.take(two)


def test_what_is_deleted_is_gone(pubsub: Client) -> None:
    """A deleted topic takes no messages; its subscription outlives it and can be deleted too."""
    topic = pubsub.topic()
    subscription = pubsub.subscription(topic)
    pubsub.publish(topic, b"x")

    pubsub.publisher.delete_topic(topic=topic)

    with pytest.raises(exceptions.NotFound):
        pubsub.publish(topic, b"y")
    assert "_deleted-topic_" == pubsub.subscriber.get_subscription(subscription=subscription).topic
    assert [b"x"] == pubsub.take(subscription)
    pubsub.subscriber.delete_subscription(subscription=subscription)
    with pytest.raises(exceptions.NotFound):
        pubsub.subscriber.get_subscription(subscription=subscription)


def test_what_is_created_is_listed(pubsub: Client) -> None:
    """Topics and subscriptions are listed by project, subscriptions by topic too."""
    topic = pubsub.topic()
    subscription = pubsub.subscription(topic)
    project = topic.rpartition("/topics/")[0]

    assert topic in [found.name for found in pubsub.publisher.list_topics(project=project)]
    assert subscription in [found.name for found in pubsub.subscriber.list_subscriptions(project=project)]
    assert [subscription] == list(pubsub.publisher.list_topic_subscriptions(topic=topic))


def test_a_subscription_is_updated_by_its_mask(pubsub: Client) -> None:
    """Only what the mask names changes."""
    topic = pubsub.topic()
    subscription = pubsub.subscription(topic, ack_deadline_seconds=20)
    body = {"name": subscription, "ack_deadline_seconds": 30, "retry_policy": FAST_RETRY}
    request = {"subscription": body, "update_mask": {"paths": ["retry_policy"]}}

    pubsub.subscriber.update_subscription(request=request)

    got = pubsub.subscriber.get_subscription(subscription=subscription)
    assert (20, 1.0) == (got.ack_deadline_seconds, got.retry_policy.maximum_backoff.total_seconds())


# Refusals


@pytest.mark.parametrize("bad", ["ab", "1abc", "googabc", "a b c", "a" * 256])
def test_bad_names_are_refused(pubsub: Client, bad: str) -> None:
    """Names have 3 to 255 characters, start with a letter and not with goog."""
    topic = pubsub.topic()

    with pytest.raises(exceptions.InvalidArgument):
        pubsub.publisher.create_topic(name=f"projects/isthmus-test/topics/{bad}")
    name = f"projects/isthmus-test/subscriptions/{bad}"
    with pytest.raises(exceptions.InvalidArgument):
        pubsub.subscriber.create_subscription(name=name, topic=topic)


def test_what_exists_cannot_be_created(pubsub: Client) -> None:
    """A second topic or subscription of one name is refused."""
    topic = pubsub.topic()
    subscription = pubsub.subscription(topic)

    with pytest.raises(exceptions.AlreadyExists):
        pubsub.publisher.create_topic(name=topic)
    with pytest.raises(exceptions.AlreadyExists):
        pubsub.subscriber.create_subscription(name=subscription, topic=topic)


@pytest.mark.parametrize(
    "call",
    [
        lambda it: it.publisher.get_topic(topic=NOBODY),
        lambda it: it.publisher.delete_topic(topic=NOBODY),
        lambda it: it.publish(NOBODY, b"x"),
        lambda it: it.subscription(NOBODY),
        lambda it: it.subscriber.get_subscription(subscription=NOWHERE),
        lambda it: it.subscriber.delete_subscription(subscription=NOWHERE),
        lambda it: it.subscriber.pull(subscription=NOWHERE, max_messages=1),
        lambda it: it.subscriber.acknowledge(subscription=NOWHERE, ack_ids=["1"]),
        lambda it: it.subscriber.modify_push_config(subscription=NOWHERE, push_config={}),
        lambda it: it.subscription(it.topic(), dead_letter_policy={"dead_letter_topic": NOBODY}),
    ],
)
def test_what_does_not_exist_is_not_found(pubsub: Client, call: Callable[[Client], object]) -> None:
    """Calls about unknown topics and subscriptions say so."""
    with pytest.raises(exceptions.NotFound):
        call(pubsub)


@pytest.mark.parametrize("attempts", [1, 4, 101])
def test_attempts_are_5_to_100(pubsub: Client, attempts: int) -> None:
    """A dead letter policy outside Pub/Sub's bounds is refused as a bad request."""
    topic = pubsub.topic()
    policy = {"dead_letter_topic": topic, "max_delivery_attempts": attempts}

    with pytest.raises(exceptions.OutOfRange):
        pubsub.subscription(topic, dead_letter_policy=policy)


def test_attempts_are_5_if_left_out(pubsub: Client) -> None:
    """A dead letter policy that names no number of attempts means 5; both bounds are allowed."""
    topic = pubsub.topic()
    for attempts in (5, 100):
        policy = {"dead_letter_topic": topic, "max_delivery_attempts": attempts}
        pubsub.subscription(topic, dead_letter_policy=policy)

    pubsub.subscription(topic, dead_letter_policy={"dead_letter_topic": topic})


@pytest.mark.parametrize(
    "settings",
    [
        {"ack_deadline_seconds": 601},
        {"push_config": {"push_endpoint": "not a url"}},
        {"message_retention_duration": {"seconds": 599}},
        {"message_retention_duration": {"seconds": 31 * 86_400 + 1}},
        {"retry_policy": {"maximum_backoff": {"seconds": 601}}},
        {"retry_policy": {"minimum_backoff": {"seconds": 9}, "maximum_backoff": {"seconds": 1}}},
    ],
)
def test_bad_settings_are_refused(pubsub: Client, settings: dict[str, Any]) -> None:
    """A subscription outside Pub/Sub's bounds is refused, not bent."""
    topic = pubsub.topic()

    with pytest.raises(exceptions.InvalidArgument):
        pubsub.subscription(topic, **settings)


@wrong_in_emulator("it accepts ack deadlines under 10 seconds")
def test_ack_deadlines_are_10_seconds_or_more(pubsub: Client) -> None:
    """An ack deadline under 10 seconds is refused."""
    topic = pubsub.topic()

    with pytest.raises(exceptions.InvalidArgument):
        pubsub.subscription(topic, ack_deadline_seconds=9)


@pytest.mark.parametrize(
    "messages",
    [
        [],
        [PubsubMessage()],
        [PubsubMessage(data=b"x"), PubsubMessage(ordering_key="key")],
        [PubsubMessage(data=b"x")] * 1_001,
    ],
    ids=["none", "empty", "one empty", "1001"],
)
def test_bad_publishes_are_refused(pubsub: Client, messages: list[PubsubMessage]) -> None:
    """No messages, an empty message and more than 1,000 are refused, and nothing of them is kept."""
    topic = pubsub.topic()
    subscription = pubsub.subscription(topic)

    with pytest.raises(exceptions.InvalidArgument):
        pubsub.publisher.publish(topic=topic, messages=messages)

    pubsub.publish(topic, b"good")
    assert [b"good"] == pubsub.take(subscription)


@wrong_in_emulator("it accepts a message of 10.5 MB")
def test_too_large_a_message_is_refused(pubsub: Client) -> None:
    """A publish request holds 10 MB."""
    topic = pubsub.topic()

    with pytest.raises(exceptions.InvalidArgument):
        pubsub.publish(topic, b"x" * 10_500_000)


@wrong_in_emulator("it checks no attributes")
@pytest.mark.parametrize(
    "attributes",
    [{"": "x"}, {"k" * 257: "x"}, {"k": "x" * 1_025}, {"googk": "x"}, {f"k{n}": "x" for n in range(101)}],
    ids=["no key", "long key", "long value", "reserved key", "101"],
)
def test_bad_attributes_are_refused(pubsub: Client, attributes: dict[str, str]) -> None:
    """At most 100 attributes, keys of 1 to 256 bytes that do not start with goog, values to 1,024 bytes."""
    topic = pubsub.topic()

    with pytest.raises(exceptions.InvalidArgument):
        pubsub.publish(topic, b"x", attributes=attributes)


@wrong_in_emulator("it ignores filters before SDK 555")
def test_a_filter_keeps_the_rest_away(pubsub: Client) -> None:
    """A subscription with a filter gets what matches; what does not is never delivered to it."""
    topic = pubsub.topic()
    subscription = pubsub.subscription(topic, filter='attributes.kind = "wanted"')

    pubsub.publish(topic, b"other", attributes={"kind": "other"})
    pubsub.publish(topic, b"none")
    pubsub.publish(topic, b"wanted", attributes={"kind": "wanted"})

    [received] = pubsub.pull(subscription)
    assert b"wanted" == received.message.data
    pubsub.ack(subscription, received)


@wrong_in_emulator("it ignores filters before SDK 555")
def test_a_filter_must_be_a_filter(pubsub: Client) -> None:
    """A filter that cannot be read is refused."""
    topic = pubsub.topic()

    with pytest.raises(exceptions.InvalidArgument):
        pubsub.subscription(topic, filter="kind is wanted")
