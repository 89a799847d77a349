"""Subscribing to the stand-in: flow control, keepalives, replay ids, who may, and how calls fail."""

import grpc
import pytest

from tests.standin.events.driving import TENANT, PubSubClient, error_of
from tests.standin.events.wire import pubsub_api_pb2 as wire

ACCOUNTS = "/data/AccountChangeEvent"
HOURS = 3600


def names(client, consumed):
    return [client.decoded(one)["Name"] for one in consumed]


def failure(subscription):
    """How a stream ends: status and error code."""
    with pytest.raises(grpc.RpcError) as caught:
        while True:
            subscription.response()
    assert "rpcId: " in caught.value.details()
    return error_of(caught.value)


def test_no_more_is_sent_than_was_asked_for(org, pubsub):
    """Events wait until they are asked for; what is pending is told, and is 100 at most."""
    with pubsub.subscribe(ACCOUNTS, count=2) as accounts:
        for n in range(3):
            org.create("Account", Name=f"A{n}")
        first = accounts.consumed(2)
        accounts.ask(250)
        rest = accounts.response()

    assert ["A0", "A1", "A2"] == names(pubsub, [*first, *rest.events])
    assert 99 == rest.pending_num_requested


def test_a_large_answer_is_cut(org, pubsub):
    """A response holds 3 MB at most; the rest comes in the next one."""
    org.control(
        "POST", "objects", {"name": "Wide__c", "fields": [{"name": "L__c", "type": "textarea", "length": 131072}]}
    )
    listed = [{"attributes": {"type": "Wide__c"}, "Name": f"A{n}", "L__c": str(n % 10) * 100_000} for n in range(40)]
    with pubsub.subscribe("/data/Wide__ChangeEvent", count=100) as accounts:
        org.rest("POST", "composite/sobjects", {"records": listed})
        sizes = []
        while sum(len(one) for one in sizes) < 40:
            sizes.append([len(one.event.payload) for one in accounts.response().events])

    assert len(sizes) > 1
    assert max(sum(one) for one in sizes) <= 3_000_000


def test_a_quiet_stream_is_kept_alive(org, pubsub):
    """Within the interval an empty response comes, whose replay id one can resume from; on the movable clock."""
    with pubsub.subscribe(ACCOUNTS, count=5) as accounts:
        org.create("Contact", LastName="of another topic")
        org.control("POST", "clock", {"move_seconds": 271})
        quiet = accounts.response()
    org.create("Account", Name="later")
    with pubsub.subscribe(ACCOUNTS, preset="CUSTOM", replay_id=quiet.latest_replay_id) as accounts:
        later = accounts.consumed(1)

    assert ([], 5) == (list(quiet.events), quiet.pending_num_requested)
    assert ["later"] == names(pubsub, later)


def test_a_stream_on_which_nothing_is_asked_for_ends(org, pubsub):
    """Sixty seconds after the last event that was asked for."""
    with pubsub.subscribe(ACCOUNTS, count=1) as accounts:
        org.create("Account", Name="only")
        accounts.consumed(1)
        org.control("POST", "clock", {"move_seconds": 61})

        with pytest.raises(StopIteration):
            accounts.response()


def test_replay_leads_back_to_where_one_was(org, pubsub):
    """EARLIEST gives what is kept, CUSTOM what came after an id, LATEST only what is new."""
    for n in range(3):
        org.create("Account", Name=f"A{n}")
    with pubsub.subscribe(ACCOUNTS, preset="EARLIEST") as accounts:
        kept = accounts.consumed(3)
    with pubsub.subscribe(ACCOUNTS, preset="CUSTOM", replay_id=kept[0].replay_id) as accounts:
        after = accounts.consumed(2)
    with pubsub.subscribe(ACCOUNTS, preset="CUSTOM", replay_id=kept[0].replay_id[:8]) as accounts:
        assert after == accounts.consumed(2)  # as the Node client gives them back
    with pubsub.subscribe(ACCOUNTS) as accounts:
        org.create("Account", Name="new")
        latest = accounts.consumed(1)

    assert [["A0", "A1", "A2"], ["A1", "A2"], ["new"]] == [names(pubsub, one) for one in (kept, after, latest)]
    ids = [one.replay_id for one in kept]
    assert [10, 10, 10] == [len(one) for one in ids]
    assert sorted(ids) == ids


