"""What the Salesforce stand-in sends, and what goes wrong on order: outbound messages, faults, restarts."""

import json
import re
import signal
import subprocess
import sys
from xml.etree import ElementTree

import pytest
import requests

from tests.standin.driving import (
    ACK,
    OUTBOUND,
    ROOT,
    VERSION,
    WAIT_SECONDS,
    Receiver,
    Standin,
    fields_of,
    id_of,
    upserts,
)

SAMPLES = ROOT.parent / "shared" / "samples" / "salesforce"
ENVELOPE = "{http://schemas.xmlsoap.org/soap/envelope/}"
ORG_ID = "00DSb0000000001MAA"


@pytest.fixture
def receiver():
    found = Receiver()
    yield found
    found.close()


def test_an_outbound_message_is_written_as_salesforce_writes_it(org, receiver):
    """Id first, then ASCII order; nulls left out; Java doubles; plain ints; Z times; escaped text."""
    definition = org.define_outbound(
        receiver,
        [
            "SystemModstamp",
            "Name",
            "Site",
            "AnnualRevenue",
            "NumberOfEmployees",
            "IsDeleted",
            "BillingLatitude",
        ],
    )

    record_id = org.create(
        "Account", Name="A & <b> é", AnnualRevenue=912260031, NumberOfEmployees=5030396, BillingLatitude=37
    )

    headers, body = receiver.bodies.get(timeout=WAIT_SECONDS)
    stamp = org.get("Account", record_id)["SystemModstamp"].replace("+0000", "Z")
    text = body.decode()
    start = text.index("    <sObject")
    expected = f"""    <sObject xsi:type="sf:Account" xmlns:sf="urn:sobject.enterprise.soap.sforce.com">
     <sf:Id>{record_id}</sf:Id>
     <sf:AnnualRevenue>9.12260031E8</sf:AnnualRevenue>
     <sf:BillingLatitude>37.0</sf:BillingLatitude>
     <sf:IsDeleted>false</sf:IsDeleted>
     <sf:Name>A &amp; &lt;b&gt; é</sf:Name>
     <sf:NumberOfEmployees>5030396</sf:NumberOfEmployees>
     <sf:SystemModstamp>{stamp}</sf:SystemModstamp>
    </sObject>
"""
    assert expected == text[start : text.index("   </Notification>")]
    assert f"   <OrganizationId>{ORG_ID}</OrganizationId>\n   <ActionId>{definition['id']}</ActionId>\n" in text
    assert '   <SessionId xsi:nil="true"/>\n' in text
    assert ("text/xml; charset=utf-8", '""') == (headers["Content-Type"], headers["SOAPAction"])


@pytest.mark.skipif(not SAMPLES.exists(), reason="the recorded Salesforce samples are not on this machine")
def test_an_outbound_message_has_the_skeleton_of_a_recorded_one(org, receiver):
    """Same elements in the same order, same namespaces, as a message that a sandbox sent."""
    recorded = ElementTree.parse(SAMPLES / "outbound" / "05_opportunity_sandbox_all_fields.xml").getroot()
    org.define_outbound(receiver, ["Name"])
    org.create("Account", Name="x")

    ours = ElementTree.fromstring(receiver.message())

    def skeleton(root):
        (notifications,) = root.find(f"{ENVELOPE}Body")
        (notification,) = notifications.findall(f"{OUTBOUND}Notification")
        tags = [root.tag, notifications.tag, *(e.tag for e in notifications), *(e.tag for e in notification)]
        return [*tags, notification[1][0].tag, list(notification[1].attrib)]

    assert skeleton(recorded) == skeleton(ours)


@pytest.mark.parametrize(
    "answer",
    [
        (500, "broken"),
        (503, ACK.format("true")),
        (200, ACK.format("false")),
        (200, "not xml"),
        (200, "<Ack>true</Ack>"),
        (200, ""),
    ],
)
def test_what_is_not_acknowledged_comes_again(org, receiver, answer):
    """Only HTTP 200 with Ack true ends it; the retry, seconds later, has the same notification id."""
    org.define_outbound(receiver, ["Name"])
    receiver.answers.put(answer)
    org.create("Account", Name="x")
    (first,) = receiver.notifications()

    quiet = receiver.is_quiet()
    waiting = org.control("GET", "outbound-messages/queue")[0]
    org.control("POST", "clock", {"move_seconds": 3})
    (second,) = receiver.notifications()

    assert quiet
    assert (1, 1) == (waiting["queued"], waiting["notifications"][0]["attempts"])
    assert waiting["lastError"]
    assert id_of(first) == id_of(second)


