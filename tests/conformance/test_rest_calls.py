"""REST beyond single records: conditions, graphs, cursors, search, limits."""

import time
from email.utils import formatdate

import pytest

from tests.standin.driving import VERSION

ROOT = f"/services/data/{VERSION}"


def test_a_read_is_answered_only_when_something_changed(org):
    """If-Modified-Since and If-None-Match: 304 without a body, for records, describes and the list of objects."""
    record_id = org.create("Account", Name="x")
    for path in (f"sobjects/Account/{record_id}", "sobjects/Account/describe", "sobjects"):
        first = org.rest("GET", path)
        known = {"If-Modified-Since": first.headers["Last-Modified"]}, {"If-None-Match": first.headers["ETag"]}
        old = {"If-Modified-Since": formatdate(time.time() - 86_400, usegmt=True)}

        again = [org.rest("GET", path, headers=one) for one in known]

        assert [(304, b"")] * 2 == [(answer.status_code, answer.content) for answer in again]
        assert 200 == org.rest("GET", path, headers=old).status_code


def test_a_write_is_done_only_under_its_conditions(org):
    """If-Unmodified-Since and If-Match: 412 and nothing done when somebody was there before."""
    record_id = org.create("Account", Name="x")
    path = f"sobjects/Account/{record_id}"
    first = org.rest("GET", path).headers
    old = {"If-Unmodified-Since": formatdate(time.time() - 86_400, usegmt=True)}

    refused = [
        org.rest("PATCH", path, {"Name": "y"}, headers=old),
        org.rest("PATCH", path, {"Name": "y"}, headers={"If-Match": '"other"'}),
        org.rest("DELETE", path, headers=old),
    ]
    done = org.rest("PATCH", path, {"Name": "z"}, headers={"If-Unmodified-Since": first["Last-Modified"]})

    assert [(412, "PRECONDITION_FAILED")] * 3 == [(a.status_code, a.json()[0]["errorCode"]) for a in refused]
    assert (204, "z") == (done.status_code, org.get("Account", record_id)["Name"])


def node(name, body, reference, method="POST"):
    return {"method": method, "url": f"{ROOT}/sobjects/{name}", "referenceId": reference, "body": body}


def test_each_graph_holds_or_fails_as_a_whole(org):
    """References go from node to node; a failed graph leaves nothing and names its culprit, the others hold."""
    good = [node("Account", {"Name": "A"}, "a"), node("Contact", {"LastName": "K", "AccountId": "@{a.id}"}, "c")]
    bad = [node("Account", {"Name": "B"}, "b"), node("Contact", {}, "k"), node("Account", {"Name": "C"}, "n")]
    body = {"graphs": [{"graphId": "1", "compositeRequest": good}, {"graphId": "2", "compositeRequest": bad}]}

    answer = org.rest("POST", "composite/graph", body)

    first, second = answer.json()["graphs"]
    assert (200, "1", True) == (answer.status_code, first["graphId"], first["isSuccessful"])
    assert [201, 201] == [one["httpStatusCode"] for one in first["graphResponse"]["compositeResponse"]]
    failed = second["graphResponse"]["compositeResponse"]
    codes = [one["body"][0]["errorCode"] for one in failed]
    assert (False, ["PROCESSING_HALTED", "REQUIRED_FIELD_MISSING", "PROCESSING_HALTED"]) == (
        second["isSuccessful"],
        codes,
    )
    assert ["A"] == [account["Name"] for account in org.query("SELECT Name FROM Account")]


def test_graphs_have_limits(org):
    """75 graphs, 500 nodes, 15 levels; after 14 failures the rest is not tried."""

    def graphs(count, nodes):
        listed = [node("Account", {"Name": "x"}, f"r{n}") for n in range(nodes)]
        return {"graphs": [{"graphId": str(g), "compositeRequest": listed} for g in range(count)]}

    chain = [node("Account", {"Name": "x"}, "r0")]
    chain += [node("Account", {"Name": "x", "ParentId": f"@{{r{n}.id}}"}, f"r{n + 1}") for n in range(15)]
    deep = {"graphs": [{"graphId": "deep", "compositeRequest": chain}]}
    failing = {"graphs": [{"graphId": str(g), "compositeRequest": [node("Account", {}, "a")]} for g in range(16)]}

    refused = [
        org.rest("POST", "composite/graph", body) for body in (graphs(76, 1), graphs(2, 251), deep, {"graphs": []})
    ]
    tried = org.rest("POST", "composite/graph", failing).json()["graphs"]

    assert [(400, "LIMIT_EXCEEDED")] * 4 == [(a.status_code, a.json()[0]["errorCode"]) for a in refused]
    codes = [one["graphResponse"]["compositeResponse"][0]["body"][0]["errorCode"] for one in tried]
    assert ["REQUIRED_FIELD_MISSING"] * 14 + ["PROCESSING_HALTED"] * 2 == codes


