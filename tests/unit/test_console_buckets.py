"""Buckets of a trend: every one, whatever the clock does."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.console.buckets import DAY, HOUR, STEPS, starts, within_an_hour, zone
from common.errors import Terminal

NOW = datetime(2026, 11, 24, 22, 47, tzinfo=UTC)


def texts(moments: list[datetime]) -> list[str]:
    return [m.isoformat() for m in moments]


def test_a_day_of_hours_in_seoul() -> None:
    """Twenty-four of them, the one under way last, each at its full hour there."""
    found = texts(starts(NOW, 24, HOUR, zone("Asia/Seoul")))

    assert (24, "2026-11-24T08:00:00+09:00", "2026-11-25T07:00:00+09:00") == (len(found), found[0], found[-1])


def test_days_are_the_calendars() -> None:
    """In Berlin the last Sunday of October has 25 hours."""
    found = starts(datetime(2026, 10, 26, 12, tzinfo=UTC), 72, DAY, zone("Europe/Berlin"))

    assert ["2026-10-24T00:00:00+02:00", "2026-10-25T00:00:00+02:00", "2026-10-26T00:00:00+01:00"] == texts(found)


def test_an_hour_that_comes_twice_is_there_twice() -> None:
    found = texts(starts(datetime(2026, 10, 25, 2, 30, tzinfo=UTC), 4, HOUR, zone("Europe/Berlin")))

    assert ["T01:00:00+02:00", "T02:00:00+02:00", "T02:00:00+01:00", "T03:00:00+01:00"] == [t[10:] for t in found]


def test_weeks_begin_on_monday() -> None:
    assert ["2026-11-16", "2026-11-23"] == [t[:10] for t in texts(starts(NOW, 336, STEPS["1 week"], zone("UTC")))]


@pytest.mark.parametrize(("place", "fine"), [("Asia/Seoul", False), ("Asia/Kolkata", True), ("Asia/Kathmandu", True)])
def test_zones_whose_hours_are_not_utcs(place: str, fine: bool) -> None:
    assert fine == within_an_hour(starts(NOW, 24, HOUR, zone(place)))


@given(
    st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)),
    st.integers(1, 2000),
    st.sampled_from(list(STEPS)),
    st.sampled_from(["UTC", "Asia/Seoul", "America/New_York", "Australia/Lord_Howe", "Pacific/Apia", "Asia/Kathmandu"]),
)
def test_no_moment_is_without_its_bucket(now: datetime, hours: int, step: str, place: str) -> None:
    """They follow each other without a gap, the last one holds now, and there are as many as were asked for."""
    length = STEPS[step]
    if timedelta(hours=hours) / length > 2000:
        return

    found = [m.astimezone(UTC) for m in starts(now, hours, length, zone(place))]

    gaps = {b - a for a, b in zip(found, found[1:], strict=False)}
    assert -(-timedelta(hours=hours) // length) == len(found)
    assert all(length - 24 * HOUR <= gap <= length + 24 * HOUR for gap in gaps) if length >= DAY else gaps <= {length}
    assert found[-1] <= now < found[-1] + length + 24 * HOUR


@pytest.mark.parametrize("name", ["Mars/Olympus", "", "../../etc/passwd"])
def test_no_such_zone(name: str) -> None:
    with pytest.raises(Terminal, match="time_zone"):
        zone(name)


def test_too_many_are_refused() -> None:
    with pytest.raises(Terminal, match="2000"):
        starts(NOW, 400 * 24, STEPS["5 minutes"], zone("UTC"))