def test_only_the_latest_data_is_sent(org, receiver):
    """A record that changes while its message waits is sent once, as it is then."""
    org.define_outbound(receiver, ["Name", "Site"])
    receiver.answers.put((500, "later"))
    record_id = org.create("Account", Name="first", Site="s")
    receiver.notifications()

    org.rest("PATCH", f"sobjects/Account/{record_id}", {"Name": "second", "Site": None})
    (latest,) = receiver.notifications()
    org.control("POST", "clock", {"move_seconds": 10})

    assert {"Id": record_id, "Name": "second"} == fields_of(latest)
    assert receiver.is_quiet()


def test_a_message_carries_at_most_a_hundred_notifications(org, receiver):
    """250 changes arrive complete, in messages of one definition and no more than 100 records each."""
    org.define_outbound(receiver, ["External_Id__c"])
    for start in (0, 200):
        names = [(str(n), "x") for n in range(start, min(start + 200, 250))]
        org.rest("POST", "composite/sobjects", upserts(names))

    sizes, keys = [], set()
    while len(keys) < 250:
        found = list(ElementTree.fromstring(receiver.message()).iter(f"{OUTBOUND}Notification"))
        sizes.append(len(found))
        keys |= {fields_of(n)["External_Id__c"] for n in found}

    assert {str(n) for n in range(250)} == keys
    assert max(sizes) <= 100
    assert 250 == sum(sizes)


def test_who_may_not_send_sends_nothing_and_a_delete_never_does(org, receiver):
    """sendOutboundMessages=false silences a client; people on the page still send; deletes are silent."""
    org.define_outbound(receiver, ["Name"])
    org.control("POST", "clients", {"client_id": "isthmus", "sendOutboundMessages": False})
    try:
        record_id = org.create("Account", Name="silent")
        silent = receiver.is_quiet()
        form = {"Name": "사람이 고침", "Description": "two\r\nlines"}
        saved = org.http.post(f"{org.url}/records/Account/{record_id}", data=form)
        (loud,) = receiver.notifications()
    finally:
        org.control("POST", "clients", {"client_id": "isthmus", "sendOutboundMessages": True})
    org.rest("DELETE", f"sobjects/Account/{record_id}")

    assert silent
    assert 200 == saved.status_code
    assert "사람이 고침" in saved.text
    assert {"Id": record_id, "Name": "사람이 고침"} == fields_of(loud)
    assert receiver.is_quiet()


def test_a_definition_has_its_wsdl_and_can_be_removed(org, receiver):
    """The WSDL names the fields with their types; without the definition nothing is sent."""
    made = org.define_outbound(receiver, ["Name", "AnnualRevenue", "SystemModstamp", "OwnerId"])
    wsdl = org.http.get(f"{org.url}/standin/outbound-messages/{made['id']}/wsdl").content

    removed = org.control("DELETE", f"outbound-messages/{made['id']}")
    org.create("Account", Name="x")

    schema = "{http://www.w3.org/2001/XMLSchema}"
    (of_object,) = ElementTree.fromstring(wsdl).findall(f".//{schema}complexType[@name='Account']")
    types = {element.get("name"): element.get("type") for element in of_object.iter(f"{schema}element")}
    doubles = {"AnnualRevenue": "xsd:double", "SystemModstamp": "xsd:dateTime"}
    assert {"Name": "xsd:string", "OwnerId": "ent:ID", **doubles} == types
    assert removed is None
    assert receiver.is_quiet()


def test_a_dropped_answer_leaves_the_commit(org):
    """drop_after_commit cuts the connection after the work; a status is given instead of the work."""
    org.control("POST", "faults", {"match": "/sobjects/Account$", "drop_after_commit": True, "times": 1})
    org.control("POST", "faults", {"match": "/sobjects/Account$", "status": 503, "times": 1})

    with pytest.raises(requests.ConnectionError):
        org.rest("POST", "sobjects/Account", {"Name": "committed"})
    refused = org.rest("POST", "sobjects/Account", {"Name": "not"})
    org.create("Account", Name="again")

    assert 503 == refused.status_code
    assert ["committed", "again"] == [r["Name"] for r in org.query("SELECT Name FROM Account ORDER BY Id")]


