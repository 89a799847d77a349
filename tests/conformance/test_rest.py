"""The Salesforce stand-in as its users meet it: another process, over HTTP, with clients of others."""

import time

import pytest
import requests
from simple_salesforce.exceptions import SalesforceMoreThanOneRecord, SalesforceResourceNotFound

from tests.standin.driving import VERSION

ORG_ID = "00DSb0000000001MAA"


def test_tokens_are_shaped_as_salesforce_shapes_them(org):
    """Client credentials by form or Basic, and a password, each give a token that works."""
    url = f"{org.url}/services/oauth2/token"
    password = {"grant_type": "password", "username": "admin@standin.test", "password": "standintoken"}
    with requests.Session() as session:
        session.trust_env = False
        by_form = session.post(
            url, data={"grant_type": "client_credentials", "client_id": "isthmus", "client_secret": "isthmus"}
        )
        by_basic = session.post(url, data={"grant_type": "client_credentials"}, auth=("isthmus", "isthmus"))
        by_password = session.post(url, data=password | {"client_id": "isthmus", "client_secret": "isthmus"})
        wrong = session.post(url, data={"grant_type": "client_credentials", "client_id": "isthmus"})
        body = by_form.json()
        identity = session.get(body["id"], headers={"Authorization": f"Bearer {body['access_token']}"})

    keys = {"access_token", "instance_url", "id", "token_type", "issued_at", "signature", "scope"}
    assert [keys] * 3 == [set(answer.json()) for answer in (by_form, by_basic, by_password)]
    assert body["access_token"].startswith(ORG_ID[:15] + "!")
    assert identity.json()["organization_id"] == ORG_ID
    assert (400, "invalid_client") == (wrong.status_code, wrong.json()["error"])


def test_a_jwt_is_believed_only_with_the_registered_key(org):
    """JWT bearer: the signature, the user and the expiry are checked."""
    import jwt
    from cryptography.hazmat.primitives.asymmetric import rsa
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    good, bad = (rsa.generate_private_key(public_exponent=65537, key_size=2048) for _ in range(2))
    pem = good.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    org.control("POST", "clients", {"client_id": "jwt-client", "public_key": pem})
    claims = {
        "iss": "jwt-client",
        "sub": "integration@standin.test",
        "aud": org.url,
        "exp": time.time() + 180,
    }

    def ask(key, **changed):
        form = {
            "grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer",
            "assertion": jwt.encode({**claims, **changed}, key, algorithm="RS256"),
        }
        return org.http.post(f"{org.url}/services/oauth2/token", data=form, headers={"Authorization": None})

    assert 200 == ask(good).status_code
    wrong = [ask(bad), ask(good, exp=time.time() - 1), ask(good, sub="nobody@standin.test")]
    assert ["invalid_grant"] * 3 == [answer.json()["error"] for answer in wrong]


def test_an_expired_session_is_told_so(org):
    """401 INVALID_SESSION_ID until one signs in again; /services/data needs no session."""
    org.control("POST", "sessions/expire", {})

    refused = org.rest("GET", "limits")

    assert 401 == refused.status_code
    assert [{"message": "Session expired or invalid", "errorCode": "INVALID_SESSION_ID"}] == refused.json()
    assert "67.0" == org.http.get(f"{org.url}/services/data").json()[-1]["version"]
    org.sign_in()
    assert 200 == org.rest("GET", "limits").status_code


def test_simple_salesforce_creates_reads_updates_and_deletes(salesforce):
    """CRUD with the client that most Python programs use."""
    accounts = salesforce.Account

    made = accounts.create({"Name": "  Acme \r\n", "AnnualRevenue": 120000, "NumberOfEmployees": 7, "Site": ""})
    first = accounts.get(made["id"])
    accounts.update(made["id"], {"Name": "Acme 2", "NumberOfEmployees": None})
    second = accounts.get(made["id"][:15])
    accounts.delete(made["id"])

    assert (True, [], 18) == (made["success"], made["errors"], len(made["id"]))
    assert (
        "Acme",
        120000.0,
        7,
        None,
    ) == tuple(first[f] for f in ("Name", "AnnualRevenue", "NumberOfEmployees", "Site"))
    assert isinstance(first["AnnualRevenue"], float)
    assert ("Acme 2", None) == (second["Name"], second["NumberOfEmployees"])
    assert first["SystemModstamp"].endswith(".000+0000")
    with pytest.raises(SalesforceResourceNotFound):
        accounts.get(made["id"])