def test_a_cursor_lives_while_it_is_used(org):
    """Pages follow nextRecordsUrl; after 15 idle minutes on the clock the cursor is lost."""
    names = [{"attributes": {"type": "Account"}, "Name": str(n)} for n in range(200)]
    for _ in range(3):
        org.rest("POST", "composite/sobjects", {"records": names})
    small = {"Sforce-Query-Options": "batchSize=200"}

    first = org.rest("GET", "query", params={"q": "SELECT Id FROM Account"}, headers=small).json()
    org.control("POST", "clock", {"move_seconds": 14 * 60})
    second = org.http.get(org.url + first["nextRecordsUrl"]).json()
    org.control("POST", "clock", {"move_seconds": 16 * 60})
    late = org.http.get(org.url + second["nextRecordsUrl"])

    assert (600, False, 200) == (first["totalSize"], first["done"], len(second["records"]))
    assert {"totalSize", "done", "nextRecordsUrl", "records"} == set(second)
    assert (400, "INVALID_QUERY_LOCATOR") == (late.status_code, late.json()[0]["errorCode"])


def test_simple_salesforce_searches(org, salesforce):
    """SOSL: words anywhere, in some fields only, with conditions per object."""
    org.create("Account", Name="Acme North", Phone="555 1234")
    org.create("Account", Name="Other", Site="acme yard")
    org.create("Contact", LastName="Acmeson", Email="a@acme.example")

    everywhere = salesforce.quick_search("acme")["searchRecords"]
    named = salesforce.search("FIND {acme nor*} IN NAME FIELDS RETURNING Account(Id, Name)")["searchRecords"]
    text = "FIND {acme} RETURNING Account(Name WHERE Site != null), Contact(Id, Email) LIMIT 5"
    chosen = salesforce.search(text)["searchRecords"]

    assert ["Account", "Account", "Contact"] == [one["attributes"]["type"] for one in everywhere]
    assert ["Acme North"] == [one["Name"] for one in named]
    assert ["Other", "a@acme.example"] == [one.get("Name") or one["Email"] for one in chosen]
    assert 400 == org.rest("GET", "search", params={"q": "LOOK {x}"}).status_code


def test_limits_have_the_real_names(org, salesforce):
    """Every limit has Max and Remaining; daily calls are counted; record counts leave out empty objects."""
    org.create("Account", Name="x")

    limits = salesforce.limits()
    counts = org.rest("GET", "limits/recordCount", params={"sObjects": "Account,Contact,Nope"}).json()

    assert {"DailyApiRequests", "DailyBulkV2QueryJobs", "DataStorageMB", "SingleEmail"} <= set(limits)
    assert {frozenset({"Max", "Remaining"})} == {frozenset(limit) for limit in limits.values()}
    assert limits["DailyApiRequests"]["Remaining"] < limits["DailyApiRequests"]["Max"]
    assert {"sObjects": [{"count": 1, "name": "Account"}]} == counts


def test_recent_is_what_one_changed_last(org):
    """The last changed first, each with its name; an object's own page lists its part."""
    org.control("POST", "clock", {"move_seconds": 60})
    org.create("Account", Name="a")
    org.create("Contact", LastName="k")

    found = org.rest("GET", "recent", params={"limit": 2}).json()
    items = org.rest("GET", "sobjects/Account").json()["recentItems"]

    assert {"a", "k"} == {one["Name"] for one in found}
    assert {"attributes", "Id", "Name"} == set(found[0])
    assert ["a"] == [one["Name"] for one in items]


@pytest.mark.parametrize(
    ("path", "expected"),
    [("query?q=SELECT+Id+FROM+Account", 200), ("search?q=FIND+{x}", 200), ("nothing", 404), ("composite/graph", 405)],
)
def test_roads_answer_their_methods(org, path, expected):
    """GET on each road; what is not there is 404, what wants POST 405."""
    assert expected == org.rest("GET", path).status_code
