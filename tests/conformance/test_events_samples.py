"""Captured change events: read byte for byte, and made again by the same changes in the stand-in."""

import json
import re
from base64 import b64decode

import pytest
from google.protobuf.json_format import MessageToDict

from tests.conformance import described
from tests.standin import describe
from tests.standin.driving import Standin
from tests.standin.events.avro import change_schema
from tests.standin.events.change import difference
from tests.standin.events.driving import PubSubClient, decoded
from tests.standin.schema import SObject, from_upload

SCHEMA_2026 = "schema_2026a_AccountChangeEvent_86f.avsc"
CREATED = ("events_account_create_x3__schema_2023b.json", "schema_2023b_AccountChangeEvent_86f.avsc")
UPDATED = ("fetch_account_update__schema_2026a.json", SCHEMA_2026)
MOVED = ("fetch_account_address_update__schema_2026a.json", SCHEMA_2026)
#: Of an object's fields in the recordings, those that came to Salesforce later, or with features of another org.
NEWER = {"IsPersonAccount", "HasOptedOutOfEmail", "HasOptedOutOfFax", "DoNotCall", "Pronouns", "GenderIdentity"}
NEWER |= {"ContactSource", "BuyerAttributes"}


@pytest.fixture
def read(samples):
    """A JSON file of the captured events, by its name."""
    return lambda name: json.loads((samples / "cdc" / name).read_text())


@pytest.fixture
def captured(read):
    """The decoded events of a capture, and the same with bitmaps as they came."""

    def events(name, schema):
        found = read(name)
        payloads = [b64decode(one["event"]["payload"]) for one in _listed(found)]
        return [decoded(read(schema), payload) for payload in payloads]

    return events


@pytest.fixture(scope="module")
def standin(samples):
    """A stand-in whose accounts have exactly the fields of the captured schema."""
    schema = json.loads((samples / "cdc" / SCHEMA_2026).read_text())
    with Standin("--grpc-port", "0") as running:
        running.sign_in()
        uploaded = described.compact("Account", schema)
        running.control("POST", "objects", {**uploaded, "keyPrefix": "001"})
        running.control("POST", "settings", {"checkReferences": False})
        yield running


@pytest.fixture
def accounts(standin):
    with PubSubClient(standin) as client, client.subscribe("/data/AccountChangeEvent") as subscription:
        yield subscription


def _listed(found):
    return found if isinstance(found, list) else found["events"]


def without_ids(schema):
    """A schema as JSON without the ids of custom fields, which belong to one org."""
    return json.loads(re.sub(r":00N\w{12}", ":00N", json.dumps(schema)))


def filled(event):
    return {name for name, value in event.items() if value is not None and name != "ChangeEventHeader"}


def shape(value):
    """Keys and types, all the way down."""
    if isinstance(value, dict):
        return {name: shape(inner) for name, inner in value.items()}
    return [shape(inner) for inner in value] if isinstance(value, list) else type(value)


def test_captured_updates_are_read(captured):
    """Every byte of the payload, and the fields that its bitmaps name."""
    (revenue,) = captured(*UPDATED)
    street, place = captured(*MOVED)

    changed = [event["ChangeEventHeader"]["changedFields"] for event in (revenue, street, place)]
    assert ["LastModifiedDate", "Amount_Owed__c"] == changed[0]
    assert ["ShippingAddress.Street", "LastModifiedDate"] == changed[1]
    assert ["ShippingAddress.Latitude", "ShippingAddress.Longitude"] == changed[2]
    assert {"LastModifiedDate", "Amount_Owed__c"} == filled(revenue)
    assert (3233.0, "101 California St") == (revenue["Amount_Owed__c"], street["ShippingAddress"]["Street"])
    assert (37.793113, -122.398524) == tuple(place["ShippingAddress"][part] for part in ("Latitude", "Longitude"))


