"""Query jobs over HTTP: /jobs/query and all below it."""

import base64
import binascii
from dataclasses import asdict
from itertools import chain

from tests.standin.bulk import extract
from tests.standin.bulk.form import choice, delete, listing
from tests.standin.bulk.jobs import ABORTED, COMPLETE, ENDED, QUERY, RUNNING, UPLOADED, Job
from tests.standin.bulk.sheet import DELIMITERS, LINE_ENDINGS
from tests.standin.bulk.spool import OUTPUT, pieces
from tests.standin.errors import Refused, not_found
from tests.standin.org import Org
from tests.standin.web import Json, Reply, Request, Stream, wrong_method

RESULT_PAGES = 5  #: addresses in one answer


def answer(org: Org, request: Request, rest: list[str]) -> Reply:
    """Everything below /jobs/query; `rest` are the path's segments after it."""
    match rest:
        case []:
            request.resource = "jobs/query"
            return _create(org, request) if request.method == "POST" else listing(org, request, "query")
        case [job_id]:
            request.resource = "jobs/query/{id}"
            return _one(org, request, org.bulk.find(job_id, "query"))
        case [job_id, "results" | "resultPages" as part]:
            request.resource = f"jobs/query/{{id}}/{part}"
            job = org.bulk.find(job_id, "query")
            _may_read(request, job)
            return _results(org, request, job) if part == "results" else _result_pages(org, request, job)
    raise not_found()


def _create(org: Org, request: Request) -> Reply:
    given = request.json_object()
    operation = choice(given, "operation", QUERY, None, "INVALIDOPERATION")
    choice(given, "contentType", ("CSV",), "CSV", "INVALIDJOB")
    text, now = given.get("query"), org.clock.now()
    if not isinstance(text, str) or not text.strip():
        raise Refused("INVALIDJOB", "A query job needs a query")
    job = Job(
        id=org.bulk.next_id(),
        operation=operation,
        object="",
        version=request.version[1:],
        created_by=request.who().user_id,
        created_at=now,
        state=UPLOADED,
        state_at=now,
        line_ending=choice(given, "lineEnding", LINE_ENDINGS, "LF", "INVALIDJOB"),
        delimiter=choice(given, "columnDelimiter", DELIMITERS, "COMMA", "INVALIDJOB"),
        query=text,
        actor=asdict(request.who()),
    )
    snapshot = extract.Snapshot(org.seen_by(request.who()), job)
    job.object = snapshot.object
    org.bulk.count_query()
    org.bulk.add(job, None if org.bulk.settings["bulkSecondsQueued"] else snapshot)
    return Reply(200, job.created())


def _one(org: Org, request: Request, job: Job) -> Reply:
    if request.method == "GET":
        return Reply(200, job.info())
    if request.method == "DELETE":
        return delete(org, job, ENDED)
    if request.method != "PATCH":
        raise wrong_method(request)
    if request.json_object().get("state") != ABORTED:
        raise Refused("INVALIDJOBSTATE", "A query job can only be set to Aborted")
    if job.state not in (UPLOADED, RUNNING):
        raise Refused("INVALIDJOBSTATE", "Aborting already Completed Job not allowed")
    org.bulk.abort(job)
    return Reply(200, job.head())


def _may_read(request: Request, job: Job) -> None:
    if request.method != "GET":
        raise wrong_method(request)
    if request.version[1:] != job.version:
        message = f"The job was made with API version {job.version}: its results are read with the same"
        raise Refused("API_VERSION_MISMATCH", message, status=409)
    if job.state != COMPLETE:
        raise Refused("INVALIDJOBSTATE", f"Results of a job in state {job.state} are not available")


def _results(org: Org, request: Request, job: Job) -> Reply:
    asked = request.query
    start = _row(asked["locator"], job) if asked.get("locator") else 0
    end = min(start + _page_size(org, asked), job.processed)
    first, last = (extract.place_of(org.bulk.spool, job, row) for row in (start, end))
    path, title = org.bulk.spool.path(job.id, OUTPUT), extract.title_length(job)
    headers = {
        "Sforce-Locator": locator(end) if end < job.processed else "null",
        "Sforce-NumberOfRecords": str(end - start),
    }
    body = chain(pieces(path, 0, title), pieces(path, first, last))
    return Reply(200, Stream(body, title + last - first), headers, "text/csv")


def locator(row: int) -> str:
    """Where a page begins, in the form in which Salesforce writes it."""
    return base64.b64encode(str(row).encode()).decode().rstrip("=")


def _row(text: str, job: Job) -> int:
    try:
        row = int(base64.b64decode(text + "=" * (-len(text) % 4), validate=True))
    except (ValueError, binascii.Error) as exc:
        raise Refused("INVALID_QUERY_LOCATOR", "invalid query locator") from exc
    if not 0 <= row < max(1, job.processed):
        raise Refused("INVALID_QUERY_LOCATOR", "invalid query locator")
    return row


def _page_size(org: Org, asked: Json) -> int:
    given = asked.get("maxRecords")
    if given is None:
        return int(org.bulk.settings["bulkQueryPageRecords"])
    if not given.isdigit() or int(given) < 1:
        raise Refused("INVALIDJOB", f"maxRecords must be a whole number from 1 on, not {given}")
    return int(given)


def _result_pages(org: Org, request: Request, job: Job) -> Reply:
    size = int(org.bulk.settings["bulkQueryPageRecords"])
    start = _row(request.query["locator"], job) if request.query.get("locator") else 0
    starts = list(range(start, max(job.processed, start + 1), size))
    root = f"/services/data/{request.version}/jobs/query/{job.id}"
    following = starts[RESULT_PAGES:]
    return Reply(
        200,
        {
            "resultPages": [{"resultUrl": f"{root}/results?locator={locator(row)}"} for row in starts[:RESULT_PAGES]],
            "nextRecordsUrl": f"{root}/resultPages?locator={locator(following[0])}" if following else None,
            "done": not following,
        },
    )
