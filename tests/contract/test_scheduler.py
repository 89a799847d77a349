"""Laws of Cloud Scheduler's API, as its reference says them, held over the scheduler on this machine.

Google offers no emulator, so nobody here can hold the same suite to the real one. What the reference leaves open is
not relied on: whether an update wakes a paused job, what a clock that is set back in autumn does to a line that names
that hour, how late an execution may begin. English-like schedules and targets other than HTTP are not there.
"""

import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from queue import Queue
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from google.api_core import exceptions
from google.cloud.scheduler_v1 import CloudSchedulerClient, Job

from common.errors import Misconfigured, Transient
from common.scheduler.job import Job as OurJob
from tests.stack.broker.clock import move_clock
from tests.stack.scheduler import cron
from tests.stack.scheduler.client import connect
from tests.stack.scheduler.server import Scheduler

PARENT = "projects/isthmus-test/locations/here"
NAME = f"{PARENT}/jobs/drain"
SECONDS = 20


class Endpoint:
    """A target that answers as it is told, when it is told."""

    def __init__(self) -> None:
        self.calls: Queue[Any] = Queue()
        self.status = 200
        self.hold: threading.Event | None = None
        endpoint = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"] or 0))
                endpoint.calls.put((self.path, self.headers, body))
                if endpoint.hold:
                    endpoint.hold.wait(SECONDS)
                self.send_response(endpoint.status)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}/run?listen=1"

    def next(self) -> Any:
        return self.calls.get(timeout=SECONDS)


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    endpoint = Endpoint()
    yield endpoint
    endpoint.server.shutdown()
    endpoint.server.server_close()


@pytest.fixture
def scheduler(tmp_path: Path) -> Iterator[Scheduler]:
    scheduler = Scheduler(tmp_path)
    yield scheduler
    scheduler.stop()


@pytest.fixture
def host(scheduler: Scheduler) -> str:
    return f"127.0.0.1:{scheduler.port}"


@pytest.fixture
def client(host: str) -> Iterator[CloudSchedulerClient]:
    client = connect(host)
    yield client
    client.transport.close()


Create = Callable[..., Job]


@pytest.fixture
def create(client: CloudSchedulerClient, endpoint: Endpoint) -> Create:
    """Makes the job, bent by the fields given; a line of once a year, so that it fires when it is told."""

    def make(**bent: Any) -> Job:
        legal = {"name": NAME, "schedule": "0 0 29 2 *", "http_target": {"uri": endpoint.url, "body": b"{}"}}
        return client.create_job(parent=PARENT, job=Job(**legal | bent))

    return make


def test_a_new_job_is_enabled_and_knows_its_next_time(create: Create) -> None:
    """In UTC where it names no zone."""
    job = create(schedule="30 6 * * *")

    assert (Job.State.ENABLED, 6, 30) == (job.state, job.schedule_time.hour, job.schedule_time.minute)
    assert job.schedule_time > datetime.now(UTC)


@pytest.mark.parametrize("bent", [
    {"schedule": ""}, {"schedule": "* * * *"}, {"schedule": "60 * * * *"}, {"schedule": "*/0 * * * *"},
    {"schedule": "x * * * *"}, {"time_zone": "Mars/Olympus"}, {"name": f"{PARENT}/jobs/a b"}, {"schedule": "0 0 31 2 *"},
])  # fmt: skip
def test_nonsense_is_refused(create: Create, bent: dict[str, str]) -> None:
    """INVALID_ARGUMENT; nothing is made."""
    with pytest.raises(exceptions.InvalidArgument):
        create(**bent)


def test_names_are_taken_once(create: Create) -> None:
    """ALREADY_EXISTS."""
    create()
    with pytest.raises(exceptions.AlreadyExists):
        create()


def test_what_is_not_there_is_not_found(client: CloudSchedulerClient) -> None:
    """By whatever method."""
    for call in (client.get_job, client.pause_job, client.resume_job, client.run_job, client.delete_job):
        with pytest.raises(exceptions.NotFound):
            call(name=NAME)
    with pytest.raises(exceptions.NotFound):
        client.update_job(job=Job(name=NAME, schedule="* * * * *"), update_mask={"paths": ["schedule"]})


