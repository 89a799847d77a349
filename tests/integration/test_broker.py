"""What our broker promises beyond Pub/Sub's contract: it survives kill -9, and its clock can be moved."""

import contextlib
import queue
import sqlite3
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest
from google.api_core import exceptions
from google.pubsub_v1.types import PubsubMessage, Subscription, Topic

from tests.stack.broker.client import PULL_SECONDS, Client
from tests.stack.broker.clock import move_clock, read_clock
from tests.stack.broker.deliveries import Deliveries
from tests.stack.broker.endpoint import Endpoint, Post
from tests.stack.broker.process import BrokerProcess
from tests.stack.broker.store import Store

FAST_RETRY = {"minimum_backoff": {"nanos": 100_000_000}, "maximum_backoff": {"nanos": 100_000_000}}
SLOW_RETRY = {"minimum_backoff": {"seconds": 600}, "maximum_backoff": {"seconds": 600}}
SECOND_US = 1_000_000

Start = Callable[[], Client]


@pytest.fixture
def running() -> list[BrokerProcess]:
    """The brokers started by a test, newest last."""
    return []


@pytest.fixture
def start(tmp_path: Path, running: list[BrokerProcess]) -> Iterator[Start]:
    """Starts a broker on this test's directory, as often as it is called."""
    clients = []

    def begin() -> Client:
        running.append(BrokerProcess(tmp_path / "data"))
        clients.append(Client(running[-1].host))
        return clients[-1]

    yield begin
    for client in clients:
        client.close()
    for broker in running:
        broker.kill()


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    endpoint = Endpoint()
    yield endpoint
    endpoint.close()


# Killed and started again


def test_no_confirmed_message_is_lost(start: Start, running: list[BrokerProcess]) -> None:
    """kill -9 in the middle of publishing: every message that was confirmed is there afterwards."""
    client = start()
    topic = client.topic()
    subscription = client.subscription(topic)
    confirmed: list[bytes] = []
    enough = threading.Event()

    def publish_until_it_dies() -> None:
        with contextlib.suppress(exceptions.GoogleAPICallError):
            while len(confirmed) < 1_000_000:
                batch = [b"%d" % (len(confirmed) + number) for number in range(50)]
                messages = [PubsubMessage(data=datum) for datum in batch]
                client.publisher.publish(topic=topic, messages=messages, retry=None, timeout=5)
                confirmed.extend(batch)
                if len(confirmed) >= 2_000:
                    enough.set()

    with ThreadPoolExecutor(1) as pool:
        publishing = pool.submit(publish_until_it_dies)
        assert enough.wait(PULL_SECONDS)
        running[-1].kill()
        publishing.result(PULL_SECONDS)

    got = start().take(subscription, len(confirmed))
    assert set(confirmed) <= set(got)


def test_topics_and_subscriptions_survive(start: Start, running: list[BrokerProcess]) -> None:
    """After kill -9 topics and subscriptions are what they were, and go on working."""
    client = start()
    topic, graveyard = client.topic(), client.topic()
    policy = {"dead_letter_topic": graveyard, "max_delivery_attempts": 7}
    subscription = client.subscription(topic, filter="attributes:kind", dead_letter_policy=policy)
    before = client.subscriber.get_subscription(subscription=subscription)
    running[-1].kill()

    client = start()

    assert before == client.subscriber.get_subscription(subscription=subscription)
    assert {topic, graveyard} == {
        found.name for found in client.publisher.list_topics(project=topic.rpartition("/topics/")[0])
    }
    client.publish(topic, b"without kind")
    client.publish(topic, b"with", attributes={"kind": "x"})
    assert [b"with"] == client.take(subscription)


def test_outstanding_deliveries_come_again(start: Start, running: list[BrokerProcess]) -> None:
    """What was handed out but not acknowledged before kill -9 comes again at once; what was does not."""
    client = start()
    topic = client.topic()
    subscription = client.subscription(topic, ack_deadline_seconds=600)
    client.publish(topic, b"settled")
    client.take(subscription)
    client.publish(topic, b"outstanding")
    [held] = client.pull(subscription)
    running[-1].kill()

    client = start()

    [again] = client.pull(subscription)
    assert held.message == again.message


def test_pushes_go_on_after_a_restart(start: Start, running: list[BrokerProcess], endpoint: Endpoint) -> None:
    """What could not be pushed before kill -9 is pushed after it."""
    client = start()
    topic = client.topic()
    endpoint.answer = lambda post: 503
    client.push_subscription(topic, endpoint.url, retry_policy=SLOW_RETRY)
    [message_id] = client.publish(topic, b"x")
    endpoint.next()
    running[-1].kill()
    endpoint.answer = lambda post: 204

    host = start().host

    assert message_id == next_after_moving(host, endpoint).message["messageId"]


