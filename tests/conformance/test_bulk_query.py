"""Bulk API 2.0 query at the stand-in, to the letter."""

import json

import pytest
import requests

from tests.standin.bulk.driving import ask, load, page, patch, rows, wait
from tests.standin.driving import ROOT, VERSION

SAMPLES = ROOT.parent / "shared" / "samples" / "salesforce"


def codes(answer):
    return answer.status_code, answer.json()[0]["errorCode"]


def create(org, text, **more):
    return org.rest("POST", "jobs/query", {"operation": "query", "query": text, **more})


@pytest.mark.skipif(not SAMPLES.exists(), reason="the recorded samples are not here")
def test_a_new_job_has_the_recorded_keys(org):
    """Key by key, in Salesforce's own order and types."""
    recorded = json.loads((SAMPLES / "rest" / "bulk2_query_job_created.json").read_bytes())

    job = create(org, "SELECT Id FROM Account").json()

    assert [(key, type(value)) for key, value in recorded.items()] == [(key, type(value)) for key, value in job.items()]
    assert ("UploadComplete", "Account") == (job["state"], job["object"])


def test_values_are_written_as_salesforce_does(org):
    """Everything in quotes; Java's numbers, true and false, times with Z, null as empty; columns in the query's order."""
    org.create(
        "Account",
        Name='a "b", c',
        AnnualRevenue=912260031,
        NumberOfEmployees=5,
        Description="one\r\ntwo",
        External_Id__c="가Ω",
    )
    stamp = org.query("SELECT SystemModstamp FROM Account")[0]["SystemModstamp"]

    job = ask(
        org,
        "select externaL_Id__c, Name, AnnualRevenue, NumberOfEmployees, Description, Phone, IsDeleted, SystemModstamp "
        "from Account",
    )

    answer = page(org, job["id"])
    expected = (
        '"External_Id__c","Name","AnnualRevenue","NumberOfEmployees","Description","Phone","IsDeleted","SystemModstamp"\n'
        f'"가Ω","a ""b"", c","9.12260031E8","5","one\r\ntwo","","false","{stamp[:-5]}Z"\n'
    )
    assert expected == answer.content.decode()
    assert "text/csv" == answer.headers["Content-Type"]
    assert ("null", "1") == (answer.headers["Sforce-Locator"], answer.headers["Sforce-NumberOfRecords"])


def test_a_complete_job_tells_its_counts(org):
    """As Salesforce shows a query job that has ended."""
    load(org, "Name\nA\nB\n")

    job = ask(org, "SELECT Id FROM Account")

    assert ("JobComplete", "V2Query", 2, 0) == (
        job["state"],
        job["jobType"],
        job["numberRecordsProcessed"],
        job["retries"],
    )
    assert "numberRecordsFailed" not in job and "contentUrl" not in job


def test_parents_are_columns_of_their_own(org):
    """Titles as describe spells them; a missing parent is empty."""
    parent = org.create("Account", Name="parent")
    org.create("Contact", LastName="A", AccountId=parent)
    org.create("Contact", LastName="B")

    job = ask(org, "SELECT LastName, account.name, Account.Owner.Name FROM Contact ORDER BY LastName")

    assert (
        '"LastName","Account.Name","Account.Owner.Name"\n"A","parent","Isthmus Integration"\n"B","",""\n'
        == page(org, job["id"]).text
    )


@pytest.mark.parametrize("size", [1, 3, 999, 1000, 1001, 2500, 3000])
def test_pages_hold_every_record_once(org, size):
    """By locator until it is `null`; rows that hold line endings are not cut; each page has the titles."""
    names = [f'{n} "x"\nyΩ' for n in range(2500)]
    load(org, "Name\n" + "".join('"' + name.replace('"', '""') + '"\n' for name in names))
    job = ask(org, "SELECT Name FROM Account ORDER BY Id")

    got, sizes, locator = [], [], ""
    while locator != "null" and len(sizes) < 30:
        answer = page(org, job["id"], maxRecords=size, **({"locator": locator} if locator else {}))
        found = [record["Name"] for record in rows(answer.content.decode())]
        sizes.append(int(answer.headers["Sforce-NumberOfRecords"]))
        assert len(found) == sizes[-1]
        got, locator = got + found, answer.headers["Sforce-Locator"]

    assert names[: len(got)] == got
    assert all(one == size for one in sizes[:-1])
    assert 2500 == len(got) or 30 == len(sizes)


