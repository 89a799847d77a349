"""Many records at once at the Salesforce stand-in: collections, composites, queries, describes."""

import json

import pytest
from simple_salesforce.exceptions import SalesforceMalformedRequest

from tests.standin.driving import ROOT, VERSION, upserts

SAMPLES = ROOT.parent / "shared" / "samples" / "salesforce"


def test_a_collection_has_a_result_for_each_record(org):
    """Good ones are stored, bad ones say why, in order; `created` only on success."""
    org.create("Account", Name="old", External_Id__c="E1")

    answer = org.rest(
        "PATCH",
        "composite/sobjects/Account/External_Id__c",
        upserts([("E1", "new"), ("E2", ""), ("E3", "c")]),
    )

    results = answer.json()
    assert 200 == answer.status_code
    assert [True, False, True] == [r["success"] for r in results]
    assert [False, None, True] == [r.get("created") for r in results]
    message = "Required fields are missing: [Name]"
    expected = [{"statusCode": "REQUIRED_FIELD_MISSING", "message": message, "fields": ["Name"]}]
    assert expected == results[1]["errors"]
    assert ["new", "c"] == [r["Name"] for r in org.query("SELECT Name FROM Account ORDER BY Id")]


def test_all_or_none_takes_everything_back(org):
    """One failure and nothing stays; the others say that they were rolled back."""
    body = upserts([("E1", "a"), ("E2", "")], all_or_none=True)

    results = org.rest("PATCH", "composite/sobjects/Account/External_Id__c", body).json()

    codes = [r["errors"][0]["statusCode"] for r in results]
    assert ["ALL_OR_NONE_OPERATION_ROLLED_BACK", "REQUIRED_FIELD_MISSING"] == codes
    assert [] == org.query("SELECT Id FROM Account")


def test_a_key_may_stand_only_once_in_a_call(org):
    """Both records with the same external id fail; the rest go through."""
    body = upserts([("E1", "a"), ("e1", "b"), ("E2", "c")])

    results = org.rest("PATCH", "composite/sobjects/Account/External_Id__c", body).json()

    assert [False, False, True] == [r["success"] for r in results]
    assert "DUPLICATE_VALUE" == results[0]["errors"][0]["statusCode"]


def test_collections_have_limits_and_unreadable_bodies_fail_whole(org):
    """More than 200 records, or a field that does not exist, refuse the whole call."""
    many = org.rest("POST", "composite/sobjects", upserts([(str(n), "x") for n in range(201)]))
    unknown = upserts([("E1", "a"), ("E2", "b")])
    unknown["records"][1]["Nope__c"] = 1

    whole = org.rest("POST", "composite/sobjects", unknown)
    org.control("POST", "settings", {"collectionParseErrors": "record"})
    each = org.rest("POST", "composite/sobjects", unknown)

    assert (400, "EXCEEDED_ID_LIMIT") == (many.status_code, many.json()[0]["errorCode"])
    assert (400, "INVALID_FIELD") == (whole.status_code, whole.json()[0]["errorCode"])
    assert [True, False] == [r["success"] for r in each.json()]


def test_collections_create_update_retrieve_and_delete(org):
    """Mixed types are created in one call; missing ids are null in a retrieve and an error in a delete."""
    made = org.rest(
        "POST",
        "composite/sobjects",
        {
            "records": [
                {"attributes": {"type": "Account"}, "Name": "a"},
                {"attributes": {"type": "Contact"}, "LastName": "c"},
            ]
        },
    ).json()
    account, contact = (r["id"] for r in made)
    nobody = "001Sb0000999999IAA"
    changed = [{"attributes": {"type": "Account"}, "id": i, "Name": "b"} for i in (account, nobody)]

    updated = org.rest("PATCH", "composite/sobjects", {"records": changed}).json()
    body = {"ids": [nobody, account], "fields": ["Id", "Name"]}
    retrieved = org.rest("POST", "composite/sobjects/Account", body).json()
    by_get = org.rest("GET", f"composite/sobjects/Account?ids={account}&fields=Name").json()
    deleted = org.rest("DELETE", f"composite/sobjects?ids={account},{contact},{nobody}").json()

    assert [{"id", "success", "errors"}] * 2 == [set(r) for r in made]
    assert [True, False] == [r["success"] for r in updated]
    assert "INVALID_CROSS_REFERENCE_KEY" == updated[1]["errors"][0]["statusCode"]
    assert [None, "b"] == [r and r["Name"] for r in retrieved]
    assert "b" == by_get[0]["Name"]
    assert [True, True, False] == [r["success"] for r in deleted]


