"""Ingest jobs over HTTP: /jobs/ingest and all below it."""

import re
from collections.abc import Iterator
from dataclasses import asdict, replace
from itertools import islice

import orjson

from tests.standin import records
from tests.standin.bulk.form import choice, delete, listing
from tests.standin.bulk.jobs import ABORTED, COMPLETE, ENDED, INGEST, OPEN, RUNNING, UPLOADED, Job
from tests.standin.bulk.sheet import DELIMITERS, LINE_ENDINGS, Sheet, title, written
from tests.standin.bulk.spool import FAILURES, INPUT, SUCCESSES, pieces
from tests.standin.errors import Refused, Unreadable, not_found
from tests.standin.org import Org
from tests.standin.schema import SObject
from tests.standin.web import Json, Reply, Request, Stream, wrong_method

MULTIPART_CHARACTERS = 100_000  #: of data in the request that creates the job
DELETABLE = (UPLOADED, *ENDED)
ROWS_AT_ONCE = 1000
_BOUNDARY = re.compile(r'boundary="?([^";]+)"?')


def answer(org: Org, request: Request, rest: list[str]) -> Reply:
    """Everything below /jobs/ingest; `rest` are the path's segments after it."""
    match rest:
        case []:
            request.resource = "jobs/ingest"
            return _create(org, request) if request.method == "POST" else listing(org, request, "ingest")
        case [job_id]:
            request.resource = "jobs/ingest/{id}"
            return _one(org, request, org.bulk.find(job_id, "ingest"))
        case [job_id, "batches"]:
            request.resource = "jobs/ingest/{id}/batches"
            return _upload(org, request, org.bulk.find(job_id, "ingest"))
        case [job_id, part] if part.lower() in RESULTS:
            request.resource = f"jobs/ingest/{{id}}/{part}"
            return _results(org, request, org.bulk.find(job_id, "ingest"), part.lower())
    raise not_found()


def _create(org: Org, request: Request) -> Reply:
    multipart = _BOUNDARY.search(request.headers.get("content-type", ""))
    if multipart is None:
        job = _new_job(org, request, request.json_object())
        org.bulk.add(job)
        return Reply(200, job.created())
    given, data = _parts(request.body, multipart[1].encode())
    if len(data) > MULTIPART_CHARACTERS:
        raise Refused("INVALIDJOB", f"A multipart request may have {MULTIPART_CHARACTERS} characters of data")
    job = _new_job(org, request, given)
    org.bulk.spool.path(job.id, INPUT).write_bytes(data)
    job.uploaded, job.state = True, UPLOADED
    org.bulk.add(job)
    return Reply(200, job.created())


def _new_job(org: Org, request: Request, given: Json) -> Job:
    operation = choice(given, "operation", INGEST, None, "INVALIDOPERATION")
    table = org.seen_by(request.who()).find_table(str(given.get("object")))
    if table is None:
        raise Refused("INVALIDENTITY", f"Unable to find object: {given.get('object')}")
    choice(given, "contentType", ("CSV",), "CSV", "INVALIDJOB")
    if operation == "hardDelete" and not org.bulk.settings["bulkHardDelete"]:
        message = (
            "hardDelete operation requires special user profile permission, please contact your system administrator"
        )
        raise Refused("FEATURENOTENABLED", message)
    now = org.clock.now()
    return Job(
        id=org.bulk.next_id(),
        operation=operation,
        object=table.sobject.name,
        version=request.version[1:],
        created_by=request.who().user_id,
        created_at=now,
        state=OPEN,
        state_at=now,
        line_ending=choice(given, "lineEnding", LINE_ENDINGS, "LF", "INVALIDJOB"),
        delimiter=choice(given, "columnDelimiter", DELIMITERS, "COMMA", "INVALIDJOB"),
        external_id=_external_id(table.sobject, given) if operation == "upsert" else None,
        actor=asdict(replace(request.who(), channel="bulkapi")),
    )


def _external_id(sobject: SObject, given: Json) -> str:
    name = given.get("externalIdFieldName")
    if not isinstance(name, str) or not name:
        raise Refused("INVALIDJOB", "External ID was blank for a job whose operation is upsert")
    try:
        return records.key_field(sobject, name).name
    except Refused as exc:
        message = f"Field name provided, {name} does not match an External ID, Salesforce Id, or indexed field for {sobject.name}"
        raise Refused("INVALIDJOB", message) from exc