def test_message_ids_are_never_used_twice(start: Start, running: list[BrokerProcess]) -> None:
    """Ids go on where they stopped, even if no message is left."""
    client = start()
    topic = client.topic()
    before = client.publish(topic, b"a", b"b")
    running[-1].kill()

    after = start().publish(topic, b"c", b"d")

    assert 4 == len({*before, *after})


def test_dead_lettering_survives_a_kill(start: Start, running: list[BrokerProcess], endpoint: Endpoint) -> None:
    """kill -9 among many burials: each message ends in the dead letter topic, and only once."""
    client = start()
    topic, graveyard = client.topic(), client.topic()
    dead = client.subscription(graveyard)
    endpoint.answer = lambda post: 503
    policy = {"dead_letter_topic": graveyard, "max_delivery_attempts": 5}
    client.push_subscription(topic, endpoint.url, dead_letter_policy=policy, retry_policy=FAST_RETRY)
    data = [b"%02d" % number for number in range(50)]
    client.publish(topic, *data)
    client.pull(dead)
    running[-1].kill()

    client = start()

    assert data == client.take(dead, 50)
    client.publish(graveyard, b"end")
    assert [b"end"] == client.take(dead)


# The clock


def test_the_moved_clock_releases_a_pull(start: Start) -> None:
    """A pull that waits for a message resting for 10 minutes gets it as soon as the clock is moved."""
    client = start()
    topic = client.topic()
    subscription = client.subscription(topic, retry_policy=SLOW_RETRY)
    client.publish(topic, b"x")
    [held] = client.pull(subscription)
    client.set_deadline(subscription, held, seconds=0)

    with ThreadPoolExecutor(1) as pool:
        pulling = pool.submit(client.pull, subscription)
        move_clock(client.host, 601)
        [again] = pulling.result(PULL_SECONDS)

    assert held.message == again.message


def test_the_moved_clock_releases_a_push(start: Start, endpoint: Endpoint) -> None:
    """A push that rests for 10 minutes after a failure goes out as soon as the clock is moved."""
    client = start()
    topic = client.topic()
    endpoint.answer = lambda post: 503
    client.push_subscription(topic, endpoint.url, retry_policy=SLOW_RETRY)
    [message_id] = client.publish(topic, b"x")
    endpoint.next()
    endpoint.answer = lambda post: 204

    again = next_after_moving(client.host, endpoint)

    assert message_id == again.message["messageId"]


def test_the_moved_clock_is_remembered(start: Start, running: list[BrokerProcess]) -> None:
    """Moves add up, back and forth, and outlive the broker."""
    host = start().host
    began = read_clock(host)
    move_clock(host, 7_200.5)
    moved = move_clock(host, -3_600.25)
    running[-1].kill()

    again = read_clock(start().host)

    assert began + 3_600.25 <= moved <= again < began + 3_600.25 + 60


def test_leases_that_run_out_count_as_attempts(start: Start) -> None:
    """A message that nobody ever acknowledges is dead-lettered too."""
    client = start()
    topic, graveyard = client.topic(), client.topic()
    dead = client.subscription(graveyard)
    policy = {"dead_letter_topic": graveyard, "max_delivery_attempts": 5}
    subscription = client.subscription(topic, dead_letter_policy=policy)
    client.publish(topic, b"x")

    attempts = []
    for _ in range(5):
        attempts.append(client.pull(subscription)[0].delivery_attempt)
        move_clock(client.host, 11)
    client.publish(topic, b"next")

    assert [1, 2, 3, 4, 5] == attempts
    assert [b"next"] == client.take(subscription)
    assert [b"x"] == client.take(dead)


def test_retention_ends(start: Start) -> None:
    """A message older than its subscription's retention is gone; a younger one is not."""
    client = start()
    topic = client.topic()
    short = client.subscription(topic, message_retention_duration={"seconds": 600})
    long = client.subscription(topic, message_retention_duration={"seconds": 1_200})
    client.publish(topic, b"old")

    move_clock(client.host, 601)
    client.publish(topic, b"new")

    assert [b"new"] == client.take(short)
    assert [b"new", b"old"] == client.take(long, 2)


def test_seeking_back_brings_back_what_was_retained(start: Start) -> None:
    """A seek to a time acknowledges what is older and returns what was acknowledged since."""
    client = start()
    topic = client.topic()
    subscription = client.subscription(topic, retain_acked_messages=True)
    client.publish(topic, b"older")
    move_clock(client.host, 60)
    since = datetime.fromtimestamp(read_clock(client.host) - 30, UTC)
    client.publish(topic, b"newer")
    client.take(subscription, 2)

    client.subscriber.seek(request={"subscription": subscription, "time": since})

    client.publish(topic, b"newest")
    assert [b"newer", b"newest"] == client.take(subscription, 2)