def test_what_is_older_than_three_days_is_gone(org, pubsub):
    """After 72 hours an event is not kept, and its replay id is no longer valid."""
    org.create("Account", Name="old")
    with pubsub.subscribe(ACCOUNTS, preset="EARLIEST") as accounts:
        (old,) = accounts.consumed(1)
    org.control("POST", "clock", {"move_seconds": 71 * HOURS})
    org.create("Account", Name="young")
    org.control("POST", "clock", {"move_seconds": 2 * HOURS})

    with pubsub.subscribe(ACCOUNTS, preset="CUSTOM", replay_id=old.replay_id) as accounts:
        ending = failure(accounts)
    with pubsub.subscribe(ACCOUNTS, preset="EARLIEST") as accounts:
        kept = names(pubsub, accounts.consumed(1))

    assert ("INVALID_ARGUMENT", "subscription.fetch.replayid.corrupted") == ending
    assert ["young"] == kept


@pytest.mark.parametrize(
    ("asked", "ending"),
    [
        ({"preset": "CUSTOM"}, ("INVALID_ARGUMENT", "subscription.fetch.replayid.validation.failed")),
        ({"preset": "CUSTOM", "replay_id": b"x"}, ("INVALID_ARGUMENT", "subscription.fetch.replayid.corrupted")),
        (
            {"preset": "CUSTOM", "replay_id": b"\x7f" + bytes(9)},
            ("INVALID_ARGUMENT", "subscription.fetch.replayid.corrupted"),
        ),
        ({"count": 0}, ("INVALID_ARGUMENT", "subscription.fetch.requested.events.invalid")),
        ({"topic": "/data/accountChangeEvent"}, ("NOT_FOUND", "topic.not.found")),
        ({"topic": "/data/Account"}, ("NOT_FOUND", "topic.not.found")),
        ({"topic": " "}, ("INVALID_ARGUMENT", "topic.validation.empty")),
    ],
)
def test_a_wrong_first_request_is_refused(pubsub, asked, ending):
    """The status, and in the trailers the code that says what to do."""
    with pubsub.subscribe(**{"topic": ACCOUNTS, **asked}) as accounts:
        assert ending == failure(accounts)


def test_a_stream_has_one_topic(pubsub):
    """A later request may leave the topic out or repeat it; another one ends the stream."""
    with pubsub.subscribe(ACCOUNTS) as accounts:
        accounts.ask(1, topic_name=ACCOUNTS)
        accounts.ask(1, topic_name="/data/ContactChangeEvent")

        assert ("INVALID_ARGUMENT", "subscription.fetch.topic.mismatch") == failure(accounts)


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"accesstoken": "00D!wrong"}, "service.auth.error"),
        ({"accesstoken": ""}, "service.auth.headers.invalid"),
        ({"instanceurl": "standin"}, "service.auth.headers.invalid"),
        ({"tenantid": TENANT[:15]}, "service.auth.headers.invalid"),
        ({"tenantid": "00DSb0000000002MAA"}, "service.auth.error"),
    ],
)
def test_callers_are_known_by_three_headers(pubsub, changed, code):
    """A token in force, an address and the org's id of 18 characters, on every call."""
    pubsub.metadata = tuple({**dict(pubsub.metadata), **changed}.items())

    with pytest.raises(grpc.RpcError) as caught:
        pubsub.topic(ACCOUNTS)
    with pubsub.subscribe(ACCOUNTS) as accounts:
        ending = failure(accounts)

    assert ("UNAUTHENTICATED", code) == error_of(caught.value) == ending


