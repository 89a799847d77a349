"""Drives bulk jobs from tests, by plain HTTP."""

import csv
import io
import time
from pathlib import Path
from typing import Any

import requests

from tests.standin.bulk.jobs import ENDED
from tests.standin.driving import VERSION, Standin

Json = dict[str, Any]
WAIT_SECONDS = 60


def create(org: Standin, operation: str = "insert", name: str = "Account", **more: Any) -> Json:
    """A new ingest job; it must be accepted."""
    answer = org.rest("POST", "jobs/ingest", {"object": name, "operation": operation, **more})
    answer.raise_for_status()
    return dict(answer.json())


def upload(org: Standin, job_id: str, data: str | bytes) -> requests.Response:
    url = f"{org.url}/services/data/{VERSION}/jobs/ingest/{job_id}/batches"
    body = data.encode() if isinstance(data, str) else data
    return org.http.put(url, data=body, headers={"Content-Type": "text/csv"})


def patch(org: Standin, job_id: str, state: str, road: str = "ingest") -> requests.Response:
    return org.rest("PATCH", f"jobs/{road}/{job_id}", {"state": state})


def begin(org: Standin, data: str | bytes, operation: str = "insert", name: str = "Account", **more: Any) -> str:
    """A job with its data, closed; returns its id."""
    job_id = str(create(org, operation, name, **more)["id"])
    assert upload(org, job_id, data).status_code == 201
    assert patch(org, job_id, "UploadComplete").status_code == 200
    return job_id


def wait(org: Standin, job_id: str, road: str = "ingest") -> Json:
    """The job once it has ended."""
    deadline = time.monotonic() + WAIT_SECONDS
    while True:
        job = org.rest("GET", f"jobs/{road}/{job_id}").json()
        if job["state"] in ENDED:
            return dict(job)
        if time.monotonic() > deadline:
            raise TimeoutError(f"the job is still {job['state']}")


def load(org: Standin, data: str | bytes, operation: str = "insert", name: str = "Account", **more: Any) -> Json:
    """An ingest job from its creation to its end."""
    return wait(org, begin(org, data, operation, name, **more))


def results(org: Standin, job_id: str, part: str) -> str:
    """successfulResults, failedResults or unprocessedrecords, as it came."""
    answer = org.rest("GET", f"jobs/ingest/{job_id}/{part}/")
    answer.raise_for_status()
    return answer.content.decode()


def rows(text: str, delimiter: str = ",") -> list[Json]:
    return list(csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter))


def ask(org: Standin, text: str, operation: str = "query", **more: Any) -> Json:
    """A query job from its creation to its end."""
    answer = org.rest("POST", "jobs/query", {"operation": operation, "query": text, **more})
    answer.raise_for_status()
    return wait(org, answer.json()["id"], "query")


def peak_bytes(org: Standin) -> int:
    """The greatest memory that the process has had since the last `reset_peak`. Linux only."""
    status = Path(f"/proc/{org.pid}/status").read_text(encoding="ascii")
    return 1024 * int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1])


def reset_peak(org: Standin) -> None:
    Path(f"/proc/{org.pid}/clear_refs").write_text("5", encoding="ascii")


def page(org: Standin, job_id: str, **parameters: Any) -> requests.Response:
    """A page of a query job's results."""
    return org.rest("GET", f"jobs/query/{job_id}/results", params=parameters)
