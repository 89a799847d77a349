"""The receiver under many callers, with Salesforce's own messages, and with bodies that want its memory."""

import json
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from common import codec
from tests.functions.conftest import ANSWER_SECONDS, ORG, SECRET_PATH, Door, StartDoor, topic_name
from tests.stack.broker.client import Client
from tests.unit.test_outbound import HOSTILE, REAL, REFUSED, a_message, a_notification

CALLERS, EACH = 20, 10
MEMORY = 150_000_000  #: a function of Google's smallest size has 256 MB


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
    assert door.resident_bytes() < MEMORY
    assert door.peak_bytes() < MEMORY


@pytest.fixture(scope="module")
def doors_by_org(start_door: StartDoor, pubsub: Client) -> dict[str, Door]:
    return {}


@pytest.mark.parametrize("name", [*REAL, *REFUSED])
def test_real_messages(name: str, samples, start_door: StartDoor, doors_by_org: dict[str, Door], pubsub, inbox) -> None:
    """Each of Salesforce's own messages, sent to its org's door: acknowledged and published, or refused with why."""
    org = REAL[name][0] if name in REAL else REFUSED[name][1] and REFUSED[name][0]
    org = org if org[:3] == "00D" else ORG if name in REFUSED else org
    if org not in doors_by_org:
        settings = {"org_id": org, "secret_path": SECRET_PATH}
        doors_by_org[org] = start_door(
            "receive_outbound_message", PUBSUB_EMULATOR_HOST=pubsub.host, INBOUND=json.dumps(settings)
        )

    answer = doors_by_org[org].post(SECRET_PATH, data=(samples / "outbound" / name).read_bytes())

    if name in REAL:
        assert is_ack(answer)
        assert sorted(row[3] for row in REAL[name][1]) == sorted(events(pubsub, inbox, 1))
    else:
        status, code, sentence = fault(answer)
        reasons = {REFUSED[name][1], "other_org"} if org == ORG else {REFUSED[name][1]}
        assert (400, "soapenv:Client", True) == (status, code, sentence.partition(":")[0] in reasons)
        assert len(sentence) > len("a reason alone is no sentence"), sentence
