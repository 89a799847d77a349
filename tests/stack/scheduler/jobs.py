"""The jobs: kept in files, fired when due, one execution of each at a time."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from google.cloud.scheduler_v1 import Job
from google.rpc.code_pb2 import Code  # type: ignore[import-untyped]
from google.rpc.status_pb2 import Status  # type: ignore[import-untyped]

from tests.stack.broker.clock import SECOND_US, Clock
from tests.stack.broker.errors import already_exists, invalid, not_found
from tests.stack.scheduler import cron

LOOK_SECONDS = 1.0  #: between two looks at the clock, which may be set by hand
_FIRST_BACKOFF, _LONGEST_BACKOFF = timedelta(seconds=5), timedelta(hours=1)  #: the API's defaults

ENABLED: Any = Job.State.ENABLED  #: the stubs take it for a number
PAUSED: Any = Job.State.PAUSED

Target = Callable[[Job, datetime], int]  #: calls the job's target with its scheduled time; an HTTP status, 0 for none


class Jobs:
    """Safe to share between threads. Jobs handed out are copies."""

    def __init__(self, folder: Path, clock: Clock, target: Target) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._clock = clock
        self._target = target
        self._lock = threading.RLock()
        self._jobs = {job.name: job for job in map(_read, folder.glob("*.job"))}
        self._running: set[str] = set()
        self._tries: dict[str, int] = {}
        self._bell = threading.Event()
        self._stopped = False
        self._thread = threading.Thread(target=self._run, name="scheduler", daemon=True)
        self._thread.start()

    def now(self) -> datetime:
        return datetime.fromtimestamp(self._clock.now_us() / SECOND_US, UTC)

    def wake(self) -> None:
        """The clock was moved, or a job changed."""
        self._bell.set()

    def stop(self) -> None:
        self._stopped = True
        self._bell.set()
        self._thread.join()

    # -- what people do ----------------------------------------------------------------------------

    def all(self) -> list[Job]:
        with self._lock:
            return [_copy(self._jobs[name]) for name in sorted(self._jobs)]

    def get(self, name: str) -> Job:
        with self._lock:
            return _copy(self._find(name))

    def add(self, job: Job) -> Job:
        with self._lock:
            if job.name in self._jobs:
                raise already_exists(f"Job {job.name} already exists.")
            job.state = ENABLED
            return self._put(job)

    def change(self, name: str, bend: Callable[[Job], Job]) -> Job:
        """Put what `bend` makes of a copy of the job in its place; its next time is counted anew."""
        with self._lock:
            return self._put(bend(_copy(self._find(name))))

    def remove(self, name: str) -> None:
        with self._lock:
            self._find(name)
            del self._jobs[name]
            self._file(name).unlink()

    def run(self, name: str) -> Job:
        """Force an execution, whatever the schedule says."""
        with self._lock:
            job = self._find(name)
            self._execute(job, self.now())
            return _copy(job)

    def _find(self, name: str) -> Job:
        if name not in self._jobs:
            raise not_found("Job not found.")
        return self._jobs[name]

    def _put(self, job: Job) -> Job:
        now = self.now()
        job.schedule_time = next_time(job, now)
        job.user_update_time = now
        self._tries.pop(job.name, None)
        self._jobs[job.name] = job
        self._keep(job)
        self._bell.set()
        return _copy(job)

    def _keep(self, job: Job) -> None:
        file = self._file(job.name)
        fresh = file.with_suffix(".new")
        fresh.write_bytes(Job.serialize(job))
        fresh.replace(file)

    def _file(self, name: str) -> Path:
        return self._folder / f"{name.replace('/', '%')}.job"

    # -- firing ------------------------------------------------------------------------------------

    def _run(self) -> None:
        while not self._stopped:
            with self._lock:
                now = self.now()
                for job in self._jobs.values():
                    if _due(job, now) and job.name not in self._running:
                        self._execute(job, job.schedule_time)
            self._bell.wait(LOOK_SECONDS)
            self._bell.clear()

    def _execute(self, job: Job, scheduled: datetime) -> None:
        now = self.now()
        job.last_attempt_time = now
        job.schedule_time = next_time(job, now)
        self._running.add(job.name)
        threading.Thread(target=self._attempt, args=(_copy(job), scheduled), daemon=True).start()

    def _attempt(self, job: Job, scheduled: datetime) -> None:
        status = self._target(job, scheduled)
        with self._lock:
            self._running.discard(job.name)
            held = self._jobs.get(job.name)
            if held is not None:
                self._settle(held, status)
        self._bell.set()

    def _settle(self, job: Job, status: int) -> None:
        fine = 200 <= status < 300
        job.status = Status(code=Code.OK if fine else Code.DEADLINE_EXCEEDED if not status else Code.UNKNOWN)
        tries = self._tries.pop(job.name, 0)
        if not fine and tries < job.retry_config.retry_count:
            self._tries[job.name] = tries + 1
            first = job.retry_config.min_backoff_duration or _FIRST_BACKOFF
            longest = job.retry_config.max_backoff_duration or _LONGEST_BACKOFF
            again = self.now() + min(first * 2**tries, longest)
            job.schedule_time = min(again, job.schedule_time)  # until the next scheduled time
        self._keep(job)


def _due(job: Job, now: datetime) -> bool:
    return bool(job.state == ENABLED and job.schedule_time <= now)


def next_time(job: Job, now: datetime) -> datetime:
    """When the job's line fires next.

    Raises:
        Refused: the line or the zone is none.
    """
    try:
        return cron.parse(job.schedule).after(now, ZoneInfo(job.time_zone or "UTC"))
    except (ValueError, ZoneInfoNotFoundError) as exc:
        raise invalid("Schedule or time zone is invalid.") from exc


def _copy(job: Job) -> Job:
    return Job(job)


def _read(file: Path) -> Job:
    job: Job = Job.deserialize(file.read_bytes())
    return job
