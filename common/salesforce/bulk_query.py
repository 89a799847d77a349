"""Bulk API 2.0 query: jobs created, watched, and their results streamed, page by page, in bounded memory."""

import csv
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import chain

from common.backfill import Page, Watched, cells
from common.errors import Misconfigured, Transient, Unknown
from common.mapping import Mapping
from common.ports import BulkEnd, Spent
from common.salesforce.bulk import ENDS
from common.salesforce.errors import refused
from common.salesforce.session import Refused, Session

LAST = "null"  #: the locator of the last page says that none follows
GONE = "the job is gone: Salesforce keeps it for seven days"


class BulkQueryApi:
    """Implements ports of common.backfill: query jobs of one org."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def create(self, soql: str, *, deleted: bool = False) -> str:
        """Let Salesforce begin a query; the job's id. What it reads is read after this was called.

        Args:
            deleted: With deleted and archived records (queryAll).

        Raises:
            Transient: try again; a job that was made all the same costs nothing and is gone in seven days.
            Misconfigured: Salesforce refuses the query.
        """
        body = {
            "operation": "queryAll" if deleted else "query",
            "query": soql,
            "contentType": "CSV",
            "lineEnding": "LF",
        }
        try:
            return str(self._session.call("POST", "jobs/query", body)["id"])
        except Unknown as exc:
            raise Transient(exc.reason, exc.detail, exc.hint) from exc
        except Refused as exc:
            raise _unasked(exc) from exc

    def ask(self, mapping: Mapping) -> str:
        """Let Salesforce begin to tell every living record that meets the mapping's filter, whole; the job's id."""
        return self.create(f"SELECT {', '.join(dict.fromkeys(mapping.read_fields))} FROM {_living(mapping)}")

    def count(self, mapping: Mapping) -> int:
        """How many records that would be. Raises as `create` does."""
        try:
            return int(self._session.get("query", q=f"SELECT COUNT() FROM {_living(mapping)}")["totalSize"])
        except Refused as exc:
            raise _unasked(exc) from exc

    def watch(self, job_id: str) -> Watched:
        """How far it is. Raises as `create` does."""
        try:
            job = self._session.get(f"jobs/query/{job_id}")
        except Refused as exc:
            if exc.status == 404:
                return Watched(BulkEnd.FAILED, error=GONE)
            raise _unasked(exc) from exc
        end = ENDS.get(str(job["state"]), BulkEnd.RUNNING)
        return Watched(end, int(job.get("numberRecordsProcessed") or 0), str(job.get("errorMessage") or ""))

    @contextmanager
    def page(self, job_id: str, locator: str = "", *, most: int | None = None) -> Iterator[Page]:
        """Open one page of a complete job, the first or the one of this locator. The same locator gives it again.

        Args:
            most: Records in it; unset lets Salesforce choose.

        Raises:
            Transient: within the block, too: its bytes broke off.
            Misconfigured: Salesforce refuses it; a job of another API version, or one that is gone.
        """
        query = ({"locator": locator} if locator else {}) | ({"maxRecords": str(most)} if most else {})
        try:
            with self._session.stream(f"jobs/query/{job_id}/results", **query) as stream:
                following = stream.headers.get("Sforce-Locator", LAST)
                records = int(stream.headers.get("Sforce-NumberOfRecords") or 0)
                titles, chunks = _without_titles(stream.chunks)
                yield Page(titles, records, "" if following == LAST else following, chunks)
        except Refused as exc:
            raise _unasked(exc) from exc

    def rows(self, job_id: str) -> Iterator[Sequence[str]]:
        """Every record of a complete job, its cells in the query's order; null is empty text. Bounded memory.

        Raises:
            Transient: the answer broke off; what came before is to be thrown away.
            Misconfigured: as in `page`.
        """
        locator = ""
        while True:
            with self.page(job_id, locator) as page:
                yield from cells(page.chunks)
                locator = page.following
            if not locator:
                return

    def abandon(self, job_id: str) -> None:
        """Give up a job, wherever it is; nobody needs its answer."""
        for method, body in (("PATCH", {"state": "Aborted"}), ("DELETE", None)):
            try:
                self._session.call(method, f"jobs/query/{job_id}", body)
            except (Refused, Unknown):
                pass  # it has ended, or is gone; else Salesforce forgets it in seven days

    def spent(self) -> Spent:
        """What this thread's calls have cost since it last asked."""
        used, allowed = self._session.api_usage or (None, None)
        return Spent(self._session.spent(), used, allowed)


def _living(mapping: Mapping) -> str:
    return f"{mapping.sobject} WHERE ({mapping.filter})" if mapping.filter else mapping.sobject


def _without_titles(chunks: Iterator[bytes]) -> tuple[list[str], Iterator[bytes]]:
    """The title line, and the bytes behind it."""
    held = b""
    for chunk in chunks:
        held += chunk
        if b"\n" in held:
            break
    line, _, rest = held.partition(b"\n")
    return next(csv.reader([line.decode()]), []), chain([rest] if rest else [], chunks)


def _unasked(exc: Refused) -> Misconfigured | Transient:
    sent = refused(exc.code, exc.message)
    if sent.retry:
        return Transient(sent.reason, sent.detail, sent.hint)
    return Misconfigured(
        "query_refused", f"{exc.code}: {exc.message}",
        "The integration user must see the object and every mapped field; a field that is gone must leave the mapping.",
    )  # fmt: skip