def test_a_locator_gives_the_same_page_again(org):
    """It does not change; another's, or none of ours, is refused."""
    load(org, "Name\nA\nB\nC\n")
    job = ask(org, "SELECT Name FROM Account ORDER BY Id")
    locator = page(org, job["id"], maxRecords=1).headers["Sforce-Locator"]

    once, twice = (page(org, job["id"], maxRecords=1, locator=locator) for _ in range(2))
    wrong = [page(org, job["id"], locator=text) for text in ("x", "OTk5", "!!")]

    assert once.text == twice.text == '"Name"\n"B"\n'
    assert [(400, "INVALID_QUERY_LOCATOR")] * 3 == [codes(answer) for answer in wrong]
    assert 400 == page(org, job["id"], maxRecords="many").status_code


def test_result_pages_are_fetched_side_by_side(org):
    """Up to five addresses in one answer, and where the next ones are."""
    load(org, "Name\n" + "".join(f"{n}\n" for n in range(12)))
    org.control("POST", "settings", {"bulkQueryPageRecords": 2})
    job = ask(org, "SELECT Name FROM Account ORDER BY Id")

    first = org.rest("GET", f"jobs/query/{job['id']}/resultPages").json()
    second = org.http.get(org.url + first["nextRecordsUrl"]).json()

    urls = [each["resultUrl"] for each in first["resultPages"] + second["resultPages"]]
    assert (False, 5, True, 1, None) == (
        first["done"],
        len(first["resultPages"]),
        second["done"],
        len(second["resultPages"]),
        second["nextRecordsUrl"],
    )
    found = [record["Name"] for url in urls for record in rows(org.http.get(org.url + url).text)]
    assert [str(n) for n in range(12)] == found


def test_an_empty_answer_has_its_titles(org):
    """And no record."""
    job = ask(org, "SELECT Id, Name FROM Account")

    answer = page(org, job["id"])

    assert '"Id","Name"\n' == answer.text
    assert ("null", "0") == (answer.headers["Sforce-Locator"], answer.headers["Sforce-NumberOfRecords"])


def test_query_all_sees_the_recycle_bin(org):
    """A query does not."""
    org.rest("DELETE", f"sobjects/Account/{org.create('Account', Name='gone')}")
    org.create("Account", Name="here")

    living, every = (ask(org, "SELECT Name, IsDeleted FROM Account ORDER BY Name", op) for op in ("query", "queryAll"))

    assert ["here"] == [record["Name"] for record in rows(page(org, living["id"]).text)]
    assert [("gone", "true"), ("here", "false")] == [
        (record["Name"], record["IsDeleted"]) for record in rows(page(org, every["id"]).text)
    ]


def test_the_answer_is_of_one_moment(org):
    """What changes while the job is in progress is not in it, neither in records nor in their parents."""
    parent = org.create("Account", Name="before")
    org.create("Contact", LastName="C", AccountId=parent)
    org.control("POST", "settings", {"bulkSecondsInProgress": 60})
    job_id = create(org, "SELECT LastName, Account.Name FROM Contact").json()["id"]

    org.rest("PATCH", f"sobjects/Account/{parent}", {"Name": "after"})
    org.create("Contact", LastName="late")
    org.control("POST", "clock", {"move_seconds": 61})
    wait(org, job_id, "query")

    assert [{"LastName": "C", "Account.Name": "before"}] == rows(page(org, job_id).text)


@pytest.mark.parametrize(
    "text, code",
    [
        ("SELECT COUNT() FROM Account", "API_ERROR"),
        ("SELECT COUNT(Id) FROM Account", "API_ERROR"),
        ("SELECT Name FROM Account GROUP BY Name", "API_ERROR"),
        ("SELECT Id FROM Account LIMIT 5 OFFSET 5", "API_ERROR"),
        ("SELECT TYPEOF Owner WHEN User THEN Name END FROM Account", "API_ERROR"),
        ("SELECT Id, (SELECT Id FROM Contacts) FROM Account", "API_ERROR"),
        ("SELECT FIELDS(ALL) FROM Account LIMIT 200", "API_ERROR"),
        ("SELECT BillingAddress FROM Account", "FUNCTIONALITY_NOT_ENABLED"),
        ("SELECT Nope FROM Account", "INVALID_FIELD"),
        ("SELECT Id FROM Account WHERE Nope = 1", "INVALID_FIELD"),
        ("SELECT Id FROM Nope", "INVALIDENTITY"),
        ("SELECT", "MALFORMED_QUERY"),
        ("", "INVALIDJOB"),
    ],
)
def test_what_the_bulk_api_cannot_ask_is_refused(org, text, code):
    """At once, with 400; no job is made."""
    refused = create(org, text)

    assert (400, code) == codes(refused)
    assert [] == org.rest("GET", "jobs/query").json()["records"]