def test_captured_creations_are_read(captured):
    """Three records of one transaction, numbered; no bitmap names anything."""
    events = captured(*CREATED)

    assert ["Bulk Acc1", "Bulk Acc2", "Bulk Acc3"] == [event["Name"] for event in events]
    headers = [event["ChangeEventHeader"] for event in events]
    assert [1, 2, 3] == [header["sequenceNumber"] for header in headers]
    assert 1 == len({header["transactionKey"] for header in headers})
    assert [[]] * 9 == [header[name] for header in headers for name in ("nulledFields", "diffFields", "changedFields")]


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("Account", SCHEMA_2026),
        ("Contact", "schema_ContactChangeEvent_43f.avsc"),
        ("Some_Custom_Object__c", "schema_Some_Custom_Object__ChangeEvent.avsc"),
    ],
)
def test_a_schema_is_the_captured_one_for_the_same_fields(read, name, file):
    """Names, order, types, docs, null-first unions, compound records: equal key by key, but for the org's field ids."""
    real = read(file)
    sobject = from_upload(described.compact(name, real), 0.0, "001")

    ours = json.loads(change_schema(sobject).text)

    order = [field["name"] for field in real["fields"]]
    assert set(order) == {field["name"] for field in ours["fields"]}
    ours["fields"].sort(key=lambda field: order.index(field["name"]))  # the compact form has its audit fields last
    assert without_ids(_spelt_out(real)) == without_ids(_spelt_out(ours))


def _spelt_out(schema):
    """Record types are spelt out at their first use; here at every use, so that the order of fields does not matter."""
    known = {}

    def spell(kind):
        if isinstance(kind, list):
            return [spell(one) for one in kind]
        if isinstance(kind, dict) and kind["type"] == "record":
            known[kind["name"]] = kind
        return known.get(kind, kind) if isinstance(kind, str) else kind

    for field in schema["fields"]:
        spell(field["type"])
    return {**schema, "fields": [{**field, "type": spell(field["type"])} for field in schema["fields"]]}


@pytest.mark.parametrize(
    ("name", "file"), [("Account", SCHEMA_2026), ("Contact", "schema_ContactChangeEvent_43f.avsc")]
)
def test_a_recorded_describe_gives_the_captured_schema(samples, read, name, file):
    """From a real describe: the same standard fields in the same order.

    What differs is the org: its custom and person account fields, codes of states and countries, and fields that
    Salesforce added after the describe was recorded.
    """
    recorded = json.loads((samples / "describe" / f"{name}.describe.json").read_text())
    ours = {f["name"]: f for f in json.loads(change_schema(SObject(describe.completed(recorded), 0.0)).text)["fields"]}
    real = {field["name"]: field for field in read(file)["fields"]}

    ours = {key: field for key, field in ours.items() if not key.endswith("__c")}
    theirs = {key: field for key, field in real.items() if not key.endswith(("__c", "__pc"))}
    assert set() == {key for key in set(theirs) - set(ours) - NEWER if not key.startswith("Person")}
    assert list(ours) == [key for key in theirs if key in ours]
    differing = {key for key in ours if ours[key] != theirs[key]}
    assert differing == {key for key in ours if theirs[key]["doc"] == "Data:Address" and "Street" in str(theirs[key])}
    for key in differing:
        parts = [[part["name"] for part in fields[key]["type"][1]["fields"]] for fields in (ours, theirs)]
        assert ["StateCode", "CountryCode"] == [part for part in parts[1] if part not in parts[0]]


@pytest.mark.parametrize("file", [UPDATED, MOVED], ids=["revenue", "street"])
def test_the_same_update_gives_the_same_event(standin, accounts, captured, read, file):
    """Keys, types, bitmaps bit by bit and values; ids, times and the version of the API are the org's."""
    real = captured(*file)[0]
    made = standin.create("Account", Name="Bulk Acc1")
    standin.http.post(f"{standin.url}/records/Account/{made}", data={"Name": "Bulk Acc1"}, allow_redirects=False)
    writeable = {"Amount_Owed__c", "ShippingStreet"}
    form = {"Name": "Bulk Acc1", **described.written(real, writeable)}
    standin.http.post(f"{standin.url}/records/Account/{made}", data=form, allow_redirects=False)

    ours = accounts.events(3)[2]

    assert shape(real) == shape(ours)
    theirs, header = real["ChangeEventHeader"], ours["ChangeEventHeader"]
    same = ("entityName", "changeType", "sequenceNumber", "nulledFields", "diffFields", "changedFields")
    assert [theirs[name] for name in same] == [header[name] for name in same]
    assert theirs["changeOrigin"].replace("/66.0;", "/67.0;") == header["changeOrigin"]
    assert re.sub("[0-9a-f]", "x", theirs["transactionKey"]) == re.sub("[0-9a-f]", "x", header["transactionKey"])
    body = [{k: v for k, v in e.items() if k not in ("ChangeEventHeader", "LastModifiedDate")} for e in (real, ours)]
    assert body[0] == body[1]


