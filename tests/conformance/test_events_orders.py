"""Events that go wrong, by rule and to order: gaps, overflows, duplicates, losses, differences, channels."""

import pytest

from tests.standin.bulk.driving import load

ACCOUNTS = "/data/AccountChangeEvent"


@pytest.fixture
def accounts(pubsub):
    with pubsub.subscribe(ACCOUNTS) as subscription:
        yield subscription


def header(event, *wanted):
    return tuple(event["ChangeEventHeader"][name] for name in wanted)


def collection(org, method, records):
    listed = [{"attributes": {"type": "Account"}, **record} for record in records]
    answer = org.rest(method, "composite/sobjects", {"records": listed})
    assert all(result["success"] for result in answer.json())
    return [result["id"] for result in answer.json()]


def test_too_many_changes_overflow(org, accounts):
    """What is beyond the limit of a transaction becomes one event per object, with no record's id.

    Each changed field of an update counts.
    """
    org.control("POST", "settings", {"maxTransactionChanges": 5, "mergeEvents": False})
    made = collection(org, "POST", [{"Name": f"A{n}"} for n in range(7)])
    collection(org, "PATCH", [{"Id": key, "Phone": str(n)} for n, key in enumerate(made)])

    events = accounts.events(6 + 3)

    kinds = [header(event, "changeType")[0] for event in events]
    assert ["CREATE"] * 5 + ["GAP_OVERFLOW"] + ["UPDATE"] * 2 + ["GAP_OVERFLOW"] == kinds
    assert (["000000000000000AAA"], 6) == header(events[5], "recordIds", "sequenceNumber")


def test_an_event_that_is_too_large_becomes_a_gap(org, pubsub):
    """Over 1 MB only the header is told: read the record."""
    long = [{"name": f"Long{n}__c", "type": "textarea", "length": 131072} for n in range(9)]
    org.control("POST", "objects", {"name": "Huge__c", "fields": long})
    with pubsub.subscribe("/data/Huge__ChangeEvent") as huge:
        made = org.create("Huge__c", Name="Huge", **{field["name"]: "x" * 131072 for field in long})
        event = huge.events(1)[0]

    assert ("GAP_CREATE", [made], "") == header(event, "changeType", "recordIds", "changeOrigin")
    assert {None} == {value for name, value in event.items() if name != "ChangeEventHeader"}


def test_long_texts_travel_as_differences(org, accounts):
    """From 1,000 characters on, if that is shorter; `diffFields` names them; a setting turns it off."""
    old = "\n".join(f"line {n} of a long text" for n in range(100))
    made = org.create("Account", Name="Acme", Description=old)
    org.rest("PATCH", f"sobjects/Account/{made}", {"Description": old.replace("line 50 ", "line fifty ")})
    org.control("POST", "settings", {"diffFields": False})
    org.rest("PATCH", f"sobjects/Account/{made}", {"Description": old})

    _, different, whole = accounts.events(3)

    assert (["Description"], ["Description", "LastModifiedDate"]) == header(different, "diffFields", "changedFields")
    assert different["Description"].endswith("@@ -51,1 +51,1 @@\n-line 50 of a long text\n+line fifty of a long text")
    assert (([],), old) == (header(whole, "diffFields"), whole["Description"])


def test_gaps_and_overflows_come_to_order(org, accounts):
    """Header only; ids as they were given, also one that stands for all."""
    org.control("POST", "events/gap", {"object": "Account", "ids": ["001*"], "type": "UPDATE"})
    org.control("POST", "events/overflow", {"object": "Account"})

    gap, overflow = accounts.events(2)

    assert ("GAP_UPDATE", ["001*"]) == header(gap, "changeType", "recordIds")
    assert ("GAP_OVERFLOW", ["000000000000000AAA"]) == header(overflow, "changeType", "recordIds")


def test_a_duplicate_is_the_same_event_once_more(org, accounts):
    """Same id, same replay id, same bytes; resuming after its replay id repeats nothing that came before."""
    org.create("Account", Name="A1")
    (first,) = accounts.consumed(1)
    org.control("POST", "events/duplicate", {"last": 1})
    org.create("Account", Name="A2")

    again, other = accounts.consumed(2)

    assert first == again
    assert other.replay_id > first.replay_id


