"""One job of Cloud Scheduler, whose schedule its own door sets."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from common.scheduler.errors import translate

if TYPE_CHECKING:  # late where it is used: a quarter of a second, and only a door with SCHEDULE_JOB needs it
    from google.cloud.scheduler_v1 import CloudSchedulerClient

CALL_SECONDS = 10.0
ZONE = "Etc/UTC"  #: the lines that we write are meant in it


class Job:
    """Knows its schedule from what it read or wrote last. Safe to share between threads.

    Args:
        name: projects/P/locations/L/jobs/J.
        host: host:port of a Cloud Scheduler without TLS or sign-in, on this machine; empty means Google's.
    """

    def __init__(self, name: str, *, host: str = "") -> None:
        self._name = name
        self._host = host
        self._lock = threading.Lock()
        self._client: CloudSchedulerClient | None = None
        self._known: str | None = None  #: the schedule; empty where a person has paused the job

    def schedule(self, *, fresh: bool = False) -> str:
        """The cron line; empty where a person has paused the job: it is not to be touched.

        Raises:
            Transient, Misconfigured: it could not be read.
        """
        with self._lock:
            if fresh or self._known is None:
                self._known = self._read()
            return self._known

    def reschedule(self, cron: str) -> bool:
        """Set the cron line; whether that was needed.

        Raises:
            Transient, Misconfigured: it may stand as it was; ask again before relying on it.
        """
        with self._lock:
            if cron == self._known:
                return False
            self._known = None
            self._write(cron)
            self._known = cron
            return True

    def _read(self) -> str:
        from google.api_core.exceptions import GoogleAPIError
        from google.cloud.scheduler_v1.types import Job as Held

        try:
            job = self._scheduler().get_job(name=self._name, timeout=CALL_SECONDS)
        except GoogleAPIError as exc:
            raise translate(exc) from exc
        return "" if job.state == Held.State.PAUSED else job.schedule

    def _write(self, cron: str) -> None:
        from google.api_core.exceptions import GoogleAPIError
        from google.cloud.scheduler_v1.types import Job as Held

        job = Held(name=self._name, schedule=cron, time_zone=ZONE)
        request = {"job": job, "update_mask": {"paths": ["schedule", "time_zone"]}}
        try:
            self._scheduler().update_job(request=request, timeout=CALL_SECONDS)
        except GoogleAPIError as exc:
            raise translate(exc) from exc

    def _scheduler(self) -> CloudSchedulerClient:
        if self._client is None:
            self._client = client(self._host)
        return self._client


def client(host: str) -> CloudSchedulerClient:
    """A client of Google's scheduler, or of one on this machine."""
    from google.cloud.scheduler_v1 import CloudSchedulerClient

    return _local(host) if host else CloudSchedulerClient()


def _local(host: str) -> CloudSchedulerClient:
    import grpc
    from google.cloud.scheduler_v1 import CloudSchedulerClient
    from google.cloud.scheduler_v1.services.cloud_scheduler.transports import CloudSchedulerGrpcTransport

    return CloudSchedulerClient(transport=CloudSchedulerGrpcTransport(channel=grpc.insecure_channel(host)))
