"""Laws of Pub/Sub's push, held over Google's emulator and over our broker alike."""

import base64
import socket
from datetime import datetime

import pytest
from google.pubsub_v1.types import PushConfig

from tests.contract.gaps import wrong_in_emulator
from tests.stack.broker.client import Client
from tests.stack.broker.endpoint import Endpoint

FAST_RETRY = {"minimum_backoff": {"nanos": 100_000_000}, "maximum_backoff": {"seconds": 1}}


def test_the_push_body(pubsub: Client, endpoint: Endpoint) -> None:
    """A push is a POST of JSON: the message with both spellings of id and time, and its subscription."""
    topic = pubsub.topic()
    subscription = pubsub.push_subscription(topic, endpoint.url + "?token=1")

    [message_id] = pubsub.publish(topic, b"\x00\xff", attributes={"kind": "고객"})

    post = endpoint.next()
    message = post.message
    assert ("/push?token=1", "application/json") == (post.path, post.headers["Content-Type"])
    assert subscription == post.envelope["subscription"]
    assert b"\x00\xff" == base64.b64decode(message["data"])
    assert {"kind": "고객"} == message["attributes"]
    assert [message_id] * 2 == [message["messageId"], message["message_id"]]
    assert message["publishTime"] == message["publish_time"]
    assert datetime.fromisoformat(message["publishTime"]).utcoffset() is not None


def test_a_push_of_attributes_alone(pubsub: Client, endpoint: Endpoint) -> None:
    """A message without data is pushed with its attributes."""
    topic = pubsub.topic()
    pubsub.push_subscription(topic, endpoint.url)

    pubsub.publish(topic, b"", attributes={"kind": "nudge"})

    message = endpoint.next().message
    assert ({"kind": "nudge"}, "") == (message["attributes"], message.get("data", ""))


def posts_until_a_failed_one_returns(pubsub: Client, endpoint: Endpoint, *statuses: int) -> tuple[list[str], list[str]]:
    """Answer one message with each status, then another with 500: the ids published, and those posted.

    Whatever a status did not settle is due before the one that failed last.
    """
    topic = pubsub.topic()
    pubsub.push_subscription(topic, endpoint.url, retry_policy=FAST_RETRY)
    published, posted = [], []
    for status in (*statuses, 500):
        endpoint.answer = lambda post, status=status: status  # type: ignore[misc]
        published += pubsub.publish(topic, b"x")
        posted.append(endpoint.next().message["messageId"])
    endpoint.answer = lambda post: 204
    posted.append(endpoint.next().message["messageId"])
    return published, posted


@pytest.mark.parametrize("status", [102, 200, 201, 204])
def test_success_settles_a_push(pubsub: Client, endpoint: Endpoint, status: int) -> None:
    """What was answered with success does not come again, though a later failure does."""
    published, posted = posts_until_a_failed_one_returns(pubsub, endpoint, status)

    assert [*published, published[-1]] == posted


@wrong_in_emulator("it takes 202 for a failure")
def test_accepted_settles_a_push(pubsub: Client, endpoint: Endpoint) -> None:
    """202 is success too."""
    published, posted = posts_until_a_failed_one_returns(pubsub, endpoint, 202)

    assert [*published, published[-1]] == posted


@pytest.mark.parametrize("status", [302, 404, 429, 503])
def test_other_statuses_are_nacks(pubsub: Client, endpoint: Endpoint, status: int) -> None:
    """No status but success settles a push, not even one that looks final."""
    topic = pubsub.topic()
    endpoint.answer = lambda post: status
    pubsub.push_subscription(topic, endpoint.url, retry_policy=FAST_RETRY)

    pubsub.publish(topic, b"x")

    first, second = endpoint.next(), endpoint.next()
    assert first.message["messageId"] == second.message["messageId"]
    endpoint.answer = lambda post: 204
    endpoint.next()


def test_a_push_that_keeps_failing_is_dead_lettered(pubsub: Client, endpoint: Endpoint) -> None:
    """After its attempts a message goes to the dead letter topic, saying where it comes from."""
    topic, graveyard = pubsub.topic(), pubsub.topic()
    dead = pubsub.subscription(graveyard)
    policy = {"dead_letter_topic": graveyard, "max_delivery_attempts": 5}
    endpoint.answer = lambda post: 503
    subscription = pubsub.push_subscription(topic, endpoint.url, dead_letter_policy=policy, retry_policy=FAST_RETRY)

    pubsub.publish(topic, b"poison", attributes={"kind": "x"})

    posts = [endpoint.next() for _ in range(5)]
    [buried] = pubsub.pull(dead)
    _, project, _, name = subscription.split("/")
    source = "CloudPubSubDeadLetterSource"
    expected = {
        "kind": "x",
        f"{source}Subscription": name,
        f"{source}SubscriptionProject": project,
        f"{source}DeliveryCount": "5",
        f"{source}TopicPublishTime": posts[0].message["publishTime"],
    }
    assert b"poison" == buried.message.data
    assert expected == dict(buried.message.attributes)
    pubsub.ack(dead, buried)


def test_an_endpoint_that_is_down_is_tried_until_it_is_up(pubsub: Client) -> None:
    """Hanging up and refusing to listen are nacks; the message arrives once somebody listens."""
    topic = pubsub.topic()
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    pubsub.push_subscription(topic, f"http://127.0.0.1:{port}/push", retry_policy=FAST_RETRY)

    [message_id] = pubsub.publish(topic, b"x")
    for _ in range(2):
        caller, _address = listener.accept()
        caller.close()
    listener.close()
    endpoint = Endpoint(port=port)

    assert message_id == endpoint.next().message["messageId"]
    endpoint.close()


def test_a_push_subscription_can_be_moved_and_pulled(pubsub: Client, endpoint: Endpoint) -> None:
    """A new push configuration holds at once; an empty one makes the subscription one to pull from."""
    topic = pubsub.topic()
    subscription = pubsub.subscription(topic)

    config = PushConfig(push_endpoint=endpoint.url)
    pubsub.subscriber.modify_push_config(subscription=subscription, push_config=config)
    pubsub.publish(topic, b"pushed")
    pushed = endpoint.next()
    pubsub.subscriber.modify_push_config(subscription=subscription, push_config=PushConfig())
    pubsub.publish(topic, b"pulled")

    assert b"pushed" == base64.b64decode(pushed.message["data"])
    assert [b"pulled"] == pubsub.take(subscription)


@wrong_in_emulator("it leaves deliveryAttempt out of the push body")
def test_a_push_counts_its_attempts(pubsub: Client, endpoint: Endpoint) -> None:
    """Where a dead letter policy counts attempts, each push says which one it is."""
    topic = pubsub.topic()
    endpoint.answer = lambda post: 503
    policy = {"dead_letter_topic": topic, "max_delivery_attempts": 5}
    pubsub.push_subscription(topic, endpoint.url, dead_letter_policy=policy, retry_policy=FAST_RETRY)

    pubsub.publish(topic, b"x")

    posts = [endpoint.next(), endpoint.next()]
    endpoint.answer = lambda post: 204
    assert [1, 2] == [post.envelope["deliveryAttempt"] for post in posts]
