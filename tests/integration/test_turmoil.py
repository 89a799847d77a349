"""Some hundred records in turmoil: what was missed is found. Fifty thousand are in tests/load."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from common.postgres.connect import Database
from tests.integration.turmoil import Turmoil, rage
from tests.standin.driving import Standin

RECORDS = 300


@pytest.fixture
def turmoil(database: Database, tmp_path: Path) -> Iterator[Turmoil]:
    with Standin("--grpc-port", "0") as standin:
        standin.sign_in()
        turmoil = Turmoil(database, standin, tmp_path, RECORDS)
        yield turmoil
        turmoil.close()


def test_after_one_reconcile_both_sides_are_equal(turmoil: Turmoil) -> None:
    """Messages lost, doubled, in any order and given up after a day, gaps, an overflow; deletions that nobody saw."""
    heard = rage(turmoil)
    turmoil.sides.grant_view_all()
    assert (False, False) == (turmoil.sides.equal(), turmoil.judged_equal())

    (found,) = turmoil.reconcile()

    assert (True, True) == (turmoil.sides.equal(), turmoil.judged_equal())
    assert heard > RECORDS
    assert {"compared", "missing", "older", "gone", "purged"} == set(found)
