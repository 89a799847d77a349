"""When the drainer looks next."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common import schedule
from common.schedule import DAY, IDLE, STEPS, Due, Pace

NOW = datetime(2026, 3, 28, 12, 34, 56, tzinfo=UTC)
PACES = st.sampled_from([*STEPS, *IDLE]).flatmap(lambda m: st.builds(Pace, st.just(m), st.integers(0, m - 1)))


def minutes(n):
    return NOW + timedelta(minutes=n)


def next_pace(due=Due(), current=Pace(1), *, scheduled=True, idle_minutes=15, sleepy=False):
    return schedule.plan(NOW, due, current, scheduled=scheduled, idle_minutes=idle_minutes, sleepy=sleepy)


@given(PACES)
def test_a_pace_is_read_as_it_was_written(pace):
    """The job's schedule is the only memory of it."""
    assert pace == schedule.parse(pace.cron())


@pytest.mark.parametrize("cron", ["", "every 5 minutes", "0 9 * * 1", "*/7 * * * *", "*/0 * * * *", "1,2 * * * *",
                                  "5 1,2 * * *", ", * * * *", "70 * * * *", "0 0 1 * *", "0,99 * * * *"])  # fmt: skip
def test_a_persons_line_is_no_pace_of_ours(cron):
    """It is taken as: look now, then find our own."""
    assert schedule.parse(cron) is None


def test_idle_slows_down_step_by_step():
    """1, 2, 5, 15 minutes: each look that finds nothing makes the next one later."""
    seen = [Pace(1)]
    for _ in range(5):
        seen.append(next_pace(current=seen[-1]))

    assert [1, 2, 5, 15, 15, 15] == [p.minutes for p in seen]


def test_a_slower_net_is_reached_after_the_steps():
    """IDLE_MINUTES=1440: once a day, for an application that nudges."""
    seen = [Pace(1)]
    for _ in range(4):
        seen.append(next_pace(current=seen[-1], idle_minutes=DAY))

    assert [1, 2, 5, 15, DAY] == [p.minutes for p in seen]


@pytest.mark.parametrize("due", [Due(NOW), Due(NOW - timedelta(hours=1)), Due(under_way=True), Due(minutes(1))])
def test_while_there_is_work_it_looks_every_minute(due):
    """What is under way may come back as something to try again."""
    assert Pace(1) == next_pace(due, Pace(15, 3))


def test_a_nudge_that_finds_nothing_changes_nothing():
    """Only a look of the schedule's own says that the schedule is too fast."""
    assert Pace(2, 1) == next_pace(current=Pace(2, 1), scheduled=False)


def test_a_sleeping_database_is_looked_at_once_after_work():
    """Not every minute for a quarter of an hour: it would never sleep. The one look is in the next minute but one."""
    pace = next_pace(Due(under_way=True), Pace(15, 4), sleepy=True)

    assert (15, datetime(2026, 3, 28, 12, 36, tzinfo=UTC)) == (pace.minutes, pace.after(NOW))
    assert pace == next_pace(Due(), pace, sleepy=True)


def test_the_fast_schedule_of_a_new_job_is_slowed_for_a_sleeping_database():
    """Terraform makes the job with every minute."""
    assert 15 == next_pace(current=Pace(1), sleepy=True).minutes


@pytest.mark.parametrize("sleepy", [True, False])
def test_what_is_known_to_come_is_met(sleepy):
    """A retry in 7 minutes: the quarter-hourly look is moved there, not a second before it is due."""
    pace = next_pace(Due(minutes(7)), Pace(15, 0), sleepy=sleepy)

    assert datetime(2026, 3, 28, 12, 42, tzinfo=UTC) == pace.after(NOW)
    assert "12,27,42,57 * * * *" == pace.cron()


def test_a_limit_that_opens_tomorrow_wakes_nobody_before():
    """The usual net goes on; the look nearest to it will meet it."""
    assert Pace(15, 3) == next_pace(Due(minutes(600)), Pace(15, 3), sleepy=True)


@given(PACES, st.integers(1, 3 * DAY), st.sampled_from(IDLE), st.booleans())
def test_nothing_that_is_due_waits_longer_than_its_minute_or_a_pace(current, ahead, idle, sleepy):
    """After the next look it is either met within two minutes of being due, or another look comes before it."""
    due_at = NOW + timedelta(minutes=ahead)
    pace = next_pace(Due(due_at), current, idle_minutes=idle, sleepy=sleepy)

    first = pace.after(NOW)
    assert first > NOW
    assert first < due_at or first - due_at < timedelta(minutes=2)
    assert pace.minutes <= max(idle, 1)


def test_a_pause_of_hours_is_written_in_hours():
    """Lines that Cloud Scheduler takes."""
    assert ["* * * * *", "7,22,37,52 * * * *", "34 * * * *", "10 2,5,8,11,14,17,20,23 * * *", "59 23 * * *"] == [
        Pace(1).cron(), Pace(15, 7).cron(), Pace(60, 34).cron(), Pace(180, 130).cron(), Pace(DAY, DAY - 1).cron(),
    ]  # fmt: skip
