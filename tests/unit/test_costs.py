"""What waking costs: the arithmetic of the documents."""

import re
from pathlib import Path

import pytest

from tests.benchmarks import costs
from tests.benchmarks.costs import WAYS

PAGE = Path(__file__).parents[2] / "common" / "scheduler" / "README.md"


def test_scheduled_runs_stay_within_half_of_the_free_tier():
    """At most 90,000 of 180,000 vCPU-seconds, even where there is work every minute of the month."""
    for minutes in (1, 2, 5, 15, 1440):
        assert costs.every(minutes).vcpu_seconds <= costs.OURS_VCPU_SECONDS
    assert costs.every(1, listen_seconds=1.5).vcpu_seconds <= costs.OURS_VCPU_SECONDS
    assert costs.every(1, listen_seconds=1.6).vcpu_seconds > costs.OURS_VCPU_SECONDS


def test_a_sleeping_database_sleeps():
    """Every minute never lets it; every 15 minutes does for two thirds of the time, as does a nudge for most of it."""
    assert 182.5 == costs.every(1).cu_hours > costs.NEON_CU_HOURS
    assert round(costs.every(15).cu_hours, 1) == 60.8
    assert WAYS["nudge, 100,000 a month in 1,000 bursts, net once a day"].cu_hours < 30


def test_nudges_are_free_up_to_five_million():
    """Ten GiB of Pub/Sub, 2 kB for each."""
    assert 5_300_000 < costs.FREE_PUBSUB_BYTES / costs.NUDGE_BYTES < 5_400_000


@pytest.mark.parametrize("way", WAYS)
def test_the_page_says_what_the_arithmetic_says(way):
    """Nobody trusts a table that was written by hand once."""
    cost = WAYS[way]
    (line,) = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith(f"| {way} |")]

    cells = [cell.strip() for cell in line.strip("|").split("|")]
    assert [f"{cost.vcpu_seconds:,.0f}", f"{cost.cu_hours:.0f}", f"${cost.dollars:.2f}"] == cells[2:5]
    assert re.fullmatch(r"\S.*", cells[1])
