"""The webhook, signed and posted as Apex does, through Pub/Sub and the next door into Postgres; and what it refuses."""

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests

from common import clock, codec, signature, work
from common.change import MODSTAMP
from common.postgres.connect import Database
from tests.functions.conftest import HMAC_KEYS, ORG, Door, topic_name
from tests.functions.test_push_doors import SECRET, OpenDoor, mapped, open_door, rows
from tests.stack.broker.client import Client
from tests.standin.driving import Standin

PEAK = 350_000_000  #: 30 MB at rest, 50 of bodies, and what one thread reads; eight threads that read take 580
RECORD = "001000000000001AAA"
FIELDS = {
    MODSTAMP: "2026-01-31T12:00:00.000+0000", "External_Id__c": None, "Name": SECRET, "Phone": None, "AnnualRevenue": 5030396.0
}  # fmt: skip

__all__ = ["mapped", "open_door"]


@pytest.fixture(scope="module")
def webhook(start_door: Callable[..., Door], pubsub: Client) -> Door:
    return start_door("receive_webhook", PUBSUB_EMULATOR_HOST=pubsub.host)


@pytest.fixture
def inbox(pubsub: Client) -> Iterator[str]:
    """A subscription that sees what is published from now on."""
    subscription = pubsub.subscription(topic_name("salesforce-changes"))
    yield subscription
    pubsub.subscriber.delete_subscription(subscription=subscription)


def post(door: Door, held: Any, *, key: str = HMAC_KEYS[0], path: str = "changes") -> requests.Response:
    body = held if isinstance(held, bytes) else json.dumps(held).encode()
    return door.post(path, data=body, headers=signature.sign(key, body, clock.now()))


def an_envelope(*records: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"org_id": ORG, "object_name": "Account", "payload": list(records), **more}


def test_a_complete_record_becomes_a_row_and_a_hint_is_read(
    webhook: Door, open_door: OpenDoor, mapped: None, inbox: str, pubsub: Client, database: Database, standin: Standin
) -> None:
    """The whole road, in both plain shapes: one record that is written as it is, one of which only the event is told."""
    reader = open_door("upsert_postgres")
    made = standin.rest("POST", "sobjects/Account", {"Name": "Told of"}).json()["id"]
    head = {"entityName": "Account", "changeType": "CREATE", "recordIds": [made], "commitTimestamp": 1769860800000}

    answers = [
        post(webhook, {"object_name": "Account", "payload": {"Id": RECORD, **FIELDS}}),
        post(webhook, {"cdc": {"schema": "s", "payload": {"ChangeEventHeader": head}}}, path=""),
    ]
    pushed = [reader.push(data) for data in pubsub.take(inbox, 2)]

    assert [(200, {"received": 1, "accepted": 1})] * 2 == [(a.status_code, a.json()) for a in answers]
    assert [204, 204] == [answer.status_code for answer in pushed]
    found = rows(database, "SELECT sfid, name, annual_revenue::text FROM salesforce.account ORDER BY name")
    assert [[RECORD, SECRET, "5030396.0"], [made, "Told of", None]] == found
    assert SECRET not in webhook.child.tail(100_000)


def test_a_thousand_records_leave_in_few_messages(webhook: Door, inbox: str, pubsub: Client) -> None:
    """Two hundred to a message, of one object each, all confirmed before the answer."""
    accounts = [{"Id": f"001{n:012}", "Name": "x" * 100} for n in range(900)]

    answer = post(webhook, [an_envelope(*accounts), an_envelope({"Id": "003000000000001"}, object_name="Contact")])

    messages = [codec.decode(data) for data in pubsub.take(inbox, 6)]
    assert {"received": 901, "accepted": 901} == answer.json()
    assert [1, 100, 200, 200, 200, 200] == sorted(len(m) for m in messages)
    assert [1] * 6 == [len({c.sobject for c in m}) for m in messages]


def test_big_records_leave_in_messages_of_a_megabyte(webhook: Door, inbox: str, pubsub: Client) -> None:
    answer = post(webhook, an_envelope(*[{"Id": f"001{n:012}", "Text__c": "x" * 130_000} for n in range(20)]))

    sizes = [len(received.message.data) for received in pubsub.pull(inbox, 3)]
    assert 200 == answer.status_code
    assert max(sizes) < 1_100_000
    assert sum(sizes) > 20 * 130_000


@pytest.mark.parametrize("key", HMAC_KEYS)
def test_both_keys_are_good_while_they_are_rotated(webhook: Door, inbox: str, pubsub: Client, key: str) -> None:
    """The same request told twice is the same event: whoever tells it again changes nothing."""
    answers = [post(webhook, an_envelope({"Id": RECORD}), key=key) for _ in range(2)]

    assert [200, 200] == [answer.status_code for answer in answers]
    events = [change.event_id for data in pubsub.take(inbox, 2) for change in codec.decode(data)]
    assert 1 == len(set(events))


