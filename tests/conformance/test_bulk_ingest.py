"""Bulk API 2.0 ingest at the stand-in, to the letter."""

import json

import pytest

from tests.standin.bulk.driving import begin, create, load, patch, results, rows, upload, wait
from tests.standin.driving import ROOT, Receiver, fields_of

SAMPLES = ROOT.parent / "shared" / "samples" / "salesforce"
DELIMITERS = {"COMMA": ",", "TAB": "\t", "PIPE": "|", "SEMICOLON": ";", "CARET": "^", "BACKQUOTE": "`"}


@pytest.fixture
def an_object(org):
    """Adds an object for this test only."""

    def add(name, *fields, **more):
        org.control("POST", "objects", {"name": name, "fields": list(fields), **more})
        return name

    yield add
    org.control("POST", "reset", {"objects": True})


def keys(body):
    """Keys and JSON types."""
    return {name: type(value).__name__ for name, value in body.items()}


def codes(answer):
    return answer.status_code, answer.json()[0]["errorCode"]


def names(org):
    return [record["Name"] for record in org.query("SELECT Name FROM Account ORDER BY Id")]


@pytest.mark.skipif(not SAMPLES.exists(), reason="the recorded samples are not here")
def test_a_complete_job_has_the_recorded_keys(org):
    """Key by key, in Salesforce's own order and types."""
    recorded = json.loads((SAMPLES / "rest" / "bulk2_ingest_job_complete.json").read_bytes())

    job = load(org, "Name\nA\n")

    assert keys(recorded) == keys(job)
    assert list(recorded) == list(job)
    assert "JobComplete" == job["state"]


@pytest.mark.skipif(not SAMPLES.exists(), reason="the recorded samples are not here")
def test_an_upsert_answers_as_recorded(org, an_object):
    """The recorded upload gives the recorded results, but for the ids."""
    key = {"name": "customExtIdField__c", "externalId": True, "unique": True}
    name = an_object("Firm__c", key, {"name": "NumberOfEmployees", "type": "int"})
    data = (SAMPLES / "rest" / "bulk2_upsert_input.csv").read_text()
    recorded = (SAMPLES / "rest" / "bulk2_upsert_successfulResults.csv").read_text()

    job = load(org, data, "upsert", name, externalIdFieldName="customExtIdField__c")

    got = results(org, job["id"], "successfulResults")
    assert (12, 0) == (job["numberRecordsProcessed"], job["numberRecordsFailed"])
    assert [line[21:] for line in recorded.splitlines()] == [line[21:] for line in got.splitlines()]


@pytest.mark.skipif(not SAMPLES.exists(), reason="the recorded samples are not here")
@pytest.mark.parametrize("name, delimiter", [("", "COMMA"), ("_backquote", "BACKQUOTE")])
def test_a_clients_own_data_set_is_loaded(org, an_object, name, delimiter):
    """jsforce's accounts, with their embedded line endings, headers in capitals and other delimiters."""
    data = (SAMPLES / "datasets" / "jsforce" / f"Account_bulk2_test{name}.csv").read_text()
    columns = data.split("\n", 1)[0].split(DELIMITERS[delimiter])
    kinds = {"DESCRIPTION": "textarea", "ANNUALREVENUE": "currency", "NUMBEROFEMPLOYEES": "int"}
    fields = [{"name": each.title(), "type": kinds.get(each, "textarea")} for each in columns if each != "NAME"]

    job = load(org, data, name=an_object("Firm__c", *fields), columnDelimiter=delimiter)

    done = rows(results(org, job["id"], "successfulResults"), DELIMITERS[delimiter])
    assert ("JobComplete", 0) == (job["state"], job["numberRecordsFailed"]), results(org, job["id"], "failedResults")
    assert job["numberRecordsProcessed"] == len(done) == len(org.query("SELECT Id FROM Firm__c"))
    assert {True} == {each["sf__Created"] == "true" for each in done}


def test_a_new_job_says_where_its_data_go(org):
    """State Open, a contentUrl without a leading slash, the defaults of the format."""
    job = create(org, "upsert", externalIdFieldName="external_id__c")

    assert f"services/data/v67.0/jobs/ingest/{job['id']}/batches" == job["contentUrl"]
    assert ("Open", "LF", "COMMA", 67.0) == tuple(
        job[name] for name in ("state", "lineEnding", "columnDelimiter", "apiVersion")
    )
    assert "External_Id__c" == job["externalIdFieldName"]
    assert job["id"].startswith("750") and 18 == len(job["id"])