def test_a_session_that_ends_ends_its_streams(org, pubsub):
    """An open stream hears of it at once; another token given in time keeps a stream open."""
    other = org.control("POST", "sessions", {"token": "00DSb0000000001!other"})["access_token"]
    with (
        pubsub.subscribe(ACCOUNTS) as ending,
        PubSubClient(org, other) as client,
        client.subscribe(ACCOUNTS) as lasting,
    ):
        org.control("POST", "sessions/expire")
        ended = failure(ending)
        assert ("UNAUTHENTICATED", "service.auth.error") == failure(lasting)
    org.sign_in()

    assert ("UNAUTHENTICATED", "service.auth.error") == ended


def test_topics_and_schemas_are_told(pubsub):
    """GetTopic gives the schema's id, GetSchema the schema; each answer has an rpc id of its own."""
    topic = pubsub.topic(ACCOUNTS)
    everything = pubsub.topic("/data/ChangeEvents")
    schema = pubsub.schema(topic.schema_id)

    assert (ACCOUNTS, TENANT, False, True) == (
        topic.topic_name,
        topic.tenant_guid,
        topic.can_publish,
        topic.can_subscribe,
    )
    assert ("AccountChangeEvent", "com.sforce.eventbus") == (schema["name"], schema["namespace"])
    assert everything.can_subscribe
    assert {36} == {len(topic.rpc_id), len(everything.rpc_id)}
    assert topic.rpc_id != everything.rpc_id


@pytest.mark.parametrize(
    ("schema_id", "ending"),
    [("", ("INVALID_ARGUMENT", "schema.validation.failed")), ("x" * 22, ("NOT_FOUND", "schema.meta.permission"))],
)
def test_an_unknown_schema_is_refused(pubsub, schema_id, ending):
    with pytest.raises(grpc.RpcError) as caught:
        pubsub.stub.GetSchema(wire.SchemaRequest(schema_id=schema_id), metadata=pubsub.metadata)

    assert ending == error_of(caught.value)


def test_all_subscribers_share_one_allocation(org, pubsub):
    """Each delivered event counts for each subscriber; past the limit a stream ends, 24 hours later it goes on."""
    org.control("POST", "settings", {"dailyDeliveredEvents": 3, "enforceDeliveryLimit": True})
    for n in range(2):
        org.create("Account", Name=f"A{n}")
    with pubsub.subscribe(ACCOUNTS, preset="EARLIEST") as one, pubsub.subscribe(ACCOUNTS, preset="EARLIEST") as other:
        one.consumed(2)
        other.consumed(1)
        ending = failure(other)
    used = org.control("GET", "events/usage")
    org.control("POST", "clock", {"move_seconds": 25 * HOURS})
    with pubsub.subscribe(ACCOUNTS, preset="EARLIEST") as accounts:
        later = accounts.consumed(2)

    assert ("RESOURCE_EXHAUSTED", "subscription.limit.exceeded") == ending
    assert ({"delivered": 3}, 2) == (used, len(later))


def test_faults_strike_calls_by_method_and_topic(org, pubsub):
    """`event_error` fails the calls that match, as often as was ordered."""
    order = {"event_error": "service.unavailable", "match": "Subscribe /data/Account", "times": 1}
    org.control("POST", "faults", order)
    with pubsub.subscribe("/data/ContactChangeEvent") as contacts, pubsub.subscribe(ACCOUNTS) as accounts:
        ending = failure(accounts)
        org.create("Contact", LastName="Kim")
        heard = contacts.events(1)
    with pubsub.subscribe(ACCOUNTS) as accounts:
        org.create("Account", Name="again")
        assert ["again"] == names(pubsub, accounts.consumed(1))

    assert ("UNAVAILABLE", "service.unavailable") == ending
    assert 1 == len(heard)


def test_open_streams_can_be_broken(org, pubsub):
    """The control API ends all subscriptions with an error of one's choice."""
    with pubsub.subscribe(ACCOUNTS) as accounts:
        ended = org.control("POST", "events/streams", {"error": "subscription.internal.error"})
        ending = failure(accounts)

    assert ({"ended": 1}, ("INTERNAL", "subscription.internal.error")) == (ended, ending)
