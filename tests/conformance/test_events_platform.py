"""Platform events: defined, published over REST and gRPC, received; and managed subscriptions."""

import io
import json
import queue

import fastavro
import grpc
import pytest

from tests.standin.events.avro import event_schema
from tests.standin.events.driving import error_of
from tests.standin.events.wire import pubsub_api_pb2 as wire
from tests.standin.schema import from_upload

TOPIC = "/event/Order_Event__e"
ORDER = {
    "name": "Order_Event__e",
    "fields": [
        {"name": "Order_Number__c", "type": "string", "length": 20},
        {"name": "City__c", "type": "string", "length": 100},
        {"name": "Amount__c", "type": "double", "scale": 2},
    ],
}


@pytest.fixture
def orders(org, pubsub):
    """A subscription to a platform event."""
    org.control("POST", "events/platform-events", ORDER)
    with pubsub.subscribe(TOPIC) as subscription:
        yield subscription


@pytest.fixture
def schema_id(orders, pubsub):
    return pubsub.topic(TOPIC).schema_id


def payload(schema, **values):
    out = io.BytesIO()
    fastavro.schemaless_writer(out, fastavro.parse_schema(schema), values)
    return out.getvalue()


def test_its_schema_is_shaped_as_the_captured_ones(samples):
    """Date and user first and never null, then its own fields; the uuid is the schema's id."""
    real = json.loads((samples / "cdc" / "platform_event_Order_Event__e.avsc").read_text())
    newer = json.loads((samples / "cdc" / "platform_event_CM_Test_Event_Two__e.avsc").read_text())

    made = event_schema(from_upload({"nameField": False, "owner": False, **ORDER}, 0.0, "e00"))

    ours = json.loads(made.text)
    assert set(newer) == set(ours)
    assert made.id == ours.pop("uuid")
    for schema in (real, ours):
        for field in schema["fields"]:
            field["doc"] = field["doc"].split(":00N")[0]
    assert real == ours


def test_rest_publishes(org, orders):
    """201 with OPERATION_ENQUEUED and the event's uuid; who and when are filled in."""
    answer = org.rest("POST", "sobjects/Order_Event__e", {"Order_Number__c": "7", "Amount__c": 1.5})

    (consumed,) = orders.consumed(1)
    event = orders._client.decoded(consumed)
    body = answer.json()
    assert (201, True, "OPERATION_ENQUEUED") == (answer.status_code, body["success"], body["errors"][0]["statusCode"])
    assert consumed.event.id == body["errors"][0]["message"]
    assert ("7", None, 1.5) == (event["Order_Number__c"], event["City__c"], event["Amount__c"])
    assert ("005", True) == (event["CreatedById"][:3], event["CreatedDate"] > 1_700_000_000_000)


def test_an_upload_defines_one(org, pubsub):
    """A compact form whose name ends in __e is a platform event, with a describe of its own."""
    org.control("POST", "objects", {**ORDER, "name": "Uploaded__e"})

    assert pubsub.topic("/event/Uploaded__e").can_publish
    fields = org.rest("GET", "sobjects/Uploaded__e/describe").json()["fields"]
    assert {"Order_Number__c", "City__c", "Amount__c"} <= {field["name"] for field in fields}


def test_a_collection_publishes_too(org, orders):
    """Each event by itself: a wrong one keeps nobody back."""
    listed = [{"attributes": {"type": "Order_Event__e"}, "Order_Number__c": number} for number in ("1", "x" * 21, "3")]
    answer = org.rest("POST", "composite/sobjects", {"records": listed})

    assert ["1", "3"] == [event["Order_Number__c"] for event in orders.events(2)]
    assert [True, False, True] == [result["success"] for result in answer.json()]


@pytest.mark.parametrize(
    ("body", "code"),
    [({"Nope__c": 1}, "INVALID_FIELD"), ({"Order_Number__c": "x" * 21}, "STRING_TOO_LONG")],
)
def test_rest_refuses_what_the_event_does_not_have(org, orders, body, code):
    answer = org.rest("POST", "sobjects/Order_Event__e", body)

    assert (400, code) == (answer.status_code, answer.json()[0]["errorCode"])


def test_grpc_publishes(pubsub, orders, schema_id):
    """Each event has its result: a replay id, or what is wrong with it; good ones are not held back."""
    schema = pubsub.schema(schema_id)
    good = payload(schema, CreatedDate=1, CreatedById="005", Order_Number__c="7")
    events = [
        wire.ProducerEvent(id="a", schema_id=schema_id, payload=good),
        wire.ProducerEvent(id="b", schema_id=schema_id, payload=good[:-1]),
        wire.ProducerEvent(id="c", schema_id=schema_id, payload=good + b"\x00"),
        wire.ProducerEvent(id="d", schema_id="x" * 22, payload=good),
        wire.ProducerEvent(id="e", payload=good),
    ]

    answer = pubsub.stub.Publish(wire.PublishRequest(topic_name=TOPIC, events=events), metadata=pubsub.metadata)

    (consumed,) = orders.consumed(1)
    assert ["a", "b", "c", "d", "e"] == [result.correlation_key for result in answer.results]
    assert [False, True, True, True, True] == [result.HasField("error") for result in answer.results]
    assert "schema.validation.failed" in answer.results[4].error.msg
    assert ("a", good, answer.results[0].replay_id) == (consumed.event.id, consumed.event.payload, consumed.replay_id)
    assert schema_id == answer.schema_id