def test_data_are_uploaded_once(org):
    """201 and no body; a second PUT is refused, and so is one after the job was closed."""
    job_id = create(org)["id"]

    first, second = upload(org, job_id, "Name\nA\n"), upload(org, job_id, "Name\nB\n")
    patch(org, job_id, "UploadComplete")
    late = upload(org, job_id, "Name\nC\n")
    wait(org, job_id)

    assert (201, b"") == (first.status_code, first.content)
    assert 400 == second.status_code and "Found multiple contents" in second.json()[0]["message"]
    assert (400, "INVALIDJOBSTATE") == codes(late)
    assert ["A"] == names(org)


def test_uploads_have_a_limit_and_a_type(org):
    """Too many bytes and another content type are refused; the job stays open for a better try."""
    org.control("POST", "settings", {"bulkMaxUploadBytes": 10})
    job_id = create(org)["id"]
    url = f"{org.url}/services/data/v67.0/jobs/ingest/{job_id}/batches"

    large = upload(org, job_id, "Name\n12345678\n")
    wrong = org.http.put(url, data=b"Name\n", headers={"Content-Type": "application/json"})
    right = upload(org, job_id, "Name\nA\n")

    assert [413, 415, 201] == [answer.status_code for answer in (large, wrong, right)]


@pytest.mark.parametrize("delimiter", DELIMITERS)
@pytest.mark.parametrize("ending", ["LF", "CRLF"])
def test_every_delimiter_and_line_ending(org, delimiter, ending):
    """Quotes, delimiters and line endings inside of quotes are the value's own."""
    mark, end = DELIMITERS[delimiter], {"LF": "\n", "CRLF": "\r\n"}[ending]
    data = end.join([f"Name{mark}Description", f'"a{mark}""b"""{mark}"one{end}two"', f"Ω 가{mark} x ", ""])

    job = load(org, data, columnDelimiter=delimiter, lineEnding=ending)

    done = results(org, job["id"], "successfulResults")
    stored = org.query("SELECT Name, Description FROM Account ORDER BY Id")
    assert [f'a{mark}"b"', "Ω 가"] == [record["Name"] for record in stored]
    assert [f"one{end}two", "x"] == [record["Description"] for record in stored]
    assert done.startswith(f'"sf__Id"{mark}"sf__Created"{mark}Name{mark}Description{end}') and done.endswith(
        f'" x "{end}'
    )


def test_the_wrong_line_ending_fails_the_job(org):
    """The job says so in Salesforce's words, and every record is unprocessed."""
    job = load(org, "Name\r\nA\r\n")

    message = "ClientInputError : LineEnding is invalid on user data. Current LineEnding setting is LF"
    assert ("Failed", message) == (job["state"], job["errorMessage"])
    assert [] == names(org)


@pytest.mark.parametrize(
    "data, message",
    [
        ("Name,Nope\nA,1\n", "InvalidBatch : Field name not found : Nope"),
        ("Name,Nope.External_Id__c\nA,1\n", "InvalidBatch : Field name not found : Nope.External_Id__c"),
        ("Name,Parent.Phone\nA,1\n", "InvalidBatch : Field name not found : Parent.Phone"),
        ("Name,name\nA,1\n", "InvalidBatch : Field name duplicated : name"),
    ],
)
def test_an_unknown_header_fails_the_job(org, data, message):
    """No record is processed; all stand in the unprocessed records."""
    job = load(org, data)

    assert ("Failed", message, 0) == (job["state"], job["errorMessage"], job["numberRecordsProcessed"])
    unprocessed = results(org, job["id"], "unprocessedrecords")
    assert [data.splitlines()[0], 'A","1"'] == [line.removeprefix('"') for line in unprocessed.splitlines()]


def test_keys_must_be_among_the_columns(org):
    """An update without Id, an upsert without its external id: the job fails."""
    update = load(org, "Name\nA\n", "update")
    upsert = load(org, "Name\nA\n", "upsert", externalIdFieldName="External_Id__c")

    assert "InvalidBatch : Field name not found : Id" == update["errorMessage"]
    assert "InvalidBatch : Field name not found : External_Id__c" == upsert["errorMessage"]


