"""Bulk jobs survive the process that runs them, and leave it to others while they run."""

import signal
import time
from pathlib import Path

import pytest

from tests.standin.bulk.driving import (
    ask,
    begin,
    create,
    load,
    page,
    patch,
    peak_bytes,
    reset_peak,
    results,
    rows,
    upload,
    wait,
)
from tests.standin.driving import Standin

MANY = 10_000  #: rows: enough that a process can be killed in their midst


def started(tmp_path):
    org = Standin("--data", tmp_path)
    org.sign_in()
    return org


def many(count=MANY):
    lines = (f"{n},{'' if n % 10 == 3 else f'name {n}'}\n" for n in range(count))
    return "External_Id__c,Name\n" + "".join(lines)


def until_processed(org, job_id, count):
    deadline = time.monotonic() + 30
    while (job := org.rest("GET", f"jobs/ingest/{job_id}").json())["numberRecordsProcessed"] < count:
        assert time.monotonic() < deadline and job["state"] in ("UploadComplete", "InProgress"), job
    return job


def test_a_killed_job_goes_on_and_does_no_record_twice(tmp_path):
    """Every record is done once and stands in one of the results once, whatever the kill tore apart."""
    first = started(tmp_path)
    job_id = begin(first, many())
    until_processed(first, job_id, 2_000)
    first.stop(signal.SIGKILL)
    for part in ("successes", "failures"):
        with (tmp_path / "bulk" / f"{job_id}.{part}.csv").open("ab") as file:
            file.write(b'"torn","by a kill')

    with started(tmp_path) as second:
        job = wait(second, job_id)
        done, failed = (rows(results(second, job_id, part)) for part in ("successfulResults", "failedResults"))
        answer = ask(second, "SELECT Id, External_Id__c FROM Account")
        stored = rows(page(second, answer["id"]).text)

    assert ("JobComplete", MANY, MANY // 10) == (
        job["state"],
        job["numberRecordsProcessed"],
        job["numberRecordsFailed"],
    )
    assert list(map(str, range(MANY))) == sorted((record["External_Id__c"] for record in done + failed), key=int)
    assert {record["sf__Id"]: record["External_Id__c"] for record in done} == {
        record["Id"]: record["External_Id__c"] for record in stored
    }


def test_jobs_and_results_come_back(tmp_path):
    """What had ended keeps its results; an open job still takes its data; a waiting query runs."""
    first = started(tmp_path)
    ended = load(first, "Name,Phone\nA,1\n,2\n")["id"]
    answer = ask(first, "SELECT Name FROM Account")["id"]
    opened = create(first)["id"]
    gone = load(first, "Name\nB\n")["id"]
    first.rest("DELETE", f"jobs/ingest/{gone}")
    first.control("POST", "settings", {"bulkSecondsQueued": 60})
    waiting = first.rest("POST", "jobs/query", {"operation": "query", "query": "SELECT Name FROM Account"}).json()["id"]
    before = [first.rest("GET", f"jobs/{path}").json() for path in (f"ingest/{ended}", f"query/{answer}")]
    first.stop(signal.SIGKILL)

    with started(tmp_path) as second:
        after = [second.rest("GET", f"jobs/{path}").json() for path in (f"ingest/{ended}", f"query/{answer}")]
        texts = [results(second, ended, part) for part in ("successfulResults", "failedResults")]
        second.control("POST", "settings", {"bulkSecondsQueued": 0})
        late = upload(second, opened, "Name\nC\n").status_code
        wait(second, waiting, "query")
        found = [page(second, job_id).text for job_id in (answer, waiting)]
        lost = second.rest("GET", f"jobs/ingest/{gone}").status_code
        fresh = create(second)["id"]

    assert before == after
    assert ['"A","1"', '"","2"'] == [text.splitlines()[1].split(",", 2)[2] for text in texts]
    assert (201, 404) == (late, lost)
    assert ['"Name"\n"A"\n', '"Name"\n"A"\n"B"\n'] == found
    assert fresh > waiting


def test_hard_deletes_stay_deleted(tmp_path):
    """What is gone for good does not come back with the journal."""
    first = started(tmp_path)
    record_id = first.create("Account", Name="gone")
    load(first, f"Id\n{record_id}\n", "hardDelete")
    first.stop(signal.SIGKILL)

    with started(tmp_path) as second:
        status = second.rest("GET", f"sobjects/Account/{record_id}").status_code
        recreated = second.create("Account", Name="new")

    assert 404 == status
    assert recreated != record_id


def test_a_reset_forgets_jobs_and_files(tmp_path):
    """Also one that is under way."""
    with started(tmp_path) as org:
        load(org, "Name\nA\n")
        running = begin(org, many())

        org.control("POST", "reset")

        left = org.rest("GET", "jobs/ingest").json()["records"]
        status = org.rest("GET", f"jobs/ingest/{running}").status_code
        stored = org.query("SELECT Id FROM Account")

    assert ([], 404, []) == (left, status, stored)
    assert [] == list((tmp_path / "bulk").iterdir())


def test_other_calls_are_answered_while_a_job_runs(org):
    """A read and a write, each long before the job's end; the query sees what is there at its moment."""
    job_id = begin(org, many())

    until_processed(org, job_id, 400)
    record_id = org.create("Account", Name="between")
    seen = org.get("Account", record_id)["Name"]
    during = org.rest("GET", f"jobs/ingest/{job_id}").json()
    job = wait(org, job_id)

    assert "between" == seen
    assert "InProgress" == during["state"] and during["numberRecordsProcessed"] < MANY
    assert MANY == job["numberRecordsProcessed"]


def test_an_abort_stops_a_job_in_its_midst(org):
    """What was done stays, what was not is unprocessed; together they are all."""
    job_id = begin(org, many())
    until_processed(org, job_id, 400)

    org.rest("PATCH", f"jobs/ingest/{job_id}", {"state": "Aborted"})
    job = wait(org, job_id)

    parts = [rows(results(org, job_id, part)) for part in ("successfulResults", "failedResults", "unprocessedrecords")]
    found = [int(record["External_Id__c"]) for part in parts for record in part]
    assert "Aborted" == job["state"]
    assert list(range(MANY)) == sorted(found)
    stored = org.rest("GET", "query", params={"q": "SELECT COUNT() FROM Account"}).json()["totalSize"]
    assert len(parts[0]) == stored
    assert parts[2]


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="memory is read from Linux's /proc")
def test_uploads_and_pages_are_never_whole_in_memory(org):
    """The process does not grow by what it receives, nor by what it sends."""
    job_id = create(org)["id"]
    job = ask(org, "SELECT Id FROM Account")
    page(org, job["id"])
    data = "Name,Description\n" + "".join(f"{n},{'x' * 1500}\n" for n in range(MANY))
    reset_peak(org)
    before = peak_bytes(org)

    upload(org, job_id, data)
    received = peak_bytes(org) - before
    patch(org, job_id, "UploadComplete")
    wait(org, job_id)
    job = ask(org, "SELECT Id, Name, Description FROM Account")
    reset_peak(org)
    before = peak_bytes(org)
    answer = page(org, job["id"], maxRecords=MANY)
    sent = peak_bytes(org) - before

    assert len(data) > 15_000_000 and len(answer.content) > 15_000_000
    assert received < 4_000_000
    assert sent < 4_000_000