def test_a_held_back_answer_leaves_the_commit(org):
    """timeout_seconds does the work and keeps the answer; others are served meanwhile."""
    org.control("POST", "faults", {"match": "/sobjects/Account$", "timeout_seconds": 30, "times": 1})

    with pytest.raises(requests.Timeout):
        org.rest("POST", "sobjects/Account", {"Name": "committed"}, timeout=0.2)

    assert ["committed"] == [r["Name"] for r in org.query("SELECT Name FROM Account")]


def test_faults_happen_again_the_same_way(org):
    """A seeded probability strikes the same calls in every run."""
    runs = []
    for _ in range(2):
        org.control("DELETE", "faults")
        org.control("POST", "faults", {"match": "limits", "status": 503, "probability": 0.5, "seed": 42})
        runs.append([org.rest("GET", "limits").status_code for _ in range(20)])

    assert runs[0] == runs[1]
    assert {200, 503} == set(runs[0])


def test_the_daily_limit_is_kept_when_asked(org):
    """REQUEST_LIMIT_EXCEEDED after the last call of the day; the next day it works again."""
    org.control("POST", "settings", {"dailyApiRequests": 2, "enforceApiLimit": True})

    statuses = [org.rest("GET", "limits").status_code for _ in range(3)]
    refused = org.rest("GET", "limits")
    org.control("POST", "clock", {"move_seconds": 86_400})

    assert [200, 200, 403] == statuses
    assert [{"message": "TotalRequests Limit exceeded.", "errorCode": "REQUEST_LIMIT_EXCEEDED"}] == refused.json()
    assert 200 == org.rest("GET", "limits").status_code


def until_sent(receiver, record_id):
    """The id of the next notification that carries this record."""
    while True:
        for notification in receiver.notifications():
            if fields_of(notification).get("Id") == record_id:
                return id_of(notification)


def test_a_killed_stand_in_remembers(tmp_path, receiver):
    """Records, fields, sessions and undelivered messages survive kill -9 and a torn last line."""
    first = Standin("--data", tmp_path)
    first.sign_in()
    token = first.http.headers["Authorization"]
    first.control("POST", "objects", {"name": "Thing__c", "fields": []})
    first.control("POST", "objects/Thing__c/fields", {"name": "Note__c", "type": "string", "length": 20})
    first.define_outbound(receiver, ["Name"])
    receiver.answers.put((500, "not now"))
    account = first.create("Account", Name="kept", External_Id__c="K")
    (message,) = receiver.notifications()
    gone = first.create("Account", Name="gone")
    thing = first.create("Thing__c", Name="t", Note__c="n")
    first.rest("DELETE", f"sobjects/Account/{gone}")
    first.stop(signal.SIGKILL)
    with (tmp_path / "standin.journal").open("ab") as journal:
        journal.write(b'{"k":"put","records":[["Account",{"Id":"001')

    second = Standin("--data", tmp_path)
    second.http.headers["Authorization"] = token
    try:
        sent_again = until_sent(receiver, account)
        assert [account] == [r["Id"] for r in second.query("SELECT Id FROM Account WHERE External_Id__c = 'k'")]
        assert "n" == second.get("Thing__c", thing)["Note__c"]
        assert 404 == second.rest("GET", f"sobjects/Account/{gone}").status_code
        assert id_of(message) == sent_again
        assert second.create("Account", Name="next") > gone
    finally:
        assert 0 == second.stop()


@pytest.mark.skipif(not SAMPLES.exists(), reason="the recorded Salesforce samples are not on this machine")
def test_recorded_describes_can_be_served(tmp_path):
    """A folder of real describe files makes their objects; each answers with its own body."""
    standin = Standin("--objects", SAMPLES / "describe")
    try:
        standin.sign_in()
        text = (SAMPLES / "describe" / "Lead.describe.json").read_text()
        recorded = json.loads(re.sub(r"/services/data/v\d+\.0/", f"/services/data/{VERSION}/", text))
        served = standin.rest("GET", "sobjects/Lead/describe").json()
        lead = standin.create("Lead", LastName="Kim", Company="Acme")

        assert {**recorded, "urls": None} == {**served, "urls": None}
        assert "Kim" == standin.get("Lead", lead)["Name"]
    finally:
        assert 0 == standin.stop()


def test_it_explains_itself():
    """--help names every option."""
    shown = subprocess.run(
        [sys.executable, "-m", "tests.standin", "--help"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert 0 == shown.returncode
    assert all(option in shown.stdout for option in ("--port", "--host", "--data", "--objects", "--seed-org"))