def test_each_record_fails_alone(org):
    """`CODE:message:FIELDS --`; the others are stored; failed ones count as processed."""
    org.create("Account", Name="known", External_Id__c="K")
    lines = ["Name,External_Id__c,NumberOfEmployees", "A,1,5", ",2,5", "B,3,many", "C,k,5", "D,4,5"]

    job = load(org, "\n".join(lines) + "\n")

    failed = rows(results(org, job["id"], "failedResults"))
    assert ("JobComplete", 5, 3) == (job["state"], job["numberRecordsProcessed"], job["numberRecordsFailed"])
    assert ["sf__Id", "sf__Error", "Name", "External_Id__c", "NumberOfEmployees"] == list(failed[0])
    assert "REQUIRED_FIELD_MISSING:Required fields are missing: [Name]:Name --" == failed[0]["sf__Error"]
    wanted = "INVALID_TYPE_ON_FIELD_IN_RECORD:Employees: value not of required type: many:NumberOfEmployees --"
    assert wanted == failed[1]["sf__Error"]
    assert failed[2]["sf__Error"].startswith("DUPLICATE_VALUE:") and failed[2]["sf__Error"].endswith(":--")
    assert ["known", "A", "D"] == names(org)


def test_empty_is_ignored_and_na_is_null(org):
    """An empty value leaves the field alone, #N/A empties it, also that of a parent."""
    parent = org.create("Account", Name="parent", External_Id__c="P")
    child = org.create("Account", Name="child", Phone="1", Fax="2", ParentId=parent)

    kept = load(org, f"Id,Phone,Fax,Parent.External_Id__c\n{child},,3,\n", "update")
    before = org.get("Account", child)
    emptied = load(org, f"Id,Phone,Fax,Parent.External_Id__c\n{child},#N/A,,#N/A\n", "update")

    after = org.get("Account", child)
    assert [0, 0] == [job["numberRecordsFailed"] for job in (kept, emptied)]
    assert ("1", "3", parent) == (before["Phone"], before["Fax"], before["ParentId"])
    assert (None, "3", None) == (after["Phone"], after["Fax"], after["ParentId"])


def test_parents_are_found_by_their_keys(org):
    """`Relationship.Key`, in any case; a parent that is not there fails its record."""
    account = org.create("Account", Name="parent", External_Id__c="P")

    job = load(org, "LastName,account.external_id__c\nA,p\nB,nobody\n", name="Contact")

    failed = rows(results(org, job["id"], "failedResults"))
    assert [account] == [record["AccountId"] for record in org.query("SELECT AccountId FROM Contact")]
    assert ["B"] == [record["LastName"] for record in failed]
    assert failed[0]["sf__Error"].startswith("INVALID_FIELD:Foreign key external ID: nobody not found")


def test_a_polymorphic_parent_names_its_type(org, an_object):
    """`Lead:Who.External_Id__c` says where to look; without the type the header is unknown."""
    who = {"name": "WhoId", "type": "reference", "referenceTo": ["Contact", "Lead"]}
    an_object("Task", {"name": "Subject"}, who, keyPrefix="00T", nameField=False)
    lead = org.create("Lead", LastName="L", Company="C", External_Id__c="L1")

    job = load(org, "Subject,Lead:Who.External_Id__c\ncall,L1\n", name="Task")
    untyped = load(org, "Subject,Who.External_Id__c\ncall,L1\n", name="Task")

    assert ("JobComplete", 0) == (job["state"], job["numberRecordsFailed"]), results(org, job["id"], "failedResults")
    assert [lead] == [record["WhoId"] for record in org.query("SELECT WhoId FROM Task")]
    assert "InvalidBatch : Field name not found : Who.External_Id__c" == untyped["errorMessage"]