def test_upsert_creates_updates_and_refuses(org, salesforce):
    """201 made, 200 updated, 300 for several matches, 404 for a field that is no key or with updateOnly."""
    accounts = salesforce.Account
    for last in ("Kim", "Lee"):
        org.create("Contact", LastName=last, Email="same@example.com")

    statuses = [accounts.upsert("External_Id__c/A%2F1", {"Name": name}) for name in ("one", "two")]
    several = org.rest("PATCH", "sobjects/Contact/Email/same@example.com", {"LastName": "x"})
    no_key = org.rest("PATCH", "sobjects/Account/Site/x", {"Name": "x"})
    update_only = org.rest("PATCH", "sobjects/Account/External_Id__c/none?updateOnly=true", {"Name": "x"})

    assert [201, 200] == statuses
    assert [("A/1", "two")] == [
        (r["External_Id__c"], r["Name"]) for r in org.query("SELECT Name, External_Id__c FROM Account")
    ]
    assert (300, 2) == (several.status_code, len(several.json()))
    assert several.json()[0].startswith(f"/services/data/{VERSION}/sobjects/Contact/003")
    with pytest.raises(SalesforceMoreThanOneRecord):
        salesforce.Contact.get_by_custom_id("Email", "same@example.com")
    message = "Provided external ID field does not exist or is not accessible: Site"
    assert (404, [{"message": message, "errorCode": "NOT_FOUND"}]) == (no_key.status_code, no_key.json())
    assert 404 == update_only.status_code


@pytest.mark.parametrize(
    ("body", "code", "fields"),
    [
        ({}, "REQUIRED_FIELD_MISSING", ["Name"]),
        ({"Name": "  "}, "REQUIRED_FIELD_MISSING", ["Name"]),
        ({"Name": "x" * 256}, "STRING_TOO_LONG", ["Name"]),
        ({"Name": "x", "Nope__c": 1}, "INVALID_FIELD", None),
        (
            {"Name": "x", "CreatedDate": "2026-01-01T00:00:00Z"},
            "INVALID_FIELD_FOR_INSERT_UPDATE",
            ["CreatedDate"],
        ),
        ({"Name": "x", "AnnualRevenue": 1e18}, "NUMBER_OUTSIDE_VALID_RANGE", ["AnnualRevenue"]),
        ({"Name": "x", "AnnualRevenue": "many"}, "JSON_PARSER_ERROR", None),
        ({"Name": 5}, "JSON_PARSER_ERROR", None),
        ({"Name": "x", "NumberOfEmployees": 1.5}, "JSON_PARSER_ERROR", None),
        ({"Name": "x", "ParentId": "nonsense"}, "MALFORMED_ID", ["ParentId"]),
        ({"Name": "x", "ParentId": "003Sb0000000001IAA"}, "MALFORMED_ID", ["ParentId"]),
        ({"Name": "x", "ParentId": "001Sb0000999999IAA"}, "INVALID_CROSS_REFERENCE_KEY", []),
        ({"Name": "x", "Parent": {"External_Id__c": "none"}}, "INVALID_FIELD", []),
        ({"Name": "x", "External_Id__c": "TAKEN"}, "DUPLICATE_VALUE", []),
    ],
)
def test_a_bad_record_is_refused_with_salesforces_code(org, body, code, fields):
    """400, one error that names code and fields; nothing is stored."""
    org.create("Account", Name="first", External_Id__c="taken")

    answer = org.rest("POST", "sobjects/Account", body)

    (error,) = answer.json()
    assert (400, code, fields) == (answer.status_code, error["errorCode"], error.get("fields"))
    assert 1 == len(org.query("SELECT Id FROM Account"))


