"""jsforce, unchanged, does with the stand-in what its users do with an org."""

import json

import pytest


@pytest.fixture(scope="module")
def got(org, run):
    return json.loads(run("node", "jsforce.mjs", org.url, "admin@standin.test", "standin"))


def test_jsforce_gets_what_its_users_get(got):
    """Signing in, records one by one and many at once, queries up and down, describes, Bulk API 2.0, errors."""
    ids = [one["id"] for one in got["made"]]

    assert [True] * 3 == [one["success"] for one in got["made"]]
    assert "integration@standin.test" == got["identity"]["username"]
    assert "00D" == got["user"]["organizationId"][:3]
    assert 15 < got["versions"]
    assert got["limitInfo"]["apiUsage"]["limit"] == got["limits"]["DailyApiRequests"]["Max"]
    assert ["하나", "둘 'quoted'", "third"] == [one["Name"] for one in got["retrieved"]]
    assert ids[0] == got["updated"]["id"]
    assert [(True, False), (True, True)] == [(one["success"], one["created"]) for one in got["upserted"]]
    assert not got["one"]["created"]
    assert [True, True] == [one["success"] for one in got["contacts"]]

    assert ["Lee", "김"] == [c["LastName"] for c in got["children"]["records"][0]["Contacts"]["records"]]
    assert ["Lee", "김"] == sorted(c["LastName"] for c in got["included"][0]["Contacts"]["records"])
    assert [("fourth", 1), ("third", 1), ("둘 'quoted'", 1), ("하나", 1)] == [
        (one["Name"], one["howMany"]) for one in got["grouped"]["records"]
    ]
    assert [("하나", "Standin Admin")] == [(one["Name"], one["Owner"]["Name"]) for one in got["found"]]
    assert 4 == got["count"]
    assert {"Account", "Contact", "Lead", "User"} <= set(got["objects"])
    assert {"Id", "Name", "SystemModstamp", "External_Id__c", "BillingAddress"} <= set(got["fields"])


def test_jsforce_loads_and_unloads_many(got):
    """4,500 records through Bulk API 2.0, read back over several pages and as one stream; bad rows say why."""
    assert [4500, 0, 0] == got["loaded"]
    assert 4500 == got["paged"]
    (failed,) = got["bad"]["failedResults"]
    assert failed["sf__Error"].startswith("REQUIRED_FIELD_MISSING:") and "m-new" == failed["External_Id__c"]
    count, first, changed = got["bulkRows"]
    assert 4500 == count
    assert {"Id", "LastName", "External_Id__c", "CreatedDate"} == set(first)
    assert 'changed, "quoted"\nand broken' == changed["LastName"]
    assert 10 == got["gone"]


def test_jsforce_hears_what_is_wrong(got):
    """Errors come with Salesforce's codes; a session that was logged out is over."""
    ids = [one["id"] for one in got["made"]]

    assert [201, 201] == [one["httpStatusCode"] for one in got["composite"]["compositeResponse"]]
    assert (
        [ids[2]] == [one["id"] for one in got["destroyed"]] == [one["id"] for one in got["deleted"]["deletedRecords"]]
    )
    assert 4 == got["changed"]
    assert [ids[2]] == [one["id"] for one in _listed(got["undeleted"])]
    assert "REQUIRED_FIELD_MISSING" == got["refused"]["code"]
    assert "INVALID_FIELD" == got["unknown"]["code"] and "Nope" in got["unknown"]["message"]
    assert "INVALID_SESSION_ID" == got["afterLogout"]["code"]


def _listed(found):
    return found if isinstance(found, list) else [found]