def test_upserts_by_external_id_and_by_id(org):
    """Created or not is said of each; an empty Id creates; the same key twice refuses both."""
    known = org.create("Account", Name="old", External_Id__c="E1")

    by_key = load(
        org, "External_Id__c,Name\ne1,new\nE2,b\nE3,c\nE3,d\n,e\n", "upsert", externalIdFieldName="External_Id__c"
    )
    by_id = load(org, f"Id,Name\n{known},newer\n,f\n", "upsert", externalIdFieldName="Id")

    done = rows(results(org, by_key["id"], "successfulResults"))
    failed = [record["sf__Error"] for record in rows(results(org, by_key["id"], "failedResults"))]
    assert [(known, "false"), (done[1]["sf__Id"], "true")] == [(r["sf__Id"], r["sf__Created"]) for r in done]
    assert ["DUPLICATE_VALUE", "DUPLICATE_VALUE", "MISSING_ARGUMENT"] == [error.split(":")[0] for error in failed]
    assert ["false", "true"] == [r["sf__Created"] for r in rows(results(org, by_id["id"], "successfulResults"))]
    assert ["newer", "b", "f"] == names(org)


def test_deletes_and_hard_deletes(org):
    """A delete goes to the recycle bin, a hard delete leaves nothing; a bad id fails with its row."""
    soft, hard = org.create("Account", Name="soft"), org.create("Account", Name="hard")

    deleted = load(org, f"Id\n{soft}\n001Sb0000999999IAA\n", "delete")
    purged = load(org, f"Id\n{hard}\n", "hardDelete")

    left = org.rest("GET", "queryAll", params={"q": "SELECT Id, IsDeleted FROM Account"}).json()["records"]
    failed = rows(results(org, deleted["id"], "failedResults"))
    assert [(soft, True)] == [(record["Id"], record["IsDeleted"]) for record in left]
    assert "INVALID_CROSS_REFERENCE_KEY:invalid cross reference id:--" == failed[0]["sf__Error"]
    assert "001Sb0000999999IAA" == failed[0]["sf__Id"]
    assert 0 == purged["numberRecordsFailed"]
    assert 404 == org.rest("GET", f"sobjects/Account/{hard}").status_code


def test_hard_delete_needs_its_permission(org):
    """Without it the job is not even created."""
    org.control("POST", "settings", {"bulkHardDelete": False})

    refused = org.rest("POST", "jobs/ingest", {"object": "Account", "operation": "hardDelete"})

    assert (400, "FEATURENOTENABLED") == codes(refused)


@pytest.mark.parametrize(
    "body, code",
    [
        ({"operation": "insert"}, "INVALIDENTITY"),
        ({"operation": "insert", "object": "Nope"}, "INVALIDENTITY"),
        ({"operation": "merge", "object": "Account"}, "INVALIDOPERATION"),
        ({"operation": "upsert", "object": "Account"}, "INVALIDJOB"),
        ({"operation": "upsert", "object": "Account", "externalIdFieldName": "Phone"}, "INVALIDJOB"),
        ({"operation": "insert", "object": "Account", "columnDelimiter": "SPACE"}, "INVALIDJOB"),
        ({"operation": "insert", "object": "Account", "contentType": "XML"}, "INVALIDJOB"),
    ],
)
def test_wrong_jobs_are_not_created(org, body, code):
    """400, and no job in the list."""
    refused = org.rest("POST", "jobs/ingest", body)

    assert (400, code) == codes(refused)
    assert [] == org.rest("GET", "jobs/ingest").json()["records"]


def test_a_small_job_comes_in_one_request(org):
    """A multipart body holds job and data; no upload and no closing follow."""
    parts = {
        "job": (None, '{"object":"Account","operation":"insert"}', "application/json"),
        "content": ("content", "Name\nA\nB\n", "text/csv"),
    }

    answer = org.http.post(f"{org.url}/services/data/v67.0/jobs/ingest", files=parts)

    assert (200, "UploadComplete") == (answer.status_code, answer.json()["state"])
    assert 2 == wait(org, answer.json()["id"])["numberRecordsProcessed"]
    assert ["A", "B"] == names(org)


def test_states_take_their_time(org):
    """UploadComplete, InProgress, JobComplete, on the clock that tests move; nothing is stored before its time."""
    org.control("POST", "settings", {"bulkSecondsQueued": 60, "bulkSecondsInProgress": 60})
    job_id = begin(org, "Name\nA\n")
    seen = [org.rest("GET", f"jobs/ingest/{job_id}").json()["state"]]
    early = org.rest("GET", f"jobs/ingest/{job_id}/successfulResults")

    org.control("POST", "clock", {"move_seconds": 61})
    seen.append(org.rest("GET", f"jobs/ingest/{job_id}").json()["state"])
    stored = names(org)
    org.control("POST", "clock", {"move_seconds": 61})
    seen.append(wait(org, job_id)["state"])

    assert ["UploadComplete", "InProgress", "JobComplete"] == seen
    assert (400, "INVALIDJOBSTATE") == codes(early)
    assert [] == stored and ["A"] == names(org)