def test_results_are_read_with_the_jobs_own_version(org):
    """Another API version is a conflict, for the results as for their pages."""
    job = ask(org, "SELECT Id FROM Account")
    root = f"{org.url}/services/data/v60.0/jobs/query/{job['id']}"

    answers = [org.http.get(f"{root}/{part}") for part in ("results", "resultPages")]

    assert "v67.0" == VERSION
    assert [409, 409] == [answer.status_code for answer in answers]
    assert 200 == org.http.get(root).status_code


def test_jobs_are_aborted_and_deleted(org):
    """Only what has not ended is aborted, only what has ended is deleted; results only of what is complete."""
    org.control("POST", "settings", {"bulkSecondsQueued": 60})
    waiting = create(org, "SELECT Id FROM Account").json()["id"]

    early = [org.rest("DELETE", f"jobs/query/{waiting}"), page(org, waiting)]
    aborted = patch(org, waiting, "Aborted", "query")
    late = [patch(org, waiting, "Aborted", "query"), page(org, waiting)]
    deleted = org.rest("DELETE", f"jobs/query/{waiting}")

    assert [(400, "INVALIDJOBSTATE")] * 4 == [codes(answer) for answer in early + late]
    assert (200, "Aborted") == (aborted.status_code, aborted.json()["state"])
    assert (204, b"") == (deleted.status_code, deleted.content)
    assert (404, "NOT_FOUND") == codes(org.rest("GET", f"jobs/query/{waiting}"))


def test_the_days_allocation_of_jobs(org):
    """The job beyond it is refused; GET /limits tells what is left."""
    org.control("POST", "settings", {"bulkQueryJobsADay": 1})

    first, second = (create(org, "SELECT Id FROM Account") for _ in range(2))

    assert 200 == first.status_code
    assert (400, "LIMIT_EXCEEDED") == codes(second)
    assert {"Max": 1, "Remaining": 0} == org.rest("GET", "limits").json()["DailyBulkV2QueryJobs"]


def test_a_query_job_is_no_ingest_job(org):
    """Each road knows its own."""
    job = ask(org, "SELECT Id FROM Account")

    assert (404, "NOT_FOUND") == codes(org.rest("GET", f"jobs/ingest/{job['id']}"))


@pytest.mark.parametrize("delimiter, mark", [("TAB", "\t"), ("PIPE", "|"), ("BACKQUOTE", "`")])
def test_columns_and_lines_as_the_job_asks(org, delimiter, mark):
    """Other delimiters and line endings; pages are cut between records all the same."""
    load(org, "Name,Phone\nA,1\nB,2\n")
    job = ask(org, "SELECT Name, Phone FROM Account ORDER BY Id", columnDelimiter=delimiter, lineEnding="CRLF")

    second = page(org, job["id"], locator=page(org, job["id"], maxRecords=1).headers["Sforce-Locator"])

    assert f'"Name"{mark}"Phone"\r\n"B"{mark}"2"\r\n' == second.content.decode()


def test_faults_strike_bulk_calls_too(org):
    """An ordered 503 on results, then the results."""
    load(org, "Name\nA\n")
    job = ask(org, "SELECT Name FROM Account")
    org.control("POST", "faults", {"match": "/results", "status": 503, "times": 1})

    answers = [page(org, job["id"]) for _ in range(2)]

    assert [503, 200] == [answer.status_code for answer in answers]


def test_a_query_shows_what_its_user_may_see(org):
    """A hidden field is no column, a record that is not shared is not among the rows."""
    user = "integration@standin.test"
    hidden = org.create("Account", Name="hidden")
    org.create("Account", Name="shown")
    org.control("POST", "access", {"username": user, "object": "Account", "hidden": ["Fax"]})
    org.control("POST", "access", {"username": user, "records": [hidden]})

    refused = create(org, "SELECT Fax FROM Account")
    job = ask(org, "SELECT Name FROM Account")

    assert (400, "INVALID_FIELD") == codes(refused)
    assert '"Name"\n"shown"\n' == page(org, job["id"]).text


def test_results_that_break_off_are_fetched_again(org):
    """The client gets what was sent and hears that it is not all; the same locator then gives the whole page."""
    load(org, "Name\n" + "".join(f"{n:0100}\n" for n in range(2000)))
    job = ask(org, "SELECT Name FROM Account ORDER BY Id")
    org.control("POST", "faults", {"match": "/results", "drop_in_body": 100_000, "times": 1})

    broken = org.rest("GET", f"jobs/query/{job['id']}/results", stream=True)
    got = b""
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        for piece in broken.iter_content(1000):
            got += piece
    whole = page(org, job["id"]).content

    assert 90_000 < len(got) <= 100_000 < len(whole) == int(broken.headers["Content-Length"])
    assert whole.startswith(got)