def test_an_overflow_asks_for_a_comparison(webhook: Door, pubsub: Client) -> None:
    """An event that does not say which records it means becomes work."""
    wishes = pubsub.subscription(topic_name("work"))
    head = {
        "entityName": "Account", "changeType": "GAP_OVERFLOW", "recordIds": ["000000000000000AAA"],
        "commitTimestamp": 1769860800000,
    }  # fmt: skip

    answer = post(webhook, {"cdc": {"payload": {"ChangeEventHeader": head}}})

    assert 200 == answer.status_code
    assert work.resync("Account", "overflow") == work.decode(*pubsub.take(wishes))


def test_bad_records_hold_nobody_back(webhook: Door, inbox: str, pubsub: Client) -> None:
    """422 names each one, with what to do; the others are safe."""
    answer = post(webhook, an_envelope({"Id": "nonsense"}, {"Id": RECORD}, 7))

    told = answer.json()
    assert (422, 3, 1) == (answer.status_code, told["received"], told["accepted"])
    assert [(0, "record_unnamed"), (2, "record_unreadable")] == [(r["record"], r["error"]) for r in told["refused"]]
    assert all(r["next"] for r in told["refused"])
    assert [RECORD] == [c.record_id for data in pubsub.take(inbox) for c in codec.decode(data)]


WRONG = {
    "another org": (an_envelope({"Id": RECORD}, org_id="00D000000000009AAA"), 403, "other_org"),
    "no JSON": (b"<soapenv:Envelope/>", 400, "json_unreadable"),
    "another shape": ({"Id": RECORD}, 400, "shape_unknown"),
    "nothing": ([], 400, "shape_unknown"),
    "deep": (b"[" * 1_000_000, 400, "json_unreadable"),
    "many": (an_envelope(*[{"Id": RECORD}] * 10_001), 400, "too_many_records"),
    "another operation": (an_envelope({"Id": RECORD}, operation="merge"), 400, "operation_unknown"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_makes_no_sense_is_refused_whole(webhook: Door, name: str, inbox: str, pubsub: Client) -> None:
    """JSON with the reason, what came and what to do next; nothing is published."""
    held, status, reason = WRONG[name]

    answer = post(webhook, held)

    told = answer.json()
    assert (status, reason, 0) == (answer.status_code, told["error"], told["accepted"])
    assert told["next"]
    assert 200 == post(webhook, an_envelope({"Id": RECORD}, operation="delete")).status_code
    (data,) = pubsub.take(inbox)
    assert ["delete"] == [change.op for change in codec.decode(data)]


def test_an_unsigned_change_is_refused(webhook: Door) -> None:
    """Before a byte of it is read as JSON."""
    answer = webhook.post("changes", data=b"[" * 100_000)

    assert (401, "signature_missing", 0) == (answer.status_code, answer.json()["error"], answer.json()["accepted"])


def test_a_door_that_knows_no_org_asks_for_it(start_door: Callable[..., Door], pubsub: Client) -> None:
    """503: a person must act, and nothing is lost if the sender tries again."""
    door = start_door("receive_webhook", INBOUND=json.dumps({"hmac_keys": HMAC_KEYS}), PUBSUB_EMULATOR_HOST=pubsub.host)

    answer = post(door, an_envelope({"Id": RECORD}))

    assert (503, "INBOUND names no org_id") == (answer.status_code, answer.json()["detail"])
    assert 200 == post(door, {"object_name": "Account", "payload": {"Id": RECORD}}).status_code


def test_large_requests_at_once_take_little_memory(start_door: Callable[..., Door], pubsub: Client, inbox: str) -> None:
    """Eight callers with five megabytes each; the function has 512 MB. All is published; small ones are not held up."""
    door = start_door("receive_webhook", PUBSUB_EMULATOR_HOST=pubsub.host)
    fields = {f"Field_{n}__c": "x" * 12 for n in range(20)}
    body = json.dumps(an_envelope(*[{"Id": f"001{n:012}", **fields} for n in range(8500)])).encode()

    with ThreadPoolExecutor(9) as pool:
        large = [pool.submit(post, door, body) for _ in range(8)]
        small = pool.submit(post, door, an_envelope({"Id": RECORD}))

    assert 200 == small.result().status_code
    assert [{"received": 8500, "accepted": 8500}] * 8 == [answer.result().json() for answer in large]
    assert door.peak_bytes() < PEAK
