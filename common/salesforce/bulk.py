"""Bulk API 2.0 ingest: jobs created, loaded, closed, watched, and their results read."""

import csv
import io
from collections.abc import Callable, Iterator
from typing import TypeVar

from common.errors import Transient
from common.mapping import Mapping
from common.ports import BulkEnd, BulkResults, Send, Sent, Spent
from common.salesforce.collection import answer
from common.salesforce.errors import FIELD_CODES, lacks_parent, refused
from common.salesforce.session import Refused, Session
from common.salesforce.sheet import Sheet

T = TypeVar("T")
CSV = "text/csv; charset=utf-8"
ENDS = {"JobComplete": BulkEnd.COMPLETE, "Failed": BulkEnd.FAILED, "Aborted": BulkEnd.FAILED}


class BulkApi:
    """Implements ports.Bulk."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def sheet(self, mapping: Mapping, kind: str, fields: list[str]) -> Sheet:
        """An empty upload. Its fields must exist: one unknown column fails a whole job."""
        return Sheet(mapping, kind, fields)

    def create(self, mapping: Mapping, kind: str) -> str:
        """A new job that waits for its data; its id.

        Raises:
            Transient: try again.
        """
        body = {"object": mapping.sobject, "operation": kind, "contentType": "CSV", "lineEnding": "LF"}
        if kind == "upsert":
            body["externalIdFieldName"] = mapping.external_id_field
        return str(_calling(lambda: self._session.call("POST", "jobs/ingest", body))["id"])

    def upload(self, job_id: str, sheet: Sheet) -> None:
        """Give a job its data; Salesforce takes them once only."""
        data = sheet.encoded()
        _calling(lambda: self._session.text("PUT", f"jobs/ingest/{job_id}/batches", data, content_type=CSV))

    def close(self, job_id: str) -> None:
        """Let Salesforce begin."""
        _calling(lambda: self._session.call("PATCH", f"jobs/ingest/{job_id}", {"state": "UploadComplete"}))

    def abort(self, job_id: str) -> None:
        """Give up a job that has not begun; nothing of it was carried out."""
        try:
            self._session.call("PATCH", f"jobs/ingest/{job_id}", {"state": "Aborted"})
        except Refused:
            pass  # it is gone, or was aborted already

    def end(self, job_id: str) -> tuple[BulkEnd, str]:
        """How far it is; with Salesforce's words where it failed."""
        try:
            job = self._session.call("GET", f"jobs/ingest/{job_id}")
        except Refused as exc:
            if exc.status == 404:
                return BulkEnd.FAILED, "the job is gone: Salesforce keeps it for seven days"
            raise _waiting(exc) from exc
        state = str(job["state"])
        if state == "Open":
            return BulkEnd.OPEN, ""
        return ENDS.get(state, BulkEnd.RUNNING), str(job.get("errorMessage") or "")

    def results(self, mapping: Mapping, job_id: str, kind: str) -> BulkResults:
        """What became of its records; of those that it never reached nothing is told."""
        key = mapping.external_id_field if kind == "upsert" else "Id"
        done = {row[key].lower(): row["sf__Id"] for row in self._rows(job_id, "successfulResults")}
        failed = {row[key].lower(): row["sf__Error"] for row in self._rows(job_id, "failedResults")}

        def sent(send: Send) -> Sent | None:  # a record that was new may be known by its id meanwhile
            named = ((send.external_id if kind == "upsert" else send.sfid) or "").lower()
            if named in done:
                return Sent(done[named] or send.sfid)
            return _failed(send, failed[named]) if named in failed else None

        return sent

    def _rows(self, job_id: str, part: str) -> Iterator[dict[str, str]]:
        text = _calling(lambda: self._session.text("GET", f"jobs/ingest/{job_id}/{part}/"))
        return csv.DictReader(io.StringIO(text, newline=""))

    def spent(self) -> Spent:
        """What this thread's calls have cost since it last asked."""
        used, allowed = self._session.api_usage or (None, None)
        return Spent(self._session.spent(), used, allowed)


def _failed(send: Send, words: str) -> Sent:
    """`CODE:message:FIELDS --`, sorted as a record's refusal by REST is."""
    code, _, rest = words.partition(":")
    message = rest.rpartition(":")[0] or rest
    if code in FIELD_CODES and not lacks_parent(
        message
    ):  # REST finds out whether it is the object's or the record's trouble
        return Sent(reason=code.lower(), detail=message, hint="It goes once more by itself, by REST.", retry=True)
    return answer(send, {"success": False, "errors": [{"statusCode": code, "message": message}]})


def _calling(call: Callable[[], T]) -> T:
    try:
        return call()
    except Refused as exc:
        raise _waiting(exc) from exc


def _waiting(exc: Refused) -> Transient:
    sent = refused(exc.code, exc.message)
    return Transient(sent.reason, exc.message, sent.hint)