def _parts(body: bytes, boundary: bytes) -> tuple[Json, bytes]:
    """The two parts of a multipart request: the job and its data."""
    found: dict[str, bytes] = {}
    for part in body.split(b"--" + boundary)[1:-1]:
        head, _, content = part.partition(b"\r\n\r\n")
        name = re.search(rb'name="?(\w+)"?', head)
        if name is not None:
            found[name[1].decode()] = content.removesuffix(b"\r\n")
    if set(found) != {"job", "content"}:
        raise Refused("INVALIDJOB", "A multipart request has the parts job and content")
    try:
        return orjson.loads(found["job"]), found["content"]
    except orjson.JSONDecodeError as exc:
        raise Unreadable("JSON_PARSER_ERROR", f"Unexpected character or end of input: {exc}") from exc


def _upload(org: Org, request: Request, job: Job) -> Reply:
    if request.method != "PUT":
        raise wrong_method(request)
    if job.state != OPEN:
        raise Refused("INVALIDJOBSTATE", f"Uploading data to a job in state {job.state} not allowed")
    if job.uploaded:
        message = (
            f"Found multiple contents for job: <{job.id}>, please 'Close' / 'Abort' / 'Delete' the current Job then "
            "create a new Job and make sure you only do 'PUT' once on a given Job."
        )
        raise Refused("CLIENTINPUTERROR", message)
    if request.upload is None or not request.headers.get("content-type", "").lower().startswith("text/csv"):
        raise Refused("UNSUPPORTED_MEDIA_TYPE", "The content type of a job's data is text/csv", status=415)
    if request.upload.stat().st_size > org.bulk.settings["bulkMaxUploadBytes"]:
        raise Refused("REQUEST_ENTITY_TOO_LARGE", "The data of a job exceed the maximum size", status=413)
    request.upload.replace(org.bulk.spool.path(job.id, INPUT))
    job.uploaded = True
    org.bulk.save(job)
    return Reply(201)


def _one(org: Org, request: Request, job: Job) -> Reply:
    if request.method == "GET":
        return Reply(200, job.info())
    if request.method == "DELETE":
        return delete(org, job, DELETABLE)
    if request.method != "PATCH":
        raise wrong_method(request)
    match request.json_object().get("state"):
        case "UploadComplete":
            return _close(org, job)
        case "Aborted" if job.state in (OPEN, UPLOADED, RUNNING):
            org.bulk.abort(job)
            return Reply(200, job.head())
        case "Aborted":
            raise Refused("INVALIDJOBSTATE", "Aborting already Completed Job not allowed")
        case other:
            raise Refused("INVALIDJOBSTATE", f"Invalid job state: {other}")


def _close(org: Org, job: Job) -> Reply:
    if job.state != OPEN:
        kind = "Aborted" if job.state == ABORTED else "Completed"
        raise Refused("INVALIDJOBSTATE", f"Closing already {kind} Job not allowed")
    if not job.uploaded:
        org.bulk.spool.path(job.id, INPUT).write_bytes(b"")
    org.bulk.close(job)
    return Reply(200, job.head())


def _results(org: Org, request: Request, job: Job, part: str) -> Reply:
    if request.method != "GET":
        raise wrong_method(request)
    if not job.ended:
        raise Refused("INVALIDJOBSTATE", f"Results of a job in state {job.state} are not available")
    return Reply(200, RESULTS[part](org, job), content_type="text/csv")


def _kept(org: Org, job: Job, kind: str, length: int, columns: tuple[str, str]) -> Stream:
    """A file of results; of a job that never came to write one, its title."""
    if not length:
        line = title(columns, _sheet_head(org, job), job)
        return Stream([line], len(line))
    return Stream(pieces(org.bulk.spool.path(job.id, kind), 0, length), length)


def _sheet_head(org: Org, job: Job) -> str:
    path = org.bulk.spool.path(job.id, INPUT)
    if not path.exists():
        return ""
    sheet = Sheet(path, job)
    sheet.close()
    return sheet.head


def _successful(org: Org, job: Job) -> Stream:
    return _kept(org, job, SUCCESSES, job.success_bytes, ("sf__Id", "sf__Created"))


def _failed(org: Org, job: Job) -> Stream:
    return _kept(org, job, FAILURES, job.failure_bytes, ("sf__Id", "sf__Error"))


def _unprocessed(org: Org, job: Job) -> Stream:
    return Stream(_unprocessed_pieces(org, job))


def _unprocessed_pieces(org: Org, job: Job) -> Iterator[bytes]:
    yield title((), _sheet_head(org, job), job)
    path = org.bulk.spool.path(job.id, INPUT)
    if job.state == COMPLETE or not path.exists():
        return
    sheet = Sheet(path, job)
    try:
        rows = islice(sheet, job.processed, None)
        while chunk := list(islice(rows, ROWS_AT_ONCE)):
            yield written(chunk, job)
    finally:
        sheet.close()


RESULTS = {"successfulresults": _successful, "failedresults": _failed, "unprocessedrecords": _unprocessed}