def test_a_stream_publishes_to_one_topic(org, pubsub, orders, schema_id):
    """One answer for each request; another topic ends the stream."""
    good = payload(pubsub.schema(schema_id), CreatedDate=1, CreatedById="005", Order_Number__c="7")
    event = wire.ProducerEvent(id="a", schema_id=schema_id, payload=good)
    org.control("POST", "events/platform-events", {**ORDER, "name": "Other__e"})
    requests = [wire.PublishRequest(topic_name=topic, events=[event]) for topic in (TOPIC, "", "/event/Other__e")]

    answers = pubsub.stub.PublishStream(iter(requests), metadata=pubsub.metadata)
    first, second = next(answers), next(answers)
    with pytest.raises(grpc.RpcError) as caught:
        next(answers)

    assert [1, 1] == [len(first.results), len(second.results)]
    assert ("INVALID_ARGUMENT", "publish.topic.mismatch") == error_of(caught.value)
    assert 2 == len(orders.consumed(2))


@pytest.mark.parametrize(
    ("asked", "ending"),
    [
        ({"topic_name": ""}, ("INVALID_ARGUMENT", "publish.topic.validation.empty")),
        ({"topic_name": "/event/Nope__e"}, ("NOT_FOUND", "topic.not.found")),
        ({"topic_name": "/data/AccountChangeEvent"}, ("PERMISSION_DENIED", "publish.topic.cannot.publish")),
        ({"topic_name": TOPIC}, ("INVALID_ARGUMENT", "publish.event.count.invalid")),
    ],
)
def test_a_wrong_publish_is_refused(pubsub, orders, asked, ending):
    with pytest.raises(grpc.RpcError) as caught:
        pubsub.stub.Publish(wire.PublishRequest(**asked), metadata=pubsub.metadata)

    assert ending == error_of(caught.value)


class Managed:
    """A managed subscription's client: each step asks, and takes one answer."""

    def __init__(self, pubsub, **named):
        self._asked = queue.SimpleQueue()
        self._asked.put(wire.ManagedFetchRequest(num_requested=1, **named))
        self.call = pubsub.stub.ManagedSubscribe(iter(self._asked.get, None), metadata=pubsub.metadata, timeout=30)

    def next(self):
        return next(self.call)

    def commit(self, replay_id):
        asked = wire.CommitReplayRequest(commit_request_id="c1", replay_id=replay_id)
        self._asked.put(wire.ManagedFetchRequest(num_requested=1, commit_replay_id_request=asked))

    def finish(self):
        """Ask for nothing more, take what is still to come, and wait for the end."""
        self._asked.put(None)
        return list(self.call)


def test_a_managed_subscription_goes_on_after_what_was_committed(org, pubsub):
    """The server keeps the place; what was delivered but not committed comes again."""
    org.control(
        "POST", "events/managed", {"developerName": "Mine", "topic": "/data/AccountChangeEvent", "preset": "EARLIEST"}
    )
    for n in range(3):
        org.create("Account", Name=f"A{n}")
    first = Managed(pubsub, developer_name="Mine")
    one = first.next().events[0]
    with pytest.raises(grpc.RpcError) as caught:
        Managed(pubsub, developer_name="Mine").next()
    first.commit(one.replay_id)
    answers = first.finish()
    again = Managed(pubsub, developer_name="Mine")
    second = again.next().events[0]
    again.finish()

    commits = [answer.commit_response for answer in answers if answer.HasField("commit_response")]
    assert "managed.subscription.already.active" == error_of(caught.value)[1]
    assert [("c1", one.replay_id, False)] == [(c.commit_request_id, c.replay_id, c.HasField("error")) for c in commits]
    assert ["A1"] == [pubsub.decoded(e)["Name"] for answer in answers for e in answer.events]
    assert "A1" == pubsub.decoded(second)["Name"]


@pytest.mark.parametrize(
    ("named", "code"),
    [
        ({}, "managed.subscription.id.or.developer.name.empty"),
        ({"developer_name": "Nobody"}, "managed.subscription.developer.name.not.found"),
        ({"subscription_id": "18x"}, "managed.subscription.subscription.id.invalid"),
        ({"subscription_id": "18xSb0000000099"}, "managed.subscription.subscription.id.not.found"),
    ],
)
def test_a_managed_subscription_must_be_there(pubsub, named, code):
    call = Managed(pubsub, **named)

    with pytest.raises(grpc.RpcError) as caught:
        call.next()

    assert code == error_of(caught.value)[1]