def next_after_moving(host: str, endpoint: Endpoint) -> Post:
    """The next post, with the clock moved until it comes.

    The broker counts a failure a moment after the endpoint has answered: a rest that begins after the
    first move needs the second.
    """
    for _ in range(20):
        move_clock(host, 601)
        with contextlib.suppress(queue.Empty):
            return endpoint.next(timeout=1)
    raise AssertionError("nothing was posted")


# Delivery


def test_burying_is_one_transaction(tmp_path: Path) -> None:
    """If a message cannot be removed from its source, it is not in the dead letter topic either."""
    store = Store(tmp_path)
    deliveries = Deliveries(store)
    alive, dead = "projects/p/topics/alive", "projects/p/topics/dead"
    policy = {"dead_letter_topic": dead, "max_delivery_attempts": 5}
    for topic, settings in ((alive, {"dead_letter_policy": policy}), (dead, {})):
        store.create_topic(Topic.pb(Topic(name=topic)))
        name = topic.replace("topics", "subscriptions")
        body = Subscription(name=name, topic=topic, message_retention_duration={"seconds": 600}, **settings)
        store.create_queue(Subscription.pb(body))
    source, graveyard = (
        store.queue("projects/p/subscriptions/alive"),
        store.queue("projects/p/subscriptions/dead"),
    )
    deliveries.publish(alive, [PubsubMessage.pb(PubsubMessage(data=b"x"))])
    for _ in range(4):
        deliveries.nack(source, [deliveries.claim(source, 1, SECOND_US)[0].ack_id])
    [last] = deliveries.claim(source, 1, 3_600 * SECOND_US)
    with store.transaction() as db:
        db.execute("CREATE TRIGGER stuck BEFORE DELETE ON delivery BEGIN SELECT RAISE(ABORT, 'stuck'); END")

    with pytest.raises(sqlite3.IntegrityError, match="stuck"):
        deliveries.nack(source, [last.ack_id])

    assert [] == deliveries.claim(graveyard, 1, SECOND_US)
    with store.transaction() as db:
        db.execute("DROP TRIGGER stuck")
    deliveries.nack(source, [last.ack_id])
    assert [] == deliveries.claim(source, 1, SECOND_US)
    assert [b"x"] == [delivery.message.data for delivery in deliveries.claim(graveyard, 2, SECOND_US)]
    store.close()


def test_nothing_is_buried_in_a_topic_that_is_gone(start: Start) -> None:
    """Without its dead letter topic a message stays where it is and goes on being delivered."""
    client = start()
    topic, graveyard = client.topic(), client.topic()
    policy = {"dead_letter_topic": graveyard, "max_delivery_attempts": 5}
    subscription = client.subscription(topic, dead_letter_policy=policy)
    client.publisher.delete_topic(topic=graveyard)
    client.publish(topic, b"x")

    for _ in range(6):
        client.set_deadline(subscription, *client.pull(subscription), seconds=0)

    assert [b"x"] == client.take(subscription)


def test_a_hung_endpoint_is_a_failure(start: Start, endpoint: Endpoint) -> None:
    """A push that is not answered within the ack deadline is sent again; the deadline cannot be extended."""
    client = start()
    topic = client.topic()
    calls = iter([1, 2])
    second = threading.Event()

    def answer(post: Post) -> int:
        if next(calls) == 1:
            second.wait(PULL_SECONDS)
        second.set()
        return 204

    endpoint.answer = answer
    client.push_subscription(topic, endpoint.url, ack_deadline_seconds=10)

    client.publish(topic, b"x")

    assert second.wait(PULL_SECONDS)
    assert endpoint.next().message == endpoint.next().message


def test_ordered_messages_wait_for_their_turn(start: Start) -> None:
    """One message per ordering key is outstanding; a failed one comes again before the next."""
    client = start()
    topic = client.topic()
    subscription = client.subscription(topic, enable_message_ordering=True)
    keys = [("a", b"a1"), ("a", b"a2"), ("b", b"b1")]
    messages = [PubsubMessage(data=data, ordering_key=key) for key, data in keys]
    client.publisher.publish(topic=topic, messages=messages)

    first, other = client.pull(subscription, 2)
    client.set_deadline(subscription, first, seconds=0)

    assert [b"a1", b"b1"] == [first.message.data, other.message.data]
    assert [b"a1"] == client.take(subscription)
    assert [b"a2"] == client.take(subscription)
