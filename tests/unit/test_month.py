"""What the mesh costs: the table of terraform/README.md is what the arithmetic says."""

from pathlib import Path

from tests.benchmarks import costs, month

PAGE = (Path(__file__).parents[2] / "terraform" / "README.md").read_text(encoding="utf-8")


def test_the_page_says_what_the_arithmetic_says():
    """Row by row."""
    told = [
        line
        for line in PAGE.splitlines()
        if line.startswith("| ") and (" a message |" in line or "one by one |" in line)
    ]

    assert month.table() == told


def test_a_million_changes_in_batches_are_free():
    """So are a hundred thousand that come one by one."""
    assert 0 == sum(month.of(1_000_000, month.BATCHED).bill().values())
    assert 0 == sum(month.of(100_000, month.ALONE).bill().values())


def test_looking_stays_within_half_of_the_free_tier():
    """All three schedules, every minute of the month."""
    assert sum(runs * seconds * cpu for runs, seconds, cpu in month.LOOKS.values()) <= costs.OURS_VCPU_SECONDS