def test_one_composite_carries_a_thousand_records(org):
    """Five collections of 200 are one API call, and each record has its result."""

    def collection(part):
        return {
            "method": "PATCH",
            "url": f"/services/data/{VERSION}/composite/sobjects/Account/External_Id__c",
            "referenceId": f"part{part}",
            "body": upserts([(f"{part}-{n}", f"name {n}") for n in range(200)]),
        }

    org.control("DELETE", "calls")
    answer = org.rest("POST", "composite", {"compositeRequest": [collection(part) for part in range(5)]})

    parts = answer.json()["compositeResponse"]
    assert [(f"part{n}", 200) for n in range(5)] == [(p["referenceId"], p["httpStatusCode"]) for p in parts]
    assert 1000 == sum(r["success"] for p in parts for r in p["body"])
    assert "api-usage=1/100000" == answer.headers["Sforce-Limit-Info"]
    summary = org.control("GET", "calls/summary")
    assert [("POST", "composite", 1)] == [(r["method"], r["resource"], r["calls"]) for r in summary["resources"]]


def test_a_composite_refers_back_and_is_taken_back_whole(org):
    """@{ref.id} is replaced; with allOrNone the culprit keeps its error and all others are halted."""
    root = f"/services/data/{VERSION}/sobjects"
    account = {"method": "POST", "url": f"{root}/Account", "referenceId": "a", "body": {"Name": "x"}}
    contact = {
        "method": "POST",
        "url": f"{root}/Contact",
        "referenceId": "c",
        "body": {"LastName": "y", "AccountId": "@{a.id}"},
    }
    bad = {"method": "POST", "url": f"{root}/Contact", "referenceId": "bad", "body": {}}

    good = org.rest("POST", "composite", {"compositeRequest": [account, contact]}).json()["compositeResponse"]
    halted = org.rest("POST", "composite", {"allOrNone": True, "compositeRequest": [account, bad]})

    ids = [part["body"]["id"] for part in good]
    assert ids[0] == org.get("Contact", ids[1])["AccountId"]
    parts = halted.json()["compositeResponse"]
    codes = [part["body"][0]["errorCode"] for part in parts]
    assert (200, ["PROCESSING_HALTED", "REQUIRED_FIELD_MISSING"]) == (halted.status_code, codes)
    assert 1 == len(org.query("SELECT Id FROM Account"))


def test_trees_and_batches(org):
    """A tree plants children with their parent; a batch's parts stand each for itself."""
    tree = {
        "records": [
            {
                "attributes": {"type": "Account", "referenceId": "ref1"},
                "Name": "parent",
                "Contacts": {
                    "records": [{"attributes": {"type": "Contact", "referenceId": "ref2"}, "LastName": "kid"}]
                },
            }
        ]
    }
    planted = org.rest("POST", "composite/tree/Account", tree)
    asked = [
        {"method": "GET", "url": f"{VERSION}/limits"},
        {"method": "POST", "url": f"{VERSION}/sobjects/Account", "richInput": {}},
    ]

    batch = org.rest("POST", "composite/batch", {"batchRequests": asked}).json()

    ids = {r["referenceId"]: r["id"] for r in planted.json()["results"]}
    assert 201 == planted.status_code
    assert ids["ref1"] == org.get("Contact", ids["ref2"])["AccountId"]
    assert (True, [200, 400]) == (batch["hasErrors"], [r["statusCode"] for r in batch["results"]])


def test_simple_salesforce_reads_every_page(org, salesforce):
    """2,000 records a page, fewer on request, none lost, none twice."""
    for start in range(0, 4500, 900):
        asked = [
            {
                "method": "POST",
                "url": f"/services/data/{VERSION}/composite/sobjects",
                "referenceId": f"r{part}",
                "body": upserts([(str(n), f"n{n}") for n in range(part, min(part + 200, start + 900))]),
            }
            for part in range(start, start + 900, 200)
        ]
        org.rest("POST", "composite", {"compositeRequest": asked})
    text = "SELECT Id, External_Id__c FROM Account ORDER BY SystemModstamp, Id"

    first = salesforce.query(text)
    keys = [int(r["External_Id__c"]) for r in salesforce.query_all_iter(text)]
    small = org.rest("GET", "query", params={"q": text}, headers={"Sforce-Query-Options": "batchSize=200"}).json()
    count = salesforce.query("SELECT COUNT() FROM Account WHERE External_Id__c LIKE '1%'")

    assert (4500, False, 2000) == (first["totalSize"], first["done"], len(first["records"]))
    assert first["nextRecordsUrl"].startswith(f"/services/data/{VERSION}/query/01g")
    assert list(range(4500)) == keys
    assert 200 == len(small["records"])
    assert (1111, []) == (count["totalSize"], count["records"])


