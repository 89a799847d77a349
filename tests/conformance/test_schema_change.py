"""Objects that change in mid-stream: fields come, go, get another name, another length, another type."""

import pytest

from tests.standin.driving import Receiver, Standin, fields_of

THING = {
    "name": "Thing__c",
    "fields": [
        {"name": "Note__c", "type": "string", "length": 20},
        {"name": "Key__c", "type": "string", "length": 36, "externalId": True, "unique": True},
    ],
}


@pytest.fixture
def thing(org):
    """An object with one record; its id."""
    org.control("POST", "reset", {"objects": True})
    org.control("POST", "objects", THING)
    return org.create("Thing__c", Name="t", Note__c="12.5", Key__c="K1")


def field_id(org, name):
    return {field["name"]: field["id"] for field in org.control("GET", "objects/Thing__c/fields")}[name]


def described(org, name):
    fields = org.rest("GET", "sobjects/Thing__c/describe").json()["fields"]
    return next((field for field in fields if field["name"] == name), None)


def test_a_renamed_field_keeps_values_and_durable_id(org, thing):
    """The old name is unknown, the new one has the values, also as an external id; the durable id is the same."""
    before = org.get("Thing__c", thing)["SystemModstamp"], field_id(org, "Key__c")

    org.control("POST", "objects/Thing__c/fields/Key__c", {"name": "Code__c"})

    found = org.rest("GET", "sobjects/Thing__c/Code__c/K1").json()
    assert ("K1", None) == (found["Code__c"], found.get("Key__c"))
    assert before == (found["SystemModstamp"], field_id(org, "Code__c"))
    assert 404 == org.rest("GET", "sobjects/Thing__c/Key__c/K1").status_code
    assert (
        "INVALID_FIELD" == org.rest("GET", "query", params={"q": "SELECT Key__c FROM Thing__c"}).json()[0]["errorCode"]
    )


def test_a_removed_field_is_gone_with_its_values(org, thing):
    """A field of the same name that comes later is empty and has another durable id."""
    old = field_id(org, "Note__c")

    org.control("DELETE", "objects/Thing__c/fields/Note__c")
    without = described(org, "Note__c")
    org.control("POST", "objects/Thing__c/fields", THING["fields"][0])

    assert without is None
    assert org.get("Thing__c", thing)["Note__c"] is None
    assert field_id(org, "Note__c") not in (None, old)


def test_a_field_becomes_longer(org, thing):
    """What was too long yesterday fits today."""
    long = {"Note__c": "x" * 60}
    refused = org.rest("PATCH", f"sobjects/Thing__c/{thing}", long).json()

    org.control("POST", "objects/Thing__c/fields/Note__c", {"length": 100})

    assert "STRING_TOO_LONG" == refused[0]["errorCode"]
    assert 204 == org.rest("PATCH", f"sobjects/Thing__c/{thing}", long).status_code
    assert (100, "string") == (described(org, "Note__c")["length"], described(org, "Note__c")["type"])


def test_a_field_becomes_a_number(org, thing):
    """Values that are numbers are kept as numbers, others are lost."""
    words = org.create("Thing__c", Name="w", Note__c="words")

    org.control("POST", "objects/Thing__c/fields/Note__c", {"type": "double", "precision": 18, "scale": 2})

    assert [12.5, None] == [org.get("Thing__c", record)["Note__c"] for record in (thing, words)]
    assert ("double", "xsd:double") == (described(org, "Note__c")["type"], described(org, "Note__c")["soapType"])


def test_messages_follow_a_renamed_field(org, thing):
    """An outbound message that selects the field sends it under its new name."""
    receiver = Receiver()
    org.define_outbound(receiver, ["Note__c"], "Thing__c")

    org.control("POST", "objects/Thing__c/fields/Note__c", {"name": "Remark__c"})
    org.rest("PATCH", f"sobjects/Thing__c/{thing}", {"Remark__c": "new"})

    (notification,) = receiver.notifications()
    receiver.close()
    assert {"Id": thing, "Remark__c": "new"} == fields_of(notification)


@pytest.mark.parametrize(("path", "code"), [("Account/fields/Phone", 400), ("Thing__c/fields/Nope__c", 404)])
def test_only_custom_fields_change(org, thing, path, code):
    """A standard field stays as it is, an unknown one is not found."""
    assert code == org.http.delete(f"{org.url}/standin/objects/{path}").status_code


def test_a_changed_object_survives_a_restart(tmp_path):
    """Names, values and durable ids come back from the journal."""
    first = Standin("--data", tmp_path)
    first.sign_in()
    first.control("POST", "objects", THING)
    thing = first.create("Thing__c", Name="t", Note__c="kept", Key__c="K1")
    first.control("POST", "objects/Thing__c/fields/Note__c", {"name": "Remark__c"})
    before = field_id(first, "Remark__c")
    first.stop(9)

    with Standin("--data", tmp_path) as second:
        second.sign_in()
        assert "kept" == second.get("Thing__c", thing)["Remark__c"]
        assert before == field_id(second, "Remark__c")
