"""Faults to order: single records that are refused, and records that take their whole request with them."""

import pytest

from tests.standin.bulk.driving import load, results, rows

LOCKED = {"statusCode": "UNABLE_TO_LOCK_ROW", "message": "unable to obtain exclusive access to this record"}
UNREADABLE = {"status": 400, "errorCode": "JSON_PARSER_ERROR", "message": "Unexpected character"}
COLLECTION = "/services/data/v67.0/composite/sobjects"


def order(org, **fault):
    return org.control("POST", "faults", fault)


def accounts(names):
    return {"records": [{"attributes": {"type": "Account"}, "Name": name} for name in names]}


def stored(org):
    return [record["Name"] for record in org.query("SELECT Name FROM Account ORDER BY Id")]


def composite(*bodies):
    asked = [
        {"method": "POST", "url": COLLECTION, "referenceId": f"r{n}", "body": body} for n, body in enumerate(bodies)
    ]
    return {"allOrNone": False, "compositeRequest": asked}


def test_records_are_locked_at_a_rate(org):
    """Of 200 records about as many fail as asked, the same ones in every run; the others are there."""
    runs = []
    for _ in range(2):
        org.control("POST", "reset")
        order(org, record_error=LOCKED, probability=0.1, seed=7)
        results = org.rest("POST", "composite/sobjects", accounts(map(str, range(200)))).json()
        runs.append([n for n, result in enumerate(results) if not result["success"]])

    assert runs[0] == runs[1]
    assert 8 <= len(runs[0]) <= 40
    assert [{**LOCKED, "fields": []}] == results[runs[0][0]]["errors"]
    assert 200 - len(runs[0]) == len(stored(org))


def test_one_record_is_meant_by_what_it_holds(org):
    """where looks at the body, and for a change also at the record as it is."""
    kept = org.create("Account", Name="bad from before")
    order(org, record_error=LOCKED, where={"field": "Name", "matches": "^bad"})

    created = org.rest("POST", "composite/sobjects", accounts(["good", "bad"])).json()
    updated = org.rest("PATCH", f"sobjects/Account/{kept}", {"Phone": "1"})
    deleted = org.rest("DELETE", f"sobjects/Account/{kept}")

    assert [True, False] == [result["success"] for result in created]
    assert [{"message": LOCKED["message"], "errorCode": "UNABLE_TO_LOCK_ROW", "fields": []}] == updated.json()
    assert 400 == deleted.status_code


def test_a_field_is_refused_for_every_record_that_gives_it(org):
    """gives means bodies that name a field: INVALID_FIELD_FOR_INSERT_UPDATE for them, nothing for others."""
    error = {"statusCode": "INVALID_FIELD_FOR_INSERT_UPDATE", "message": "Unable to create/update", "fields": ["Phone"]}
    order(org, record_error=error, object="Account", gives="Phone")

    refused = org.rest("PATCH", "sobjects/Account/External_Id__c/A1", {"Name": "x", "Phone": "1"})
    taken = org.rest("PATCH", "sobjects/Account/External_Id__c/A1", {"Name": "x"})

    assert (400, 201) == (refused.status_code, taken.status_code)


@pytest.mark.parametrize(
    ("operation", "statuses"),
    [("insert", (400, 400, 404)), ("update", (201, 400, 204)), ("delete", (201, 200, 400))],
)
def test_one_operation_is_meant(org, operation, statuses):
    """operation keeps a fault to inserts, updates or deletes; an upsert is one of the first two."""
    order(org, record_error=LOCKED, operation=operation)

    made = org.rest("PATCH", "sobjects/Account/External_Id__c/A1", {"Name": "x"}).status_code
    again = org.rest("PATCH", "sobjects/Account/External_Id__c/A1", {"Name": "y"}).status_code
    gone = org.rest("DELETE", "sobjects/Account/External_Id__c/A1").status_code

    assert statuses == (made, again, gone)


def test_one_record_takes_its_collection_with_it(org):
    """request_error: the call fails whole, and nothing of it is kept."""
    order(org, request_error=UNREADABLE, where={"field": "Name", "matches": "poison"})

    refused = org.rest("POST", "composite/sobjects", accounts(["a", "poison", "b"]))
    taken = org.rest("POST", "composite/sobjects", accounts(["a", "b"]))

    assert (400, [{"message": "Unexpected character", "errorCode": "JSON_PARSER_ERROR"}]) == (
        refused.status_code,
        refused.json(),
    )
    assert [True, True] == [result["success"] for result in taken.json()]
    assert ["a", "b"] == stored(org)


def test_one_record_takes_its_whole_composite_with_it(org):
    """Also the collections before it, though allOrNone is false; a 500 works the same way."""
    error = {"status": 500, "errorCode": "UNKNOWN_EXCEPTION", "message": "An unexpected error occurred."}
    order(org, request_error=error, where={"field": "Name", "matches": "poison"})

    refused = org.rest("POST", "composite", composite(accounts(["a"]), accounts(["poison"])))

    assert (500, "UNKNOWN_EXCEPTION") == (refused.status_code, refused.json()[0]["errorCode"])
    assert [] == stored(org)


def test_one_record_may_take_only_its_collection(org):
    """With scope collection the composite is answered, and the other collections are done."""
    order(org, request_error=UNREADABLE, scope="collection", where={"field": "Name", "matches": "poison"})

    answer = org.rest("POST", "composite", composite(accounts(["a"]), accounts(["b", "poison"]))).json()

    assert [200, 400] == [sub["httpStatusCode"] for sub in answer["compositeResponse"]]
    assert ["a"] == stored(org)


def test_a_record_fault_can_be_kept_to_some_calls(org):
    """match is the call's path, as for every fault."""
    order(org, record_error=LOCKED, match="composite/sobjects")

    single = org.rest("POST", "sobjects/Account", {"Name": "single"})
    (many,) = org.rest("POST", "composite/sobjects", accounts(["many"])).json()

    assert 201 == single.status_code
    assert not many["success"]


@pytest.mark.parametrize("operation", ["insert", "upsert"])
def test_rows_of_bulk_jobs_are_refused_too(org, operation):
    """A row that a fault means is among the failed results, the others are loaded."""
    order(org, record_error=LOCKED, where={"field": "Name", "matches": "^bad"})
    key = {"externalIdFieldName": "External_Id__c"} if operation == "upsert" else {}

    job = load(org, "Name,External_Id__c\ngood,1\nbad,2\n", operation, "Account", **key)

    (failed,) = rows(results(org, job["id"], "failedResults"))
    assert ("JobComplete", 2, 1) == (job["state"], job["numberRecordsProcessed"], job["numberRecordsFailed"])
    assert failed["sf__Error"].startswith("UNABLE_TO_LOCK_ROW:unable to obtain exclusive access")
    assert ["good"] == stored(org)


@pytest.mark.parametrize("operation", ["delete", "hardDelete"])
def test_rows_of_bulk_deletes_are_refused_too(org, operation):
    """By what the record holds, since a delete gives nothing but an id."""
    bad = org.create("Account", Name="bad")
    org.control("POST", "settings", {"bulkHardDelete": True})
    order(org, record_error=LOCKED, where={"field": "Name", "matches": "^bad"})

    job = load(org, f"Id\n{bad}\n", operation, "Account")

    assert 1 == job["numberRecordsFailed"]
    assert ["bad"] == stored(org)