def test_an_update_changes_what_its_mask_names(
    client: CloudSchedulerClient, create: Create, endpoint: Endpoint
) -> None:
    """The schedule; the target and the description stay, whatever the request holds."""
    create(description="kept")

    job = client.update_job(
        job=Job(name=NAME, schedule="5 4 * * *", time_zone="Asia/Seoul", description="lost"),
        update_mask={"paths": ["schedule", "time_zone"]},
    )

    assert ("5 4 * * *", "Asia/Seoul", "kept", endpoint.url) == (
        job.schedule, job.time_zone, job.description, job.http_target.uri,
    )  # fmt: skip
    assert (19, 5) == (job.schedule_time.hour, job.schedule_time.minute)  # 04:05 there
    assert job == client.get_job(name=NAME)


@pytest.mark.parametrize("path", ["nonsense", "state", "name"])
def test_an_update_of_what_cannot_be_updated_is_refused(
    client: CloudSchedulerClient, create: Create, path: str
) -> None:
    """INVALID_ARGUMENT, and nothing has changed."""
    before = create()

    with pytest.raises(exceptions.InvalidArgument):
        client.update_job(job=Job(name=NAME, schedule="1 1 1 1 1"), update_mask={"paths": ["schedule", path]})

    assert before == client.get_job(name=NAME)


def test_a_refused_line_changes_nothing(client: CloudSchedulerClient, create: Create) -> None:
    """The old one goes on."""
    before = create()

    with pytest.raises(exceptions.InvalidArgument):
        client.update_job(job=Job(name=NAME, schedule="every now and then"), update_mask={"paths": ["schedule"]})

    assert before == client.get_job(name=NAME)


def test_paused_and_resumed(client: CloudSchedulerClient, create: Create) -> None:
    """Each only from the other state: FAILED_PRECONDITION otherwise."""
    create()

    with pytest.raises(exceptions.FailedPrecondition):
        client.resume_job(name=NAME)
    assert Job.State.PAUSED == client.pause_job(name=NAME).state
    with pytest.raises(exceptions.FailedPrecondition):
        client.pause_job(name=NAME)
    assert Job.State.ENABLED == client.resume_job(name=NAME).state


def test_it_fires_when_its_time_comes(host: str, create: Create, endpoint: Endpoint) -> None:
    """A POST with the target's body, told whose it is and for when; the next time is counted from then."""
    create(schedule="*/5 * * * *")

    move_clock(host, 300)

    path, headers, body = endpoint.next()
    assert ("/run?listen=1", b"{}") == (path, body)
    assert ("Google-Cloud-Scheduler", "true", "drain") == (
        headers["User-Agent"], headers["X-CloudScheduler"], headers["X-CloudScheduler-JobName"],
    )  # fmt: skip
    assert 0 == datetime.fromisoformat(headers["X-CloudScheduler-ScheduleTime"]).minute % 5


def test_a_paused_job_does_not_fire_and_is_run_by_hand(
    host: str, client: CloudSchedulerClient, create: Create, endpoint: Endpoint
) -> None:
    """RunJob forces an execution, whatever the schedule says."""
    create(schedule="* * * * *")
    client.pause_job(name=NAME)

    move_clock(host, 3600)
    client.run_job(name=NAME)

    endpoint.next()
    assert endpoint.calls.empty()


def test_one_execution_at_a_time(host: str, create: Create, endpoint: Endpoint) -> None:
    """The next one is put off until the one before has ended."""
    endpoint.hold = threading.Event()
    create(schedule="* * * * *")
    move_clock(host, 60)
    endpoint.next()

    move_clock(host, 60)
    move_clock(host, 60)
    waited = endpoint.calls.empty()
    endpoint.hold.set()

    endpoint.next()
    assert waited


def test_a_failed_execution_is_tried_again_as_often_as_it_says(
    host: str, create: Create, endpoint: Endpoint, client: CloudSchedulerClient
) -> None:
    """With retry_count 1 once more, after the backoff; the status tells that it failed."""
    endpoint.status = 503
    create(schedule="0 * * * *", retry_config={"retry_count": 1, "min_backoff_duration": {"seconds": 10}})
    move_clock(host, 3600)
    endpoint.next()
    while client.get_job(name=NAME).status.code == 0:
        pass

    move_clock(host, 11)

    endpoint.next()
    assert 2 == client.get_job(name=NAME).status.code  # UNKNOWN


def test_jobs_outlive_the_process(tmp_path: Path, scheduler: Scheduler, create: Create) -> None:
    """They are stored before they are confirmed."""
    made = create()
    scheduler.stop()

    again = Scheduler(tmp_path)
    client = connect(f"127.0.0.1:{again.port}")
    found = list(client.list_jobs(parent=PARENT))
    client.transport.close()
    again.stop()

    assert [made] == found


