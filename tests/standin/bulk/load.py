"""The work of an ingest job: its upload, 200 records a transaction, into the store."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import islice
from time import perf_counter
from typing import Any, Protocol

from tests.standin import records
from tests.standin.bulk.header import BadHeader, Header
from tests.standin.bulk.jobs import COMPLETE, FAILED, Job
from tests.standin.bulk.sheet import Sheet, title, written
from tests.standin.bulk.spool import FAILURES, INPUT, SUCCESSES, Spool
from tests.standin.errors import Refused, Unreadable
from tests.standin.store import Actor, Store
from tests.standin.table import Table

Json = dict[str, Any]
Done = tuple[str, bool]  #: record id, whether it is new
Do = Callable[[Json], Done]

BATCH = 10_000  #: records that count as one batch of the daily allocation
CHUNK = 200  #: records in one transaction; Salesforce's triggers see as many at once


class Office(Protocol):
    """What a job's work needs of the register."""

    spool: Spool

    def now(self) -> float: ...

    def seen_by(self, user_id: str) -> Store: ...

    @property
    def settings(self) -> Json: ...

    def save(self, job: Job) -> None: ...

    def count_batch(self) -> bool:
        """Whether one more batch of the day is allowed."""


class Load:
    """One run of one ingest job; a run after a restart goes on where the last commit was."""

    def __init__(self, office: Office, job: Job) -> None:
        self._office = office
        self._job = job
        self._look()
        self._actor = Actor(**job.actor)

    def _look(self) -> None:
        """What the job's user sees, which may have become less."""
        self._store = self._office.seen_by(self._job.created_by)
        self._table = self._store.table(self._job.object)

    async def run(self) -> None:
        """Work until the job is at its end, fails, or is no longer in progress."""
        sheet = Sheet(self._office.spool.path(self._job.id, INPUT), self._job)
        try:
            if not sheet.columns and not sheet.problem:
                self._end("")
            else:
                await self._rows(sheet)
        except BadHeader as exc:
            self._end(str(exc))
        finally:
            sheet.close()

    async def _rows(self, sheet: Sheet) -> None:
        if sheet.problem:
            raise BadHeader(sheet.problem)
        header = Header(self._store, self._table.sobject, sheet.columns, self._job)
        rows = iter(sheet)
        self._skip(rows)
        with _Results(self._office.spool, self._job, sheet.head) as results:
            while self._may_go_on() and (chunk := list(islice(rows, self._room()))):
                self._chunk(chunk, header, results)
                await asyncio.sleep(0)
        if not self._job.ended:
            self._end(self._ordered_failure() or sheet.problem)

    def _may_go_on(self) -> bool:
        if self._job.ended or self._job.processed % BATCH or self._office.count_batch():
            return not self._job.ended
        self._end("ExceededQuota : The daily allocation of batches is used up")
        return False

    def _skip(self, rows: Iterator[list[str]]) -> None:
        for _ in islice(rows, self._job.processed):
            pass

    def _room(self) -> int:
        """How many records the next transaction takes: a failure may have been ordered after so many."""
        most = self._office.settings["bulkFailAfterRecords"]
        return CHUNK if most is None else max(0, min(CHUNK, int(most) - self._job.processed))

    def _ordered_failure(self) -> str:
        most = self._office.settings["bulkFailAfterRecords"]
        return str(self._office.settings["bulkFailMessage"]) if most is not None and self._job.processed >= most else ""

    def _chunk(self, rows: list[list[str]], header: Header, results: "_Results") -> None:
        """One transaction. The results are in their files before it commits, and its journal entry says how long these are:
        a killed process has done all of it or nothing."""
        began, job = perf_counter(), self._job
        self._look()
        with self._store.transaction() as transaction:
            self._each(rows, header, results)
            results.flush()
            job.processed += len(rows)
            job.busy_ms += round((perf_counter() - began) * 1000)
            transaction.notes["bulk"] = progress(job)
            if not transaction.undo:
                self._office.save(job)

    def _each(self, rows: list[list[str]], header: Header, results: "_Results") -> None:
        bodies = [header.body(row) for row in rows]
        do = self._doing(bodies)
        for row, body in zip(rows, bodies, strict=True):
            given = body.get("Id")
            try:
                record_id, created = do(body)
            except Refused as exc:
                results.failed.append([given or "", _error(self._table, body, exc), *row])
            else:
                results.done.append([record_id, "true" if created else "false", *row])

    def _doing(self, bodies: list[Json]) -> Do:
        """What is done with each body of a transaction."""
        store, table, actor = self._store, self._table, self._actor
        match self._job.operation:
            case "insert":
                return lambda body: (records.insert(store, table, _without_id(body), actor), True)
            case "update":
                return self._update
            case "upsert":
                return self._upsert(bodies)
            case "delete":
                return lambda body: self._delete(_id_of(body, "a delete call"))
        return lambda body: self._purge(_id_of(body, "a delete call"))

    def _update(self, body: Json) -> Done:
        record_id = _id_of(body, "an update call")
        rest = {name: value for name, value in body.items() if name != "Id"}
        records.update(self._store, self._table, record_id, rest, self._actor)
        return records.living(self._table, record_id)["Id"], False

    def _upsert(self, bodies: list[Json]) -> Do:
        """Upserts by the job's key; the same key twice in a transaction refuses both, as in every other call."""
        store, table, actor = self._store, self._table, self._actor
        key = records.key_field(table.sobject, str(self._job.external_id))
        seen = Counter(_fold(body.get(key.name)) for body in bodies)

        def do(body: Json) -> Done:
            value = body.get(key.name)
            if value is None and key.type == "id":
                return records.insert(store, table, body, actor), True
            if value is None:
                raise Refused("MISSING_ARGUMENT", f"{key.name} not specified", [])
            if seen[_fold(value)] > 1:
                raise Refused("DUPLICATE_VALUE", f"Duplicate external id specified: {value}", [key.name])
            result = records.upsert(store, table, key, value, body, actor)
            return result["id"], result["created"]

        return do

    def _delete(self, record_id: str) -> Done:
        found = records.living(self._table, record_id)["Id"]
        records.delete(self._store, self._table, found, self._actor)
        return found, False

    def _purge(self, record_id: str) -> Done:
        found = records.living(self._table, record_id)
        self._store.spoil("delete", self._table.sobject.name, {}, found)
        self._store.purge(self._table, found["Id"])
        return found["Id"], False

    def _end(self, error: str) -> None:
        self._job.error = error
        self._job.move(FAILED if error else COMPLETE, self._office.now())
        self._office.save(self._job)


