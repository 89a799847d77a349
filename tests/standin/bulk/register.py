"""All bulk jobs: kept in the journal, run on the event loop, forgotten after a week."""

import asyncio
import traceback
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import Any

from tests.standin import ids
from tests.standin.bulk import extract
from tests.standin.bulk.jobs import ABORTED, COMPLETE, FAILED, OPEN, RUNNING, UPLOADED, Job
from tests.standin.bulk.load import Load
from tests.standin.bulk.spool import Spool
from tests.standin.errors import Refused, not_found
from tests.standin.faults.register import CALL
from tests.standin.ids import IdSource
from tests.standin.store import Store

Json = dict[str, Any]

DAY_SECONDS = 86_400
OPEN_SECONDS = DAY_SECONDS  #: how long data may be awaited
KEPT_SECONDS = 7 * DAY_SECONDS  #: how long an ended job and its results are kept
LISTED = 1000  #: jobs on one page of a list
SETTINGS: Json = {
    "bulkSecondsQueued": 0,  #: how long a job stays UploadComplete
    "bulkSecondsInProgress": 0,  #: and InProgress before its work begins
    "bulkFailAfterRecords": None,  #: ingest jobs fail after so many records; the others stay unprocessed
    "bulkFailMessage": "InternalServerError : Failure to order",
    "bulkQueryPageRecords": 250_000,  #: of a page of results where maxRecords does not say
    "bulkMaxUploadBytes": 150_000_000,
    "bulkHardDelete": True,  #: whether users may
    "bulkBatchesADay": 15_000,
    "bulkQueryJobsADay": 10_000,
}