# -- lines ---------------------------------------------------------------------------------------

FIRINGS = [
    ("* * * * *", "UTC", "2026-03-28T12:34:56+00:00", "2026-03-28T12:35:00+00:00"),
    ("3-59/20 * * * *", "UTC", "2026-03-28T12:43:00+00:00", "2026-03-28T13:03:00+00:00"),
    ("0 9 * * mon-fri", "Asia/Seoul", "2026-03-27T00:00:00+00:00", "2026-03-30T00:00:00+00:00"),
    ("0 0 1 jan *", "UTC", "2026-01-01T00:00:00+00:00", "2027-01-01T00:00:00+00:00"),
    ("0 0 29 2 *", "UTC", "2026-03-01T00:00:00+00:00", "2028-02-29T00:00:00+00:00"),
    ("0 12 13 * 5", "UTC", "2026-03-01T13:00:00+00:00", "2026-03-06T12:00:00+00:00"),  # the 13th, or any Friday
    ("0 0 * * 7", "UTC", "2026-03-28T00:00:00+00:00", "2026-03-29T00:00:00+00:00"),
    # The clock of Berlin goes from 02:00 to 03:00 on 29 March 2026, from 03:00 back to 02:00 on 25 October.
    ("*/30 * * * *", "Europe/Berlin", "2026-03-29T00:45:00+00:00", "2026-03-29T01:00:00+00:00"),
    ("30 2 * * *", "Europe/Berlin", "2026-03-28T12:00:00+00:00", "2026-03-30T00:30:00+00:00"),
    ("0 4 * * *", "Europe/Berlin", "2026-10-25T00:30:00+00:00", "2026-10-25T03:00:00+00:00"),
    ("15 5,11 * * *", "Asia/Kathmandu", "2026-05-05T00:00:00+00:00", "2026-05-05T05:30:00+00:00"),
]


@pytest.mark.parametrize(("line", "zone", "now", "expected"), FIRINGS)
def test_lines_fire_by_the_zones_wall_clock(line: str, zone: str, now: str, expected: str) -> None:
    """Ranges, steps, names, either day; an hour that does not exist is skipped."""
    got = cron.parse(line).after(datetime.fromisoformat(now), ZoneInfo(zone))

    assert datetime.fromisoformat(expected) == got


def test_our_paces_fire_as_they_are_meant() -> None:
    """The line that common/schedule.py writes fires exactly when it says the next look is."""
    from common.schedule import IDLE, STEPS, Pace

    now = datetime(2026, 3, 28, 23, 41, 7, tzinfo=UTC)
    for minutes in (*STEPS, *IDLE):
        for phase in {0, minutes // 2, minutes - 1}:
            pace = Pace(minutes, phase)
            moment = now
            for _ in range(3):
                expected = pace.after(moment)
                assert expected == cron.parse(pace.cron()).after(moment, ZoneInfo("UTC")), pace
                moment = expected + timedelta(seconds=1)


# -- our edge ------------------------------------------------------------------------------------


def test_our_job_writes_only_what_changed(host: str, create: Create, client: CloudSchedulerClient) -> None:
    """Read once, written where it differs, in UTC."""
    create(time_zone="Asia/Seoul")
    job = OurJob(NAME, host=host)

    read = job.schedule()
    wrote = [job.reschedule("0 0 29 2 *"), job.reschedule("* * * * *"), job.reschedule("* * * * *")]

    held = client.get_job(name=NAME)
    assert ("0 0 29 2 *", [False, True, False]) == (read, wrote)
    assert ("* * * * *", "Etc/UTC", "* * * * *") == (held.schedule, held.time_zone, job.schedule())


def test_our_job_sees_that_it_is_paused(host: str, create: Create, client: CloudSchedulerClient) -> None:
    """And leaves it alone."""
    create()
    client.pause_job(name=NAME)

    assert "" == OurJob(NAME, host=host).schedule()


def test_our_job_tells_what_a_person_must_do(host: str) -> None:
    """No such job, and nobody there at all."""
    with pytest.raises(Misconfigured) as refused:
        OurJob(NAME, host=host).schedule()
    with pytest.raises(Transient) as away:
        OurJob(NAME, host="127.0.0.1:9").reschedule("* * * * *")

    assert ("schedule_refused", True) == (refused.value.reason, "SCHEDULE_JOB" in refused.value.hint)
    assert "schedule_unreachable" == away.value.reason
