"""All jobs of a deployment, for people: looked at, paused, resumed, run at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from common.desk import Row
from common.errors import Terminal
from common.scheduler.errors import translate
from common.scheduler.job import CALL_SECONDS, client

if TYPE_CHECKING:  # late where it is used, as in job.py
    from google.cloud.scheduler_v1 import CloudSchedulerClient


class Jobs:
    """Implements desk.Schedules.

    Args:
        drain: projects/P/locations/L/jobs/J, the drainer's job; its siblings' names begin and end as its own does.
        host: host:port of a Cloud Scheduler on this machine; empty means Google's.
    """

    def __init__(self, drain: str, *, host: str = "") -> None:
        self._parent, _, short = drain.partition("/jobs/")
        self._before, found, self._after = short.partition("drain")
        self._siblings = bool(found)
        self._drain = short
        self._host = host
        self._client: CloudSchedulerClient | None = None

    def all(self) -> list[Row]:
        """name, schedule, state (enabled, paused, ...), last_at, next_at, status of the last attempt.

        Raises:
            Transient, Misconfigured: the scheduler did not tell.
        """
        found = self._called("list_jobs", parent=self._parent)
        rows = [_row(job) for job in found]
        return sorted((row for row in rows if self._ours(row["name"])), key=lambda row: str(row["name"]))

    def pause(self, name: str) -> None:
        """Let the job rest; pausing one that rests changes nothing."""
        if self._known(name)["state"] != "paused":
            self._called("pause_job", name=self._full(name))

    def resume(self, name: str) -> None:
        """Let it go on; a job that does not rest stays as it is."""
        if self._known(name)["state"] == "paused":
            self._called("resume_job", name=self._full(name))

    def run(self, name: str) -> None:
        """Call its door now, beside the schedule."""
        self._known(name)
        self._called("run_job", name=self._full(name))

    def _known(self, name: str) -> Row:
        jobs = {row["name"]: row for row in self.all()}
        if name not in jobs:
            raise Terminal(
                "schedule_missing", f"there is no schedule {name}", f"There are: {', '.join(jobs) or 'none'}."
            )
        return jobs[name]

    def _full(self, name: str) -> str:
        return f"{self._parent}/jobs/{name}"

    def _ours(self, name: str) -> bool:
        if not self._siblings:
            return name == self._drain
        return name.startswith(self._before) and name.endswith(self._after)

    def _called(self, method: str, **request: str) -> Any:
        from google.api_core.exceptions import GoogleAPIError

        if self._client is None:
            self._client = client(self._host)
        try:
            return getattr(self._client, method)(request=request, timeout=CALL_SECONDS)
        except GoogleAPIError as exc:
            raise translate(exc) from exc


def _row(job: Any) -> Row:
    return {
        "name": job.name.rpartition("/")[2],
        "schedule": job.schedule,
        "time_zone": job.time_zone or "Etc/UTC",
        "state": job.state.name.lower(),
        "last_at": job.last_attempt_time or None,
        "next_at": job.schedule_time or None,
    }