def test_values_are_kept_in_salesforces_form(org):
    """Every type of a custom object comes back in REST's form, nulls as null."""
    fields = [
        {"name": "When__c", "type": "datetime"},
        {"name": "Day__c", "type": "date"},
        {"name": "Clock__c", "type": "time"},
        {"name": "Rate__c", "type": "percent", "precision": 5, "scale": 2},
        {"name": "Kind__c", "type": "picklist", "values": ["A", "B"], "restricted": True},
        {"name": "Tags__c", "type": "multipicklist", "values": ["x", "y", "z"]},
        {"name": "Yes__c", "type": "boolean"},
        {"name": "Boss__c", "type": "reference", "referenceTo": ["Account"]},
        {"name": "Key__c", "type": "double", "externalId": True, "unique": True},
    ]
    org.control("POST", "objects", {"name": "Thing__c", "fields": fields})
    account = org.create("Account", Name="Boss", External_Id__c="B1")
    body = {
        "Name": "one",
        "When__c": "2026-01-31T19:00:00+09:00",
        "Day__c": "2026-01-31",
        "Clock__c": "10:00:00Z",
        "Rate__c": 12,
        "Kind__c": "a",
        "Tags__c": "z;x;z",
        "Boss__r": {"External_Id__c": "b1"},
        "Key__c": 7,
    }

    got = org.get("Thing__c", org.create("Thing__c", **body))
    refused = [
        org.rest("POST", "sobjects/Thing__c", {"Name": "x", **wrong}).json()[0]["errorCode"]
        for wrong in (
            {"Kind__c": "C"},
            {"Rate__c": 1000},
            {"When__c": "2026-01-31 10:00:00"},
            {"Key__c": 7.0},
        )
    ]

    expected = {
        "When__c": "2026-01-31T10:00:00.000+0000",
        "Day__c": "2026-01-31",
        "Clock__c": "10:00:00.000Z",
        "Rate__c": 12.0,
        "Kind__c": "A",
        "Tags__c": "x;z",
        "Yes__c": False,
        "Boss__c": account,
        "Key__c": 7.0,
    }
    assert expected == {name: got[name] for name in expected}
    codes = ["INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", "NUMBER_OUTSIDE_VALID_RANGE"]
    assert [*codes, "JSON_PARSER_ERROR", "DUPLICATE_VALUE"] == refused
    by_key = org.rest("GET", "sobjects/Thing__c/Key__c/7")
    assert got["Id"] == by_key.json()["Id"]


def test_a_deleted_record_can_come_back(org):
    """Deleted: gone from query, seen by queryAll and /deleted, its key free; undelete restores it."""
    record_id = org.create("Account", Name="x", External_Id__c="X")
    assert 204 == org.rest("DELETE", f"sobjects/Account/{record_id}").status_code

    again = org.rest("DELETE", f"sobjects/Account/{record_id}")
    hidden = org.query("SELECT Id FROM Account")
    everything = org.rest("GET", "queryAll", params={"q": "SELECT Id, IsDeleted FROM Account"}).json()["records"]
    now = time.time()
    window = {
        name: time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now + shift))
        for name, shift in (("start", -600), ("end", 120))
    }
    deleted = org.rest("GET", "sobjects/Account/deleted/", params=window).json()
    org.control("POST", f"records/{record_id}/undelete", {})
    updated = org.rest("GET", "sobjects/Account/updated/", params=window).json()

    assert (404, "ENTITY_IS_DELETED") == (again.status_code, again.json()[0]["errorCode"])
    assert [] == hidden
    assert [(record_id, True)] == [(r["Id"], r["IsDeleted"]) for r in everything]
    assert [record_id] == [r["id"] for r in deleted["deletedRecords"]]
    assert {"deletedRecords", "earliestDateAvailable", "latestDateCovered"} == set(deleted)
    assert [record_id] == updated["ids"]
    assert [record_id] == [r["Id"] for r in org.query("SELECT Id FROM Account WHERE External_Id__c = 'x'")]