def test_jobs_are_aborted_until_they_are_done(org):
    """Open, waiting or in progress; what was not done is unprocessed; an ended job is left alone."""
    org.control("POST", "settings", {"bulkSecondsInProgress": 60})
    opened, running = create(org)["id"], begin(org, "Name\nA\n")

    aborted = [patch(org, job_id, "Aborted") for job_id in (opened, running)]
    again, closed = patch(org, running, "Aborted"), patch(org, running, "UploadComplete")

    assert [(200, "Aborted")] * 2 == [(answer.status_code, answer.json()["state"]) for answer in aborted]
    assert ["A"] == [record["Name"] for record in rows(results(org, running, "unprocessedrecords"))]
    assert (400, "INVALIDJOBSTATE") == codes(again) == codes(closed)
    assert "Aborting already Completed Job not allowed" == again.json()[0]["message"]
    assert [] == names(org)


def test_a_failure_to_order_leaves_records_unprocessed(org):
    """The records before it are done, the others can be fetched to be tried again."""
    org.control("POST", "settings", {"bulkFailAfterRecords": 3, "bulkFailMessage": "InternalServerError : to order"})

    job = load(org, "Name\n" + "".join(f"{n}\n" for n in range(5)))

    assert ("Failed", "InternalServerError : to order", 3) == (
        job["state"],
        job["errorMessage"],
        job["numberRecordsProcessed"],
    )
    assert ["0", "1", "2"] == names(org)
    assert 'Name\n"3"\n"4"\n' == results(org, job["id"], "unprocessedrecords")
    assert 3 == len(rows(results(org, job["id"], "successfulResults")))


def test_a_broken_row_ends_the_job(org):
    """A quote or a row that cannot be read fails the job at its place."""
    quote = load(org, 'Name,Phone\nA,1\n"B"x,2\nC,3\n')
    width = load(org, "Name,Phone\nD,1\nE,2,3\nF,4\n")
    binary = load(org, b"Name\nG\n\xff\n")

    assert [("Failed", 1)] * 2 == [(job["state"], job["numberRecordsProcessed"]) for job in (quote, width)]
    assert "unescaped quote" in quote["errorMessage"] and "has 3 values" in width["errorMessage"]
    assert "Failed" == binary["state"] and "not UTF-8" in binary["errorMessage"]


def test_a_job_without_data_has_nothing_to_do(org):
    """Closed before any upload, or with a header alone: complete, no records, results without titles or with them."""
    empty = create(org)["id"]
    patch(org, empty, "UploadComplete")

    bare, titled = wait(org, empty), load(org, "Name\n")

    assert [("JobComplete", 0)] * 2 == [(job["state"], job["numberRecordsProcessed"]) for job in (bare, titled)]
    assert '"sf__Id","sf__Error",Name\n' == results(org, titled["id"], "failedResults")
    assert results(org, empty, "failedResults").startswith('"sf__Id","sf__Error"')


def test_deleted_jobs_are_gone(org):
    """204, then 404 everywhere; an open job cannot be deleted."""
    job_id, opened = load(org, "Name\nA\n")["id"], create(org)["id"]

    gone, kept = org.rest("DELETE", f"jobs/ingest/{job_id}"), org.rest("DELETE", f"jobs/ingest/{opened}")

    assert (204, b"") == (gone.status_code, gone.content)
    assert (400, "INVALIDJOBSTATE") == codes(kept)
    for path in ("", "/successfulResults", "/failedResults", "/unprocessedrecords"):
        assert (404, "NOT_FOUND") == codes(org.rest("GET", f"jobs/ingest/{job_id}{path}"))


