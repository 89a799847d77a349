"""Doors in front of a database that was restored, copied or branched: closed, until a person has compared."""

import json

import pytest

from common.postgres import identity, mappings
from common.postgres.connect import Database
from tests.fakes.factories import a_change, an_edit_change
from tests.functions.conftest import Door, StartDoor
from tests.integration.accounts import map_table, run

ORG = "00D000000000001EAA"
LAST_ROUND = {"isthmus-round": "5"}


def call(door: Door, name: str) -> tuple[int, str]:
    """As its caller calls it."""
    if name in ("drain_change_log", "reconcile"):
        answer = door.post()
    elif name == "upsert_salesforce":
        answer = door.push_changes(an_edit_change())
    else:
        answer = door.push_changes(a_change(), path="salesforce-changes", **LAST_ROUND)
    return answer.status_code, answer.text


@pytest.mark.parametrize(
    "name", ["upsert_postgres", "drain_change_log", "upsert_salesforce", "keep_dead_letters", "reconcile"]
)
def test_it_stops_says_why_and_goes_on_once_it_is_bound_anew(
    name: str, database: Database, database_environment: dict[str, str], start_door: StartDoor
) -> None:
    """503 with the reason, the command in the log; nothing was touched; no restart is needed afterwards."""
    map_table(database)
    with database.transaction() as tx:
        mappings.bind_org(tx, ORG)
    run(database, 'UPDATE isthmus.identity SET signs = signs || \'{"cluster": "another"}\'')
    door = start_door(name, **database_environment)

    moved = call(door, name)
    troubles = [line for line in door.lines() if line["event"] == "trouble"]
    with Database(database._settings, check_identity=False) as outside, outside.transaction() as tx:
        identity.bind(tx, ORG)
    after = call(door, name)

    assert (503, "database_moved\n") == moved
    assert "`isthmus rebase`" in json.dumps(troubles)
    assert "database_moved" not in after[1]
