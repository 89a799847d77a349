"""The drainer's own rhythm: windows, troubles, schedules."""

import threading
from contextlib import contextmanager
from datetime import timedelta

import pytest

from common.errors import Misconfigured, Transient
from common.flows import waking
from common.flows.waking import Drainer, Rhythm
from common.ports import Claimed
from common.schedule import Due
from tests.fakes.factories import NOON


class Log:
    """Claims what its script says; an exception is raised."""

    def __init__(self, *script):
        self.script = list(script)
        self.claims = 0

    def claim(self, limit, merge):
        self.claims += 1
        said = self.script.pop(0) if self.script else 0
        if isinstance(said, Exception):
            raise said
        return Claimed(said)


class Mappings:
    def refresh(self):
        pass


class Ear:
    """Hears as its script says."""

    def __init__(self, *script):
        self.script = list(script)
        self.opened = 0

    @contextmanager
    def open(self):
        self.opened += 1
        yield self

    def wait(self, seconds):
        said = self.script.pop(0) if self.script else False
        if isinstance(said, Exception):
            raise said
        return said


class Job:
    """Remembers its schedule, and how often it was written."""

    def __init__(self, cron="* * * * *", trouble=None):
        self.cron = cron
        self.written = []
        self.trouble = trouble

    def schedule(self, *, fresh=False):
        return self.cron

    def reschedule(self, cron):
        if self.trouble:
            raise self.trouble
        if cron == self.cron:
            return False
        self.cron = cron
        self.written.append(cron)
        return True


def a_drainer(log, *, ear=None, job=None, due=Due(), sleepy=False):
    rhythm = Rhythm(job, lambda: due, 15, sleepy) if job else None
    return Drainer("drain_change_log", log, None, Mappings(), (ear or Ear()).open, lambda: NOON, rhythm)


LOST = Transient("database_unavailable", "gone", "It is tried again.")
DEAF = Misconfigured("listen_refused", "", "Set DATABASE_DIRECT_URL.")


@pytest.mark.parametrize("trouble", [LOST, DEAF])
def test_who_cannot_listen_drains_all_the_same(trouble, capsys):
    """A pooler, or no direct way: the trouble is told, and what waits is published."""

    def refuse():
        raise trouble

    drainer = Drainer("drain_change_log", Log(3), None, Mappings(), refuse, lambda: NOON)

    assert 3 == drainer.scheduled(20)
    assert trouble.reason in capsys.readouterr().out


def test_a_lost_listener_ends_its_window(capsys):
    """What was captured before it broke is drained once more; the schedule takes over."""
    log = Log(1, 2, 4)

    records = a_drainer(log, ear=Ear(True, LOST)).scheduled(20)

    assert (7, 3) == (records, log.claims)
    assert "database_unavailable" in capsys.readouterr().out


@pytest.mark.parametrize("seconds", [0, -1, float("nan")])
def test_without_a_window_nobody_listens(seconds):
    """No second connection either."""
    ear = Ear()

    a_drainer(Log(), ear=ear).scheduled(seconds)

    assert 0 == ear.opened


def test_idle_runs_write_the_schedule_until_it_is_slow_enough():
    """Three steps, then nothing more to write."""
    job = Job()
    drainer = a_drainer(Log(), job=job)

    for _ in range(6):
        drainer.scheduled()

    assert ["0,2,4,6,8,10,12,14,16,18,20,22,24,26,28,30,32,34,36,38,40,42,44,46,48,50,52,54,56,58 * * * *",
            "0,5,10,15,20,25,30,35,40,45,50,55 * * * *", "0,15,30,45 * * * *"] == job.written  # fmt: skip


def test_what_was_found_is_looked_after():
    """Published, so under way, though nothing of it was seen in the log."""
    job = Job("0,15,30,45 * * * *")

    a_drainer(Log(5), job=job).nudged()

    assert ["* * * * *"] == job.written


def test_a_run_without_its_database_is_followed_by_another(capsys):
    """The trouble is told to the caller; the schedule is left at what it finds, for the database is asked again."""
    job = Job("0,15,30,45 * * * *")

    with pytest.raises(Transient):
        a_drainer(Log(LOST), job=job, due=Due(NOON - timedelta(minutes=1))).scheduled()

    assert ["* * * * *"] == job.written


def test_a_paused_job_is_left_alone():
    """A person paused it: an update might wake it."""
    job = Job("")

    a_drainer(Log(5), job=job).scheduled()

    assert [] == job.written


def test_a_schedule_that_cannot_be_set_spoils_no_run(capsys):
    """What was published is published; the trouble is in the log."""
    job = Job(trouble=Misconfigured("schedule_refused", "403", "Check SCHEDULE_JOB."))

    assert 0 == a_drainer(Log(), job=job).scheduled()
    assert "schedule_refused" in capsys.readouterr().out


def test_a_follower_waits_for_its_database_and_ends_when_told(capsys):
    """Longer after each failure, up to a minute; then it listens again."""
    pauses = []
    stopped = []

    def wait(seconds):
        stopped.append(seconds)
        return True

    class Broken:
        opened = 0

        @contextmanager
        def open(self):
            self.opened += 1
            if self.opened < 9:
                raise LOST
            ear = Ear()
            ear.wait = wait
            yield ear

    log = Log(1)
    drainer = Drainer("drain", log, None, Mappings(), Broken().open, lambda: NOON)

    drainer.follow(lambda: len(stopped) >= 3, pauses.append)

    assert [1, 2, 4, 8, 16, 32, 60, 60] == pauses
    assert [waking.HEAR_SECONDS] * 3 == stopped
    assert 3 == log.claims


def test_who_looked_last_has_the_last_word_on_the_schedule():
    """A look that found nothing and ends late does not put back what a later one has set."""
    job = Job("*/15 * * * *")

    def due():
        if later.ident is not None:
            return Due(NOON)
        later.start()
        later.join(0.2)  # as far as it gets
        return Due()

    rhythm = Rhythm(job, due, 15, sleepy=False)
    drainer = Drainer("drain_change_log", Log(), None, Mappings(), Ear().open, lambda: NOON, rhythm)
    later = threading.Thread(target=drainer.scheduled)

    drainer.scheduled()
    later.join()

    assert "* * * * *" == job.cron