def test_bad_queries_are_refused(org, salesforce):
    """MALFORMED_QUERY with a reason; a lost cursor says so; a URI may not be longer than 16,384 bytes."""
    with pytest.raises(SalesforceMalformedRequest) as refused:
        salesforce.query("SELECT Id FROM Account GROUP BY Name")
    lost = org.rest("GET", "query/01gSb0000000009AAA-2000")
    long = org.rest("GET", "query", params={"q": "SELECT Id FROM Account WHERE Name = '" + "x" * 16_384 + "'"})

    assert "MALFORMED_QUERY" == refused.value.content[0]["errorCode"]
    assert (400, "INVALID_QUERY_LOCATOR") == (lost.status_code, lost.json()[0]["errorCode"])
    assert 414 == long.status_code


@pytest.mark.skipif(not SAMPLES.exists(), reason="the recorded Salesforce samples are not on this machine")
@pytest.mark.parametrize("name", ["Account", "Contact", "Lead", "Opportunity"])
def test_describe_has_every_key_of_a_recorded_one(org, name):
    """Our built-in objects answer with the keys of a real describe, object and fields alike."""
    recorded = json.loads((SAMPLES / "describe" / f"{name}.describe.json").read_bytes())

    ours = org.rest("GET", f"sobjects/{name}/describe").json()

    assert set(recorded) <= set(ours)
    keys = set(recorded["fields"][0])
    assert {field["name"]: keys for field in ours["fields"]} == {f["name"]: set(f) for f in ours["fields"]}
    theirs = {f["name"]: (f["type"], f["soapType"]) for f in recorded["fields"]}
    same = {f["name"]: (f["type"], f["soapType"]) for f in ours["fields"] if f["name"] in theirs}
    assert {field: theirs[field] for field in same} == same


def test_describe_tells_whether_it_changed(org):
    """If-Modified-Since: 304 until a field is added."""
    first = org.rest("GET", "sobjects/Case/describe")
    since = {"If-Modified-Since": first.headers["Last-Modified"]}
    same = org.rest("GET", "sobjects/Case/describe", headers=since)
    org.control("POST", "clock", {"move_seconds": 5})
    org.control("POST", "objects/Case/fields", {"name": "New__c", "type": "string", "length": 10})

    changed = org.rest("GET", "sobjects/Case/describe", headers=since)

    assert (200, 304, 200) == (first.status_code, same.status_code, changed.status_code)
    assert "New__c" in {field["name"] for field in changed.json()["fields"]}


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("composite", {"compositeRequest": [1]}),
        ("composite", {"compositeRequest": [{"referenceId": "a"}]}),
        ("composite/sobjects", []),
        ("composite/sobjects", {"records": [1]}),
        ("composite/sobjects", {"records": [{"attributes": "Account", "Name": "x"}]}),
        ("composite/batch", {"batchRequests": 1}),
        ("composite/tree/Account", {"records": "x"}),
        ("composite/tree/Account", {"records": [{"attributes": 5, "Name": "x"}]}),
        ("sobjects/Account", [1]),
        ("jobs/ingest", {"operation": "insert", "object": "Account", "columnDelimiter": {}}),
        ("jobs/query", {"operation": "query", "query": 5}),
        ("composite", {"compositeRequest": [{"referenceId": {}, "method": "GET", "url": "x"}]}),
        ("composite/graph", {"graphs": [{"graphId": {}, "compositeRequest": []}]}),
    ],
)
def test_a_body_of_the_wrong_shape_is_refused(org, path, body):
    """What cannot be understood is answered with 400 and a code, never with a failure of the stand-in."""
    answer = org.rest("POST", path, body)

    assert 400 == answer.status_code
    assert answer.json()[0]["errorCode"] in ("JSON_PARSER_ERROR", "INVALID_TYPE", "INVALIDJOB", "MALFORMED_QUERY")
