"""The receiver under many callers, with Salesforce's own messages, and with bodies that want its memory."""

import json
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path

import pytest
import requests

from common import codec, ids
from tests.functions.conftest import ANSWER_SECONDS, ORG, SECRET_PATH, Door, StartDoor, topic_name
from tests.stack.broker.client import Client
from tests.unit.test_outbound import HOSTILE, REAL, REFUSED, a_message, a_notification

CALLERS, EACH = 20, 10
AFTERWARDS = 150_000_000
PEAK = 220_000_000  #: 60 MB at rest and, for each of 8 threads, ten that are read and ten of copies; the function has 256 MB


@pytest.fixture(scope="module")
def door(start_door: StartDoor, pubsub: Client) -> Door:
    return start_door("receive_outbound_message", PUBSUB_EMULATOR_HOST=pubsub.host)


@pytest.fixture
def inbox(pubsub: Client) -> Iterator[str]:
    """A subscription that sees what is published from now on."""
    subscription = pubsub.subscription(topic_name("salesforce-changes"))
    yield subscription
    pubsub.subscriber.delete_subscription(subscription=subscription)


def is_ack(answer: requests.Response) -> bool:
    return answer.status_code == 200 and ET.fromstring(answer.content).findtext(".//{*}Ack") == "true"


def fault(answer: requests.Response) -> tuple[int, str | None, str]:
    """Status, code and sentence of a fault that acknowledges nothing."""
    root = ET.fromstring(answer.content)
    assert not list(root.iter("{*}Ack"))
    return answer.status_code, root.findtext(".//faultcode"), root.findtext(".//faultstring") or ""


def events(pubsub: Client, inbox: str, messages: int) -> list[str]:
    return [change.event_id for data in pubsub.take(inbox, messages) for change in codec.decode(data)]


def test_many_callers_lose_nothing(door: Door, pubsub: Client, inbox: str) -> None:
    """Twenty callers with ten messages each: everything that was acknowledged is in the topic, once."""

    def call(caller: int) -> list[bool]:
        with requests.Session() as session:
            bodies = [a_message(a_notification(id=f"{caller}/{n}")) for n in range(EACH)]
            url = f"{door.url}/{SECRET_PATH}"
            return [is_ack(session.post(url, data=body, timeout=ANSWER_SECONDS)) for body in bodies]

    with ThreadPoolExecutor(CALLERS) as pool:
        acked = [ack for acks in pool.map(call, range(CALLERS)) for ack in acks]

    assert [True] * CALLERS * EACH == acked
    expected = sorted(f"{caller}/{n}" for caller in range(CALLERS) for n in range(EACH))
    assert expected == sorted(events(pubsub, inbox, CALLERS * EACH))


def test_hostile_callers_take_no_memory_and_hold_nobody_up(door: Door, pubsub: Client, inbox: str) -> None:
    """While hostile bodies pour in, good messages are acknowledged, only these arrive, and memory stays small."""
    bodies = [a_message(head=f'<?xml version="1.0"?>{doctype}').encode() for doctype in HOSTILE.values()]
    bodies += [b"", b"\xff\xfe" + b"<" * 1000, b"<a>" * 200_000, b"<" * 9_000_000, b"x" * 9_000_000]

    with ThreadPoolExecutor(8) as pool:
        refused = [pool.submit(door.post, SECRET_PATH, data=body) for body in bodies * 2]
        good = [pool.submit(door.post, SECRET_PATH, data=a_message(a_notification(id=str(n)))) for n in range(8)]

    assert [True] * 8 == [is_ack(answer.result()) for answer in good]
    answers = [fault(answer.result()) for answer in refused]
    assert {(400, "soapenv:Client")} == {(status, code) for status, code, _ in answers}
    assert "" not in [sentence for _, _, sentence in answers]
    assert [str(n) for n in range(8)] == sorted(events(pubsub, inbox, 8)), "the refused ones left something"
    assert door.resident_bytes() < AFTERWARDS
    assert door.peak_bytes() < PEAK


@pytest.fixture(scope="module")
def door_of(start_door: StartDoor, pubsub: Client) -> Callable[[str], Door]:
    """One door for each org."""

    @cache
    def start(org: str) -> Door:
        inbound = json.dumps({"org_id": org, "secret_path": SECRET_PATH})
        return start_door("receive_outbound_message", PUBSUB_EMULATOR_HOST=pubsub.host, INBOUND=inbound)

    return start


@pytest.mark.parametrize("name", REAL)
def test_real_messages_are_acknowledged(
    name: str, samples: Path, door_of: Callable[[str], Door], pubsub: Client, inbox: str
) -> None:
    """Each of Salesforce's own messages, sent to its org's door: published whole, one message for each object."""
    org, notifications = REAL[name]
    body = (samples / "outbound" / name).read_bytes()

    answer = door_of(org).post(SECRET_PATH, data=body)

    assert is_ack(answer)
    objects = {sobject for sobject, *_ in notifications}
    assert sorted(event for *_, event, _ in notifications) == sorted(events(pubsub, inbox, len(objects)))


@pytest.mark.parametrize("name", REFUSED)
def test_real_messages_that_say_too_little_are_refused(
    name: str, samples: Path, door_of: Callable[[str], Door], pubsub: Client, inbox: str
) -> None:
    """Placeholders for ids, no org, torn XML: a fault that says why, and nothing is published."""
    org, reason = REFUSED[name]
    if not ids.is_id(org):
        org, reason = ORG, "other_org"  # no door can be set up for a placeholder
    door = door_of(org)

    answer = door.post(SECRET_PATH, data=(samples / "outbound" / name).read_bytes())

    status, code, sentence = fault(answer)
    assert (400, "soapenv:Client", reason) == (status, code, sentence.partition(": ")[0])
    assert sentence.endswith(".")
    assert is_ack(door.post(SECRET_PATH, data=a_message(a_notification(id="after"), org=org)))
    assert ["after"] == events(pubsub, inbox, 1)
