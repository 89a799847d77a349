"""The Node client of the Pub/Sub API, unchanged, hears what happens in the stand-in and publishes to it."""

import json

import pytest

ORG_ID = "00DSb0000000001MAA"
ORDER_EVENT = {
    "name": "Order_Event__e",
    "fields": [
        {"name": "Order_Number__c", "type": "string", "length": 10},
        {"name": "Amount__c", "type": "double", "precision": 16, "scale": 2},
        {"name": "Has_Shipped__c", "type": "boolean"},
    ],
}


@pytest.fixture(scope="module")
def got(org, run):
    org.control("POST", "events/platform-events", ORDER_EVENT)
    token = org.sign_in()
    return json.loads(run("node", "pubsub.mjs", org.pubsub, org.secure_url, ORG_ID, token))


def test_changes_are_heard_as_they_were_made(got):
    """Created, changed, deleted: in commit order, with the fields that changed and those that were emptied."""
    created, other, changed, deleted = got["all"]

    assert ["CREATE", "CREATE", "UPDATE", "DELETE"] == [_header(e)["changeType"] for e in got["all"]]
    assert "전" == created["payload"]["Name"] and 5.0 == created["payload"]["AnnualRevenue"]
    assert {"Street": "1 Way", "City": "Seoul"}.items() <= created["payload"]["BillingAddress"].items()
    assert "other" == other["payload"]["Name"]
    assert "후" == changed["payload"]["Name"] and changed["payload"]["Industry"] is None
    assert {"Name", "Phone", "AnnualRevenue", "Site", "LastModifiedDate", "BillingAddress.Street"} == set(
        _header(changed)["changedFields"]
    )
    assert ["Site", "BillingAddress.Street"] == _header(changed)["nulledFields"]
    assert _header(changed)["changeOrigin"].endswith(";client=somebody")
    assert _header(other)["recordIds"] == _header(deleted)["recordIds"]


def test_a_reader_goes_on_from_where_it_was(got):
    """After a replay id come the events behind it, and only those."""
    assert [e["replayId"] for e in got["all"][2:]] == [e["replayId"] for e in got["rest"]]


def test_a_long_stream_is_heard_to_its_end(got):
    """More events than may be asked for at once, over the channel of all objects."""
    count, first, last = got["live"]

    assert (120, "c 0") == (count, first)
    assert ("Contact", "CREATE") == (last["entityName"], last["changeType"])


def test_platform_events_are_published_and_heard(got):
    """What was published over gRPC comes back with its values and its publisher."""
    (event,) = got["heard"]

    assert got["published"]["replayId"] == event["replayId"]
    assert ("42", 12.5, True) == tuple(
        event["payload"][f"{name}__c"] for name in ("Order_Number", "Amount", "Has_Shipped")
    )


def test_an_unknown_topic_is_refused(got):
    """With the words that Salesforce uses."""
    assert "NOT_FOUND" in got["wrongTopic"] or "topic" in got["wrongTopic"].lower()


def _header(event):
    return event["payload"]["ChangeEventHeader"]