def test_an_automatic_update_to_order_is_the_captured_one(standin, accounts, captured):
    """Geocoding tells its result without a caller, and moves no date."""
    real = captured(*MOVED)[1]
    fields = {"ShippingLatitude": 37.793113, "ShippingLongitude": -122.398524}
    order = {"object": "Account", "ids": ["001Sb0000000001IAA"], "fields": fields, "automatic": True}
    standin.control("POST", "events/update", order)

    ours = accounts.events(1)[0]

    own = ("recordIds", "transactionKey", "commitTimestamp", "commitNumber", "commitUser")
    for event in (real, ours):
        event["ChangeEventHeader"] = {k: v for k, v in event["ChangeEventHeader"].items() if k not in own}
    assert real == ours


def test_the_same_creations_give_the_same_events(standin, accounts, captured):
    """One call with three records. Apart from ids and times two things differ: boxes that nobody ticked are false
    here, and null there where they are a person's; and 2023's Xyz is gone.
    """
    real = captured(*CREATED)
    sobject = standin.rest("GET", "sobjects/Account/describe").json()
    writeable = {f["name"] for f in sobject["fields"] if f["createable"]} - {"OwnerId"}
    listed = [{"attributes": {"type": "Account"}, **described.written(event, writeable)} for event in real]
    answer = standin.http.post(
        f"{standin.url}/services/data/v58.0/composite/sobjects",
        json={"records": listed},
        headers={"Sforce-Call-Options": "client=devconsole"},
    )

    ours = accounts.events(3)

    assert [True] * 3 == [result["success"] for result in answer.json()]
    for theirs, event in zip(real, ours, strict=True):
        for name in ("BillingAddress", "ShippingAddress"):
            del theirs[name]["Xyz"]
        unticked = {name for name, value in event.items() if value is False}
        assert {"PersonHasOptedOutOfEmail", "PersonHasOptedOutOfFax", "PersonDoNotCall"} == unticked
        expected, got = ({k: v for k, v in e.items() if k not in unticked} for e in (theirs, event))
        assert shape(expected) == shape(got)
        origin = theirs["ChangeEventHeader"]["changeOrigin"]
        assert origin.replace("/soap/", "/rest/") == event["ChangeEventHeader"]["changeOrigin"]
        assert theirs["ChangeEventHeader"]["sequenceNumber"] == event["ChangeEventHeader"]["sequenceNumber"]
        plain = [name for name in filled(theirs) if name not in described.AUDIT and name != "OwnerId"]
        assert [theirs[name] for name in plain] == [event[name] for name in plain]


def test_a_fetch_response_has_the_captured_keys(standin, accounts, read):
    """The same keys at every level, ids of the same lengths, replay ids of ten bytes."""
    real = read(MOVED[0])
    standin.create("Account", Name="Acme")

    ours = MessageToDict(accounts.response())

    assert shape({**real, "events": real["events"][:1]}) == shape(ours)
    event, theirs = ours["events"][0], real["events"][0]
    assert [len(event["event"][name]) for name in ("id", "schemaId")] == [36, 22]
    assert len(theirs["replayId"]) == len(event["replayId"])
    assert b64decode(event["replayId"])[8:] == b64decode(theirs["replayId"])[8:]
    assert event["replayId"] == ours["latestReplayId"]


def _description(samples, name):
    text = (samples / "cdc" / "docs-examples" / name).read_text().replace("\n", " ")
    found = re.search(r'"Description": "(.*?)",\s*"Rating"', text)
    return json.loads(f'"{found[1]}"')


def test_a_long_text_travels_as_the_documented_difference(samples):
    """The documentation's example: the difference of both texts, with the digest of the new one, letter for letter."""
    old = _description(samples, "25_Account_CREATE_before_diff_raw.txt")
    real = _description(samples, "24_Account_UPDATE_diffFields_raw.txt")
    lines = old.split("\r\n")
    lines[1], lines[6] = (line[1:] for line in real.split("\n")[2:] if line.startswith("+"))

    assert real == difference(old, "\r\n".join(lines))


@pytest.mark.parametrize(
    "file", ["01_Account_CREATE", "06_Account_CREATE", "22_Opportunity_CREATE", "21_Contact_CREATE"]
)
def test_documented_creations_have_our_header(samples, accounts, standin, file):
    """Every event has the header of the documentation's examples, key by key."""
    documented = json.loads((samples / "cdc" / "docs-examples" / f"{file}.json").read_text())
    standin.create("Account", Name="Acme", Description="Sample account record.")

    ours = accounts.events(1)[0]

    assert shape(documented["ChangeEventHeader"]) == shape(ours["ChangeEventHeader"])