def test_lost_events_are_never_seen(org, pubsub, accounts):
    """The record changes, nobody is told; what comes next is told again."""
    org.control("POST", "events/lose", {"next": 1})
    collection(org, "POST", [{"Name": "lost"}, {"Name": "told"}])
    org.create("Account", Name="next")

    events = accounts.events(2)
    with pubsub.subscribe(ACCOUNTS, preset="EARLIEST") as again:
        kept = again.events(2)

    assert ["told", "next"] == [event["Name"] for event in events] == [event["Name"] for event in kept]
    assert (2,) == header(events[0], "sequenceNumber")


def test_a_merged_update_comes_to_order(org, accounts):
    """One event for records that do not change themselves."""
    ids = ["001Sb0000000001IAA", "001Sb0000000002IAA"]
    org.control("POST", "events/update", {"object": "Account", "ids": ids, "fields": {"Industry": "Energy"}})

    event = accounts.events(1)[0]

    assert ("UPDATE", ids, ["Industry", "LastModifiedDate"]) == header(
        event, "changeType", "recordIds", "changedFields"
    )


def test_expired_events_are_gone_at_once(org, pubsub):
    """As if 72 hours had gone by: nothing is kept, no replay id is valid; what comes is told."""
    org.create("Account", Name="old")
    org.control("DELETE", "events")
    org.create("Account", Name="new")
    with pubsub.subscribe(ACCOUNTS, preset="EARLIEST") as accounts:
        assert ["new"] == [event["Name"] for event in accounts.events(1)]


def test_a_channel_carries_its_objects(org, pubsub):
    """/data/X__chn tells of its members, also where they are not selected otherwise."""
    org.control("POST", "settings", {"changeDataCapture": ["Lead"]})
    org.control("POST", "events/channels", {"name": "Sales__chn", "objects": ["Account", "Contact"]})
    with pubsub.subscribe("/data/Sales__chn") as sales, pubsub.subscribe("/data/ChangeEvents") as everything:
        org.create("Account", Name="Acme")
        org.create("Lead", LastName="Lee", Company="Acme")
        org.create("Contact", LastName="Kim")
        told = [header(event, "entityName")[0] for event in sales.events(2)]
        selected = [header(event, "entityName")[0] for event in everything.events(1)]

    assert (["Account", "Contact"], ["Lead"]) == (told, selected)


def test_people_see_what_was_told(org):
    """The control API lists topics and the last events, decoded."""
    made = org.create("Account", Name="Acme")

    topics = {topic["name"]: topic for topic in org.control("GET", "events/topics")}
    (event,) = org.control("GET", f"events?topic={ACCOUNTS}&limit=5")

    assert 1 == topics[ACCOUNTS]["events"] == topics["/data/ChangeEvents"]["events"]
    assert topics[ACCOUNTS]["schemaId"] == event["schemaId"]
    assert [made] == event["payload"]["ChangeEventHeader"]["recordIds"]
    assert "AccountChangeEvent" == org.control("GET", f"events/schemas/{event['schemaId']}")["name"]


def test_hard_deletes_are_not_told(org, pubsub):
    """A record that goes for good, past the recycle bin, makes no event."""
    made = org.create("Account", Name="Acme")
    job = load(org, f"Id\n{made}\n", "hardDelete")
    org.create("Account", Name="next")
    with pubsub.subscribe(ACCOUNTS, preset="EARLIEST") as accounts:
        kinds = [header(event, "changeType")[0] for event in accounts.events(2)]

    assert ("JobComplete", 0) == (job["state"], job["numberRecordsFailed"])
    assert ["CREATE", "CREATE"] == kinds


def test_bulk_jobs_are_named_as_their_channel(org, accounts):
    """`bulkapi` in the origin, with the job's version and the caller's name."""
    load(org, "Name\nA\nB\n")

    origins = [header(event, "changeOrigin", "sequenceNumber") for event in accounts.events(2)]

    assert [("com/salesforce/api/bulkapi/67.0;client=", n) for n in (1, 2)] == origins
