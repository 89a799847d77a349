"""Waiting between attempts."""

import pytest

from common import backoff


@pytest.mark.parametrize(
    ("attempts", "ceiling"), [(-3, 2), (0, 2), (1, 2), (2, 4), (3, 8), (10, 1024), (12, 3600), (10_000, 3600)]
)
def test_seconds_double_up_to_an_hour(attempts, ceiling):
    """Each attempt waits between half its ceiling and its ceiling, which doubles and ends at an hour."""
    waits = [backoff.seconds(attempts) for _ in range(200)]

    assert ceiling / 2 <= min(waits)
    assert max(waits) <= ceiling


def test_seconds_spread_a_crowd():
    """A crowd that failed at once does not come back at once."""
    waits = {backoff.seconds(8) for _ in range(100)}

    assert len(waits) > 90


def test_seconds_start_where_they_are_told():
    """The first wait and the longest one are the caller's to choose."""
    assert 5 <= backoff.seconds(1, first=10, longest=20) <= 10
    assert 10 <= backoff.seconds(50, first=10, longest=20) <= 20
