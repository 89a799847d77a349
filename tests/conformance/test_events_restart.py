"""Events that survive: a restart, a kill in the middle, and a reset that forgets them; and TLS."""

import signal

import grpc
import pytest

from tests.standin.driving import Standin
from tests.standin.events.driving import PubSubClient, error_of

ACCOUNTS = "/data/AccountChangeEvent"


def subscribed(standin, **how):
    """Everything that is kept of accounts, as bytes on the wire."""
    with PubSubClient(standin) as client, client.subscribe(ACCOUNTS, **how) as accounts:
        standin.create("Account", Name="end")
        found = []
        while not found or client.decoded(found[-1])["Name"] != "end":
            found += accounts.consumed(1)
        return found[:-1]


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_events_survive_a_restart(tmp_path, how):
    """The same ids, replay ids and bytes, also of events that nobody had read; numbers go on rising."""
    arguments = ("--grpc-port", "0", "--data", tmp_path)
    with Standin(*arguments) as first:
        first.sign_in()
        made = first.create("Account", Name="A1")
        before = subscribed(first, preset="EARLIEST")
        first.control("POST", "objects/Account/fields", {"name": "Added__c", "type": "string", "length": 9})
        listed = [{"attributes": {"type": "Account"}, "Name": name, "Added__c": name} for name in ("A2", "A3")]
        first.rest("POST", "composite/sobjects", {"records": listed}, headers={"Sforce-Call-Options": "client=x"})
        first.rest("PATCH", f"sobjects/Account/{made}", {"Phone": "1"})
        first.control("POST", "events/gap", {"object": "Account", "ids": [made]})
        first.stop(how)

    with Standin(*arguments) as second:
        second.sign_in()
        after = subscribed(second, preset="EARLIEST")
        with PubSubClient(second) as client:
            events = [client.decoded(one) for one in after]
            schemas = {one.event.schema_id for one in after}
            resumed = subscribed(second, preset="CUSTOM", replay_id=after[0].replay_id)

    assert before == after[:1]
    kinds = [event["ChangeEventHeader"]["changeType"] for event in events]
    assert ["CREATE", "CREATE", "CREATE", "CREATE", "UPDATE", "GAP_UPDATE"] == kinds
    assert 2 == len(schemas)
    assert "com/salesforce/api/rest/67.0;client=x" == events[2]["ChangeEventHeader"]["changeOrigin"]
    assert events[2]["ChangeEventHeader"]["transactionKey"] == events[3]["ChangeEventHeader"]["transactionKey"]
    assert after[1:] == resumed[: len(after) - 1]
    assert sorted(one.replay_id for one in resumed) == [one.replay_id for one in resumed]


def test_what_was_read_is_the_same_after_a_kill(tmp_path):
    """An event made anew from the journal has the id and the bytes that subscribers have seen."""
    arguments = ("--grpc-port", "0", "--data", tmp_path)
    with Standin(*arguments) as first:
        first.sign_in()
        made = first.create("Account", Name="A1", BillingCity="Seoul")
        first.rest("PATCH", f"sobjects/Account/{made}", {"BillingCity": None, "Description": "x" * 1500})
        first.rest("DELETE", f"sobjects/Account/{made}")
        with PubSubClient(first) as client, client.subscribe(ACCOUNTS, preset="EARLIEST") as accounts:
            seen = accounts.consumed(3)
        first.stop(signal.SIGKILL)

    with Standin(*arguments) as second:
        second.sign_in()
        with PubSubClient(second) as client, client.subscribe(ACCOUNTS, preset="EARLIEST") as accounts:
            assert seen == accounts.consumed(3)


def test_definitions_and_committed_places_survive(tmp_path):
    """Platform events, channels and managed subscriptions."""
    arguments = ("--grpc-port", "0", "--data", tmp_path)
    event = {"name": "Order__e", "fields": [{"name": "Number__c", "type": "string", "length": 9}]}
    with Standin(*arguments) as first:
        first.sign_in()
        defined = first.control("POST", "events/platform-events", event)
        first.control("POST", "events/channels", {"name": "Sales__chn", "objects": ["Account"]})
        subscription = first.control("POST", "events/managed", {"developerName": "Mine", "topic": "/event/Order__e"})
        first.rest("POST", "sobjects/Order__e", {"Number__c": "7"})
        first.stop(signal.SIGKILL)

    with Standin(*arguments) as second:
        second.sign_in()
        with PubSubClient(second) as client, client.subscribe("/event/Order__e", preset="EARLIEST") as orders:
            assert ["7"] == [one["Number__c"] for one in orders.events(1)]
            assert defined["schemaId"] == client.topic("/event/Order__e").schema_id
            assert client.topic("/data/Sales__chn").can_subscribe
        assert [subscription | {"active": False}] == second.control("GET", "events/managed")


def test_a_reset_forgets_events_and_their_places(org, pubsub):
    """Replay ids from before are no longer valid; numbers go on, so that no id ever comes twice."""
    org.create("Account", Name="old")
    with pubsub.subscribe(ACCOUNTS, preset="EARLIEST") as accounts:
        (old,) = accounts.consumed(1)
    org.control("POST", "reset")
    org.create("Account", Name="new")

    with pubsub.subscribe(ACCOUNTS, preset="EARLIEST") as accounts:
        (new,) = accounts.consumed(1)
    with pubsub.subscribe(ACCOUNTS, preset="CUSTOM", replay_id=old.replay_id) as accounts:
        with pytest.raises(grpc.RpcError) as caught:
            accounts.response()

    assert new.replay_id > old.replay_id
    assert ("INVALID_ARGUMENT", "subscription.fetch.replayid.corrupted") == error_of(caught.value)


def test_it_speaks_tls_with_the_stand_ins_own_authority(tmp_path):
    """With --tls the Pub/Sub API is behind the same certificate as https."""
    with Standin("--grpc-port", "0", "--https-port", "0", "--tls", tmp_path) as standin:
        standin.sign_in()
        credentials = grpc.ssl_channel_credentials((tmp_path / "ca.pem").read_bytes())
        with PubSubClient(standin, credentials=credentials) as client:
            assert client.topic(ACCOUNTS).can_subscribe
        with PubSubClient(standin) as plain, pytest.raises(grpc.RpcError) as caught:
            plain.topic(ACCOUNTS)

    assert grpc.StatusCode.UNAVAILABLE == caught.value.code()
