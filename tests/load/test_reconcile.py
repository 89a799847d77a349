"""Fifty thousand records in turmoil, then one reconcile; run by `make test/load`."""

import time
from pathlib import Path

import pytest

from common.postgres.connect import Database
from tests.integration.turmoil import Turmoil, rage
from tests.standin.driving import Standin

RECORDS = 50_000


@pytest.mark.timeout(1800)
def test_fifty_thousand_records_are_equal_after_one_reconcile(database: Database, tmp_path: Path) -> None:
    """Changed, deleted, undeleted, merged, purged; messages lost, doubled, in any order and given up, gaps, an overflow."""
    with Standin("--grpc-port", "0") as standin:
        standin.sign_in()
        turmoil = Turmoil(database, standin, tmp_path, RECORDS)
        began = time.monotonic()
        heard = rage(turmoil)
        turmoil.sides.grant_view_all()
        between = time.monotonic()
        assert not turmoil.judged_equal()

        turmoil.sides.forget_calls()
        (found,) = turmoil.reconcile()
        calls, ended = turmoil.sides.calls(), time.monotonic()

        assert (True, True) == (turmoil.sides.equal(), turmoil.judged_equal())
        assert {"compared", "missing", "older", "gone", "purged"} == set(found)
        print(f"\n{RECORDS:,} records, {heard:,} changes heard in {between - began:.0f} s; reconciled in "
              f"{ended - between:.0f} s with {calls} calls: {found}")  # fmt: skip
        turmoil.close()
