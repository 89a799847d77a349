"""The door reconcile as the scheduler meets it."""

from typing import Any

import pytest

from common.postgres.connect import Database
from tests.functions.conftest import StartDoor
from tests.functions.test_cli import isthmus
from tests.integration.accounts import log, map_table, run

OLD = "INSERT INTO isthmus.change_log (table_name, record_id, change_type, new_data, state, created_at, processed_at) "


@pytest.fixture
def aged(database: Database) -> Database:
    """A change log with two old rows, one settled, one failed."""
    map_table(database)
    at = "now() - interval '10 days'"
    run(database, f"{OLD} VALUES ('salesforce.account', 'a', 'UPDATE', '{{}}', 'done', {at}, {at})")
    run(database, f"{OLD} VALUES ('salesforce.account', 'b', 'UPDATE', '{{}}', 'failed', {at}, NULL)")
    return database


def test_a_run_prunes(aged: Database, start_door: StartDoor, database_environment: dict[str, str]) -> None:
    """It says how much of what went, logs it, and answers a health request without a database."""
    door = start_door("reconcile", **database_environment)

    got = door.post()

    assert (200, 1) == (got.status_code, got.json()["pruned"]["log"])
    assert ["b"] == [e["record_id"] for e in log(aged)]
    (line,) = (line for line in door.lines() if line["event"] == "prune")
    assert 1 == line["rows"]


def test_its_settings_are_heard(aged: Database, start_door: StartDoor, database_environment: dict[str, str]) -> None:
    door = start_door("reconcile", **database_environment, KEEP_LOG_DAYS="11")

    assert 0 == door.post().json()["pruned"]["log"]


def test_without_a_database_it_says_why(start_door: StartDoor) -> None:
    got = start_door("reconcile").post()

    assert (503, "database_unavailable\n") == (got.status_code, got.text)


def test_the_shell_prunes_too(aged: Database, database_environment: dict[str, Any]) -> None:
    got = isthmus("prune", **database_environment)

    assert (0, "") == (got.returncode, got.stderr)
    assert ["log", "1"] == got.stdout.splitlines()[1].split()
    assert 1 == len(log(aged))
