"""The Tooling API's FieldDefinition: a custom field keeps its durable id under every name that it gets."""

from collections.abc import Iterator

import pytest

from tests.standin.driving import Standin

SELECT = (
    "SELECT QualifiedApiName, DurableId FROM FieldDefinition WHERE EntityDefinition.QualifiedApiName = '{}' LIMIT 2000"
)
THING = {"name": "Thing__c", "fields": [{"name": "Size__c", "type": "string", "length": 40}]}


@pytest.fixture(scope="module")
def standin() -> Iterator[Standin]:
    with Standin() as running:
        running.sign_in()
        running.control("POST", "objects", THING)
        yield running


def ids(standin: Standin, name: str) -> dict[str, str]:
    answer = standin.rest("GET", "tooling/query", params={"q": SELECT.format(name)}).json()
    assert ("FieldDefinition", True) == (answer["entityTypeName"], answer["done"])
    return {r["QualifiedApiName"]: r["DurableId"] for r in answer["records"]}


def test_every_field_has_one(standin: Standin) -> None:
    """A standard field's is its name behind its object's; a custom one's an id of 15 characters, the same as events use."""
    described = {f["name"] for f in standin.rest("GET", "sobjects/Account/describe").json()["fields"]}

    found = ids(standin, "Account")

    assert (described, "Account.Name") == (set(found), found["Name"])
    custom = found["External_Id__c"].partition(".")[2]
    listed = {f["name"]: f["id"] for f in standin.control("GET", "objects/Account/fields")}
    assert (15, listed["External_Id__c"][:15]) == (len(custom), custom)


def test_a_rename_keeps_it_and_a_successor_has_another(standin: Standin) -> None:
    before = ids(standin, "Thing__c")["Size__c"]
    standin.control("POST", "objects/Thing__c/fields/Size__c", {"name": "Width__c"})
    standin.control("POST", "objects/Thing__c/fields", {"name": "Size__c", "type": "string", "length": 40})

    found = ids(standin, "Thing__c")

    assert before == found["Width__c"]
    assert before != found["Size__c"]
    assert before.startswith("01I")


@pytest.mark.parametrize(
    ("soql", "code"),
    [
        ("SELECT DurableId FROM FieldDefinition", "MALFORMED_QUERY"),
        ("SELECT Nothing FROM FieldDefinition WHERE EntityDefinitionId = 'Account'", "INVALID_FIELD"),
        ("SELECT Id FROM ApexClass", "INVALID_TYPE"),
        ("SELECT", "MALFORMED_QUERY"),
    ],
)
def test_other_questions_are_refused(standin: Standin, soql: str, code: str) -> None:
    answer = standin.rest("GET", "tooling/query", params={"q": soql})

    assert (400, code) == (answer.status_code, answer.json()[0]["errorCode"])


def test_an_object_that_is_not_there_has_no_fields(standin: Standin) -> None:
    assert {} == ids(standin, "Nothing__c")
