"""The scheduler, put together: jobs and the gRPC service google.cloud.scheduler.v1.CloudScheduler on one port."""

import re
from concurrent import futures
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

import grpc
from google.cloud.scheduler_v1 import HttpMethod, Job, types

from tests.stack.broker import clock
from tests.stack.broker.clock import Clock
from tests.stack.broker.errors import Refused, invalid
from tests.stack.broker.rpc import merged
from tests.stack.broker.wire import Empty, Handler, Message
from tests.stack.scheduler.jobs import ENABLED, PAUSED, Jobs

SERVICE = "google.cloud.scheduler.v1.CloudScheduler"
DEADLINE_SECONDS = 180  #: of an HTTP target that names none
_NAME = re.compile(r"projects/[\w.:-]+/locations/[\w-]+/jobs/[\w-]{1,500}")
_OUTPUT = ("name", "user_update_time", "state", "status", "schedule_time", "last_attempt_time")


class Scheduler:
    """A running scheduler.

    Raises:
        RuntimeError: the port is taken.
    """

    def __init__(self, folder: Path, port: int = 0, host: str = "127.0.0.1") -> None:
        """Start on `port` (0: any free one), with the jobs that `folder` remembers."""
        self._grpc = grpc.server(futures.ThreadPoolExecutor(8, "rpc"), options=[("grpc.so_reuseport", 0)])
        self.port = self._grpc.add_insecure_port(f"{host}:{port}")
        self._clock = Clock()
        self._jobs = Jobs(folder, self._clock, call)
        for name, methods in {
            SERVICE: Service(self._jobs).methods(),
            clock.SERVICE: clock.clock_methods(self._clock, self._move),
        }.items():
            self._grpc.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(name, methods),))
        self._grpc.start()

    def _move(self, by_us: int) -> None:
        self._clock.move(by_us)
        self._jobs.wake()

    def stop(self) -> None:
        """Stop answering and firing."""
        self._grpc.stop(grace=0).wait()
        self._jobs.stop()


class Service:
    """The API's methods."""

    def __init__(self, jobs: Jobs) -> None:
        self._jobs = jobs

    def methods(self) -> dict[str, Handler]:
        return {
            "ListJobs": _unary(self.list, "ListJobsRequest", types.ListJobsResponse.pb()),
            "GetJob": _unary(lambda r: _pb(self._jobs.get(r.name)), "GetJobRequest", Job.pb()),
            "CreateJob": _unary(self.create, "CreateJobRequest", Job.pb()),
            "UpdateJob": _unary(self.update, "UpdateJobRequest", Job.pb()),
            "DeleteJob": _unary(self.delete, "DeleteJobRequest", Empty),
            "PauseJob": _unary(lambda r: self.switch(r.name, ENABLED, PAUSED), "PauseJobRequest", Job.pb()),
            "ResumeJob": _unary(lambda r: self.switch(r.name, PAUSED, ENABLED), "ResumeJobRequest", Job.pb()),
            "RunJob": _unary(lambda r: _pb(self._jobs.run(r.name)), "RunJobRequest", Job.pb()),
        }

    def list(self, request: Message) -> Message:
        jobs = [_pb(job) for job in self._jobs.all() if job.name.startswith(f"{request.parent}/jobs/")]
        return types.ListJobsResponse.pb()(jobs=jobs)

    def create(self, request: Message) -> Message:
        job = Job.wrap(request.job)
        if not _NAME.fullmatch(job.name) or not job.name.startswith(f"{request.parent}/jobs/"):
            raise invalid("Job name must be formatted: projects/PROJECT_ID/locations/LOCATION_ID/jobs/JOB_ID.")
        if not job.http_target.uri:
            raise invalid("Job must have a target; this scheduler knows HTTP targets only.")
        return _pb(self._jobs.add(Job(job)))

    def update(self, request: Message) -> Message:
        known = request.job.DESCRIPTOR.fields_by_name
        paths = list(request.update_mask.paths)
        if strange := [p for p in paths if p.split(".")[0] not in known or p in _OUTPUT]:
            raise invalid(f"Cannot update {', '.join(strange)}.")
        if not paths:  # without a mask all that may be written is
            request.update_mask.paths.extend(name for name in known if name not in _OUTPUT)
        return _pb(self._jobs.change(
            request.job.name, lambda job: Job.wrap(merged(_pb(job), request.job, request.update_mask))
        ))  # fmt: skip

    def delete(self, request: Message) -> Message:
        self._jobs.remove(request.name)
        return Empty()

    def switch(self, name: str, before: Any, after: Any) -> Message:
        def bend(job: Job) -> Job:
            if job.state != before:
                raise Refused(grpc.StatusCode.FAILED_PRECONDITION, f"Job is not in state {before.name}.")
            job.state = after
            return job

        return _pb(self._jobs.change(name, bend))


def _unary(behaviour: Any, request: str, response: Any) -> Handler:
    def answer(message: Message, context: grpc.ServicerContext) -> Message:
        try:
            return behaviour(message)
        except Refused as refusal:
            context.abort(refusal.code, refusal.message)

    read = getattr(types, request).pb().FromString
    return grpc.unary_unary_rpc_method_handler(answer, read, response.SerializeToString)


def _pb(job: Job) -> Message:
    return Job.pb(job)


def call(job: Job, scheduled: datetime) -> int:
    """Call an HTTP target as Cloud Scheduler does; its status, 0 where there was none in time."""
    target = job.http_target
    headers = dict(target.headers) | {
        "User-Agent": "Google-Cloud-Scheduler",
        "X-CloudScheduler": "true",
        "X-CloudScheduler-JobName": job.name.rpartition("/")[2],
        "X-CloudScheduler-ScheduleTime": scheduled.isoformat().replace("+00:00", "Z"),
    }
    method = HttpMethod(target.http_method or HttpMethod.POST).name
    request = Request(target.uri, data=target.body or None, method=method, headers=headers)
    seconds = job.attempt_deadline.total_seconds() if job.attempt_deadline else 0
    try:
        with urlopen(request, timeout=seconds or DEADLINE_SECONDS) as answer:
            answer.read()
            return int(answer.status)
    except HTTPError as exc:
        exc.close()
        return exc.code
    except (URLError, OSError):
        return 0