class _Results:
    """The two files of results, open for writing."""

    def __init__(self, spool: Spool, job: Job, head: str) -> None:
        self._job = job
        self._head = head
        self.done: list[list[str]] = []
        self.failed: list[list[str]] = []
        self._successes = spool.append(job.id, SUCCESSES, job.success_bytes)
        self._failures = spool.append(job.id, FAILURES, job.failure_bytes)

    def __enter__(self) -> "_Results":
        job = self._job
        if not job.success_bytes:
            job.success_bytes = self._successes.write(title(("sf__Id", "sf__Created"), self._head, job))
            job.failure_bytes = self._failures.write(title(("sf__Id", "sf__Error"), self._head, job))
        return self

    def __exit__(self, *_: object) -> None:
        self._successes.close()
        self._failures.close()

    def flush(self) -> None:
        job = self._job
        job.failed += len(self.failed)
        job.success_bytes += self._successes.write(written(self.done, job))
        job.failure_bytes += self._failures.write(written(self.failed, job))
        self._successes.flush()
        self._failures.flush()
        self.done, self.failed = [], []


def progress(job: Job) -> Json:
    """What a commit's journal entry says of its job."""
    names = ("id", "processed", "failed", "success_bytes", "failure_bytes", "busy_ms")
    return {name: getattr(job, name) for name in names}


def _fold(value: Any) -> Any:
    return value.lower() if isinstance(value, str) else value


def _id_of(body: Json, call: str) -> str:
    record_id = body.get("Id")
    if record_id is None:
        raise Refused("MISSING_ARGUMENT", f"Id not specified in {call}", [])
    return str(record_id)


def _without_id(body: Json) -> Json:
    if body.get("Id") is not None:
        raise Refused("INVALID_FIELD_FOR_INSERT_UPDATE", "cannot specify Id in an insert call", ["Id"])
    return body


def _error(table: Table, body: Json, exc: Refused) -> str:
    """`CODE:message:FIELDS --`, as failed results have it; `CODE:message:--` where no field is named."""
    code, message, fields = exc.code, exc.message, list(exc.fields or ())
    if isinstance(exc, Unreadable) and (wrong := _unreadable_field(table, body)):
        code, fields = "INVALID_TYPE_ON_FIELD_IN_RECORD", [wrong]
        message = f"{table.sobject.fields[wrong].raw['label']}: value not of required type: {body[wrong]}"
    return f"{code}:{message}:{', '.join(fields)}{' ' if fields else ''}--"


def _unreadable_field(table: Table, body: Json) -> str | None:
    for name, value in body.items():
        known = table.sobject.fields.get(name)
        try:
            if known is not None and value is not None:
                known.check(value)
        except Unreadable:
            return name
        except Refused:
            continue
    return None
