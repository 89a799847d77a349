"""The nudge: signed at receive_webhook, pushed to drain_change_log; and what is refused."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest

from common import clock, signature, work
from common.config import database as database_settings
from common.postgres.connect import Database
from common.postgres.dead_letters import DeadLetters
from common.work import Work
from tests.functions.conftest import DOORS, HMAC_KEYS, Door, topic_name
from tests.integration.accounts import map_table, run
from tests.stack.broker.client import PROJECT, Client
from tests.stack.broker.process import BrokerProcess

KEY = HMAC_KEYS[1]


@pytest.fixture
def inbox(pubsub: Client) -> str:
    return pubsub.subscription(topic_name("work"))


@pytest.fixture(scope="module")
def webhook(start_door: Callable[..., Door], broker: BrokerProcess, pubsub: Client) -> Door:
    return start_door("receive_webhook", PUBSUB_EMULATOR_HOST=broker.host)


@pytest.fixture
def drainer(logs: Path, broker: BrokerProcess, database_environment: dict[str, str], pubsub: Client) -> Iterator[Door]:
    settings = {"GOOGLE_CLOUD_PROJECT": PROJECT, "PUBSUB_EMULATOR_HOST": broker.host}
    door = Door("drain_change_log", DOORS["drain_change_log"] | database_environment | settings, logs)
    yield door.ready()
    door.child.stop()


# -- receive_webhook -----------------------------------------------------------------------------


def test_a_signed_nudge_becomes_a_message(webhook: Door, inbox: str, pubsub: Client) -> None:
    """204 once Pub/Sub has it; its kind stands beside it; whatever its body said stays here."""
    answer = webhook.post("nudge", data=b"secret words", headers=signature.sign(KEY, b"secret words", clock.now()))

    (received,) = pubsub.pull(inbox)
    assert (204, "") == (answer.status_code, answer.text)
    assert {"kind": "nudge"} == dict(received.message.attributes)
    assert Work(work.NUDGE) == work.decode(received.message.data)


@pytest.mark.parametrize("count", [40])
def test_many_nudges_cost_few_messages(webhook: Door, inbox: str, pubsub: Client, count: int) -> None:
    """An application that nudges for every row: each is answered after a message that was sent after it asked."""

    def nudge(_: int) -> int:
        return webhook.post("nudge", data=b"", headers=signature.sign(KEY, b"", clock.now())).status_code

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(nudge, range(count)))

    messages = pubsub.subscriber.pull(subscription=inbox, max_messages=100, retry=None).received_messages
    assert [204] * count == answers
    assert 1 <= len(messages) <= count // 2


REFUSED = {
    "no headers": ({}, "signature_missing"),
    "another key": (signature.sign("x" * 32, b"", clock.now()), "signature_wrong"),
    "another body": (signature.sign(KEY, b"other", clock.now()), "signature_wrong"),
    "long ago": (signature.sign(KEY, b"", clock.now() - timedelta(seconds=900)), "signature_old"),
    "a replay later": (signature.sign(KEY, b"", clock.now() + timedelta(seconds=900)), "signature_old"),
    "no time": ({signature.TIMESTAMP: "now", signature.SIGNATURE: "0"}, "timestamp_unreadable"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_who_does_not_hold_a_key_is_told_what_to_do(webhook: Door, name: str) -> None:
    """401 with what was received, what was expected and what to do; never a key; on every path."""
    headers, reason = REFUSED[name]

    for path in ("nudge", "elsewhere", ""):
        answer = webhook.post(path, data=b"", headers=headers)
        told = answer.json()
        assert (401, reason, "received ") == (answer.status_code, told["error"], told["detail"][:9])
        assert told["next"]
        assert not [key for key in HMAC_KEYS if key in answer.text]
    assert not [key for key in HMAC_KEYS if key in webhook.child.tail(100_000)]


def test_too_long_a_body_is_refused_unread(webhook: Door) -> None:
    """413; signed or not."""
    body = b"x" * 6_000_001

    answer = webhook.post("nudge", data=body, headers=signature.sign(KEY, body, clock.now()))

    assert (413, "body_too_large") == (answer.status_code, answer.json()["error"])


def test_a_signed_request_elsewhere_is_told_where_to_go(webhook: Door) -> None:
    """404 and the paths that there are."""
    answer = webhook.post("nudge/more", data=b"", headers=signature.sign(KEY, b"", clock.now()))

    told = answer.json()
    assert (404, "received a request to /nudge/more") == (answer.status_code, told["detail"])
    assert "Post to /changes, or to /nudge." == told["next"]


def test_without_pubsub_a_nudge_is_not_promised(start_door: Callable[..., Door]) -> None:
    """503: whoever nudges may try again; the schedule looks in any case."""
    door = start_door("receive_webhook")

    answer = door.post("nudge", data=b"", headers=signature.sign(KEY, b"", clock.now()))

    assert (503, "publish_failed") == (answer.status_code, answer.json()["error"])


# -- drain_change_log ----------------------------------------------------------------------------


def test_a_nudge_drains(drainer: Door, database: Database, pubsub: Client) -> None:
    """What was committed before it is published when the push is acknowledged; a second one finds nothing."""
    map_table(database)
    changes = pubsub.subscription(topic_name("postgres-changes"))
    run(database, "INSERT INTO salesforce.account (id, name) VALUES ('a', 'b')")

    answers = [
        drainer.push(work.encode(Work(work.NUDGE)), path="work", kind="nudge"),
        drainer.push(b"", path="work", kind="nudge"),
    ]

    (published,) = pubsub.pull(changes)
    assert [204, 204] == [answer.status_code for answer in answers]
    assert b'"id":"a"' in published.message.data
    assert [1] == [line["records"] for line in drainer.lines() if line["event"] == "drain"]


def test_other_work_is_acknowledged_and_left_alone(drainer: Door) -> None:
    """Google's emulator filters nothing: each reader gets everybody's work."""
    answers = [
        drainer.push(work.encode(Work(work.BULK_POLL)), path="work", kind="bulk_poll"),
        drainer.push(b"of a later release", path="work", kind="unheard_of"),
    ]

    assert [204, 204] == [answer.status_code for answer in answers]
    assert [] == drainer.lines()


def test_damaged_work_becomes_a_dead_letter(drainer: Door, database: Database) -> None:
    """With its bytes and a reason; it does not come again."""
    answer = drainer.push(b"\x00", path="work", message_id="m-9")

    (letter,) = DeadLetters(database).find([1])
    assert 204 == answer.status_code
    assert ("work", "work_unreadable", "m-9") == (letter["topic"], letter["reason"], letter["event_id"])


def test_nudges_at_once_lose_nothing(
    drainer: Door, database: Database, pubsub: Client, database_environment: dict[str, str]
) -> None:
    """Thirty writers that each commit and nudge: when all are acknowledged, nothing waits in the log."""
    map_table(database)
    together = threading.Barrier(8)

    def write(n: int) -> int:
        with Database(database_settings(database_environment)) as own:
            if n < 8:
                together.wait(10)
            run(own, f"INSERT INTO salesforce.account (id, name) VALUES ('w-{n}', 'b')")
        return drainer.push(b"", path="work", kind="nudge", message_id=f"m-{n}").status_code

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(write, range(32)))

    assert {204} == set(answers)
    assert [[0]] == run(database, "SELECT count(*) FROM isthmus.change_log WHERE state = 'new'")
    drained = [line["records"] for line in drainer.lines() if line["event"] == "drain"]
    assert 32 == sum(drained)