def test_jobs_are_listed_and_forgotten(org):
    """All jobs of the road; after a day an open job is aborted, after seven more an ended one is gone."""
    opened, ended = create(org)["id"], load(org, "Name\nA\n")["id"]

    listed = org.rest("GET", "jobs/ingest").json()
    classic = org.rest("GET", "jobs/ingest?jobType=Classic").json()
    org.control("POST", "clock", {"move_seconds": 90_000})
    day_later = org.rest("GET", f"jobs/ingest/{opened}").json()["state"]
    org.control("POST", "clock", {"move_seconds": 6 * 86_400})
    week_later = org.rest("GET", "jobs/ingest").json()["records"]

    assert (True, None) == (listed["done"], listed["nextRecordsUrl"])
    assert [opened, ended] == [job["id"] for job in listed["records"]]
    assert [] == classic["records"]
    assert "Aborted" == day_later
    assert [opened] == [job["id"] for job in week_later]


def test_the_days_allocation_ends_jobs(org):
    """A batch beyond the allocation fails the job; GET /limits tells what is left."""
    org.control("POST", "settings", {"bulkBatchesADay": 1})

    first, second = load(org, "Name\nA\n"), load(org, "Name\nB\n")

    assert "JobComplete" == first["state"]
    assert "Failed" == second["state"] and second["errorMessage"].startswith("ExceededQuota : ")
    assert {"Max": 1, "Remaining": 0} == org.rest("GET", "limits").json()["DailyBulkApiBatches"]


def test_each_call_is_one_api_call(org):
    """However many records: create, upload, close, look, fetch."""
    org.control("DELETE", "calls")

    job_id = load(org, "Name\n" + "A\n" * 1000)["id"]
    results(org, job_id, "successfulResults")

    summary = org.control("GET", "calls/summary")
    counts = {(each["method"], each["resource"]): each["calls"] for each in summary["resources"]}
    assert 1 == counts["POST", "jobs/ingest"] == counts["PUT", "jobs/ingest/{id}/batches"]
    assert 1 == counts["PATCH", "jobs/ingest/{id}"] == counts["GET", "jobs/ingest/{id}/successfulResults"]
    assert sum(counts.values()) == summary["apiCalls"]


def test_loaded_records_send_outbound_messages(org):
    """A bulk load is seen by workflow like every other write."""
    receiver = Receiver()
    try:
        org.define_outbound(receiver, ["Name"])
        load(org, "Name\nA\n")

        (notification,) = receiver.notifications()
    finally:
        receiver.close()

    assert "A" == fields_of(notification)["Name"]


def test_a_load_keeps_to_what_its_user_may(org):
    """A hidden field is no header, a read-only one fails its records, a record that is not shared is not there."""
    user = "integration@standin.test"
    hidden = org.create("Account", Name="hidden")
    org.control("POST", "access", {"username": user, "object": "Account", "hidden": ["Fax"], "readOnly": ["Phone"]})
    org.control("POST", "access", {"username": user, "records": [hidden]})

    unknown = load(org, "Name,Fax\nA,1\n")
    read_only = load(org, "Name,Phone\nA,1\n")
    update = load(org, f"Id,Name\n{hidden},changed\n", "update")

    failed = [rows(results(org, job["id"], "failedResults"))[0]["sf__Error"] for job in (read_only, update)]
    assert "InvalidBatch : Field name not found : Fax" == unknown["errorMessage"]
    assert ["INVALID_FIELD_FOR_INSERT_UPDATE", "INVALID_CROSS_REFERENCE_KEY"] == [text.split(":")[0] for text in failed]


def test_change_events_name_the_bulk_api(org, pubsub):
    """`changeOrigin` has the channel and the client that made the job; a hard delete tells nobody."""
    call = {"Sforce-Call-Options": "client=loader"}
    body = {"object": "Account", "operation": "insert"}
    with pubsub.subscribe("/data/AccountChangeEvent", preset="EARLIEST") as accounts:
        job_id = org.rest("POST", "jobs/ingest", body, headers=call).json()["id"]
        upload(org, job_id, "Name\nA\nB\n")
        patch(org, job_id, "UploadComplete")
        wait(org, job_id)
        made = [event["ChangeEventHeader"] for event in accounts.events(2)]
        load(org, f"Id\n{made[0]['recordIds'][0]}\n", "hardDelete")
        load(org, f"Id\n{made[1]['recordIds'][0]}\n", "delete")
        (after,) = accounts.events(1)

    origins = {header["changeOrigin"] for header in made}
    assert {"com/salesforce/api/bulkapi/67.0;client=loader"} == origins
    assert ("DELETE", made[1]["recordIds"]) == (
        after["ChangeEventHeader"]["changeType"],
        after["ChangeEventHeader"]["recordIds"],
    )