class Bulk:
    """Jobs by id. Their work runs on the event loop in small steps, so that other calls are answered meanwhile."""

    def __init__(
        self,
        store: Store,
        settings: Callable[[], Json],
        journal: Callable[[Json], None],
        data: Path | None,
    ) -> None:
        self.spool = Spool(data)
        self._store = store
        self._settings = settings
        self._journal = journal
        self._ids = IdSource("750")
        self._jobs: dict[str, Job] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._snapshots: dict[str, extract.Snapshot] = {}
        self._changed = asyncio.Event()
        self._day = -1
        self._queries_today = self._batches_today = 0

    @property
    def settings(self) -> Json:
        return self._settings()

    def now(self) -> float:
        return self._store.clock.now()

    def seen_by(self, user_id: str) -> Store:
        """The store as a user sees it."""
        return self._store.seen_by(user_id)

    def next_id(self) -> str:
        return self._ids.take()

    def find(self, job_id: str, road: str) -> Job:
        """A job of the road `ingest` or `query`."""
        self._expire()
        job = self._jobs.get(job_id) or self._jobs.get(ids.to_18(job_id) or "")
        if job is None or job.road != road:
            raise not_found()
        return job

    def add(self, job: Job, snapshot: extract.Snapshot | None = None) -> None:
        """Take up a new job; one that waits for no data starts."""
        self._jobs[job.id] = job
        if snapshot is not None:
            self._snapshots[job.id] = snapshot
        self.save(job)
        if job.state == UPLOADED:
            self._start(job)

    def close(self, job: Job) -> None:
        """All data are there: the work may begin."""
        job.move(UPLOADED, self.now())
        self.save(job)
        self._start(job)

    def abort(self, job: Job) -> None:
        job.move(ABORTED, self.now())
        self.save(job)
        self.wake()

    def remove(self, job: Job) -> None:
        """Forget a job and its files."""
        if job.state != COMPLETE:
            job.state = ABORTED
        del self._jobs[job.id]
        self._snapshots.pop(job.id, None)
        self.spool.remove(job.id)
        self._journal({"k": "bulk-gone", "id": job.id})
        self.wake()

    def save(self, job: Job) -> None:
        self._journal({"k": "bulk", "job": asdict(job)})

    def listed(self, road: str, after: str) -> tuple[list[Job], str]:
        """A page of a road's jobs, oldest first, and where the next one begins; empty at the end."""
        self._expire()
        jobs = iter([job for job in self._jobs.values() if job.road == road and job.id >= after])
        page = list(islice(jobs, LISTED))
        following = next(jobs, None)
        return page, following.id if following else ""

    def count_query(self) -> None:
        """One more query job today; refused beyond the allocation."""
        self._today()
        most = self.settings["bulkQueryJobsADay"]
        if self._queries_today >= most:
            raise Refused("LIMIT_EXCEEDED", f"Max bulk v2 query jobs ({most}) per 24 hrs has been reached")
        self._queries_today += 1

    def remaining(self) -> Json:
        """What is left of the day's allocations, as GET /limits names them."""
        self._today()
        batches, queries = self.settings["bulkBatchesADay"], self.settings["bulkQueryJobsADay"]
        return {
            "DailyBulkApiBatches": {"Max": batches, "Remaining": max(0, batches - self._batches_today)},
            "DailyBulkV2QueryJobs": {"Max": queries, "Remaining": max(0, queries - self._queries_today)},
        }

    def count_batch(self) -> bool:
        """One more batch of 10,000 records today; False beyond the allocation."""
        self._today()
        self._batches_today += 1
        return self._batches_today <= int(self.settings["bulkBatchesADay"])

    def _today(self) -> None:
        day = int(self.now() // DAY_SECONDS)
        if day != self._day:
            self._day, self._queries_today, self._batches_today = day, 0, 0

    def _expire(self) -> None:
        now = self.now()
        for job in list(self._jobs.values()):
            if job.state == OPEN and now - job.created_at > OPEN_SECONDS:
                self.abort(job)
            elif job.ended and now - job.state_at > KEPT_SECONDS:
                self.remove(job)

    def _start(self, job: Job) -> None:
        task = asyncio.get_running_loop().create_task(self._run(job))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def resume(self) -> None:
        """Go on with what was under way when the last process ended; called on the event loop."""
        self.spool.clear(self._jobs)
        for job in self._jobs.values():
            if job.state in (UPLOADED, RUNNING):
                self._start(job)

    async def _run(self, job: Job) -> None:
        CALL.set(None)  # the call that began the job ended long ago: faults of calls are not for its records
        try:
            await self._stay(job, UPLOADED, "bulkSecondsQueued")
            if job.state == UPLOADED:
                job.move(RUNNING, self.now())
                self.save(job)
            await self._stay(job, RUNNING, "bulkSecondsInProgress")
            if job.state == RUNNING:
                await self._work(job)
        except Refused as exc:
            what = "" if job.loads else "Failed to process query: "
            self._fail(job, f"InvalidBatch : {what}{exc.code}: {exc.message}")
        except Exception as exc:  # a bug of ours: said aloud, and no job waits for ever
            traceback.print_exc()
            self._fail(job, f"InternalServerError : {type(exc).__name__}: {exc}")
        finally:
            self._snapshots.pop(job.id, None)

    async def _work(self, job: Job) -> None:
        if job.loads:
            await Load(self, job).run()
            return
        snapshot = self._snapshots.get(job.id) or extract.Snapshot(self.seen_by(job.created_by), job)
        await extract.run(self, job, snapshot)

    def _fail(self, job: Job, message: str) -> None:
        if not job.ended and job.id in self._jobs:
            job.error = message
            job.move(FAILED, self.now())
            self.save(job)

    async def _stay(self, job: Job, state: str, setting: str) -> None:
        """Wait while the job must stay in a state, on the clock that tests move."""
        while job.state == state and (left := job.state_at + float(self.settings[setting]) - self.now()) > 0:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait(), left)

    def wake(self) -> None:
        """The clock, a setting or a job's state changed: whoever waits looks again."""
        self._changed.set()
        self._changed = asyncio.Event()

    def clear(self) -> None:
        """Forget everything."""
        for task in self._tasks:
            task.cancel()
        self._jobs.clear()
        self._snapshots.clear()
        self.spool.clear()
        self._day = -1

    def stop(self) -> None:
        self.spool.close()

    def entries(self) -> Iterator[Json]:
        """Journal entries that make all jobs again."""
        for job in self._jobs.values():
            yield {"k": "bulk", "job": asdict(job)}

    def restore(self, given: Json) -> None:
        """A job from the journal, or from a commit how far it was."""
        known = self._jobs.get(given["id"])
        if known is None:
            self._jobs[given["id"]] = Job(**given)
            self._ids.seen(given["id"])
            return
        for name, value in given.items():
            setattr(known, name, value)

    def forget(self, job_id: str) -> None:
        """A job that the journal says is gone."""
        self._jobs.pop(job_id, None)
