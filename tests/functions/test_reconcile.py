"""The door reconcile as the scheduler meets it."""

import json
from typing import Any

import pytest

from common import codec, work
from common.mapping import Field, Kind
from common.postgres import refills
from common.postgres.connect import Database
from tests.functions.conftest import StartDoor, topic_name
from tests.functions.test_cli import isthmus
from tests.integration.accounts import log, map_table, run
from tests.stack.broker.client import PROJECT, Client
from tests.stack.broker.process import BrokerProcess
from tests.standin.driving import Standin

OLD = "INSERT INTO isthmus.change_log (table_name, record_id, change_type, new_data, state, created_at, processed_at) "


@pytest.fixture
def org(standin: Standin, broker: BrokerProcess, database_environment: dict[str, str]) -> dict[str, str]:
    """The settings that lead to a Salesforce with one account, to Pub/Sub, and to the test's database."""
    standin.control("POST", "reset", {"objects": True})
    standin.sign_in()
    standin.create("Account", Name="Acme")
    salesforce = {"SF_LOGIN_URL": standin.url, "SF_CLIENT_ID": "isthmus", "SF_CLIENT_SECRET": "isthmus"}
    return database_environment | salesforce | {"GOOGLE_CLOUD_PROJECT": PROJECT, "PUBSUB_EMULATOR_HOST": broker.host}


@pytest.fixture
def aged(database: Database) -> Database:
    """A change log with two old rows, one settled, one failed."""
    map_table(database)
    at = "now() - interval '10 days'"
    run(database, f"{OLD} VALUES ('salesforce.account', 'a', 'UPDATE', '{{}}', 'done', {at}, {at})")
    run(database, f"{OLD} VALUES ('salesforce.account', 'b', 'UPDATE', '{{}}', 'failed', {at}, NULL)")
    return database


def test_a_run_prunes(aged: Database, start_door: StartDoor, org: dict[str, str]) -> None:
    """It says how much of what went, logs it, and answers a health request without a database."""
    door = start_door("reconcile", **org)

    got = door.post()

    assert (200, 1) == (got.status_code, got.json()["pruned"]["log"])
    assert ["b"] == [e["record_id"] for e in log(aged)]
    (line,) = (line for line in door.lines() if line["event"] == "prune")
    assert 1 == line["rows"]


def test_a_run_looks_at_objects_and_goes_on_with_refills(
    database: Database, start_door: StartDoor, org: dict[str, str]
) -> None:
    """A mapped field that Salesforce does not have stops, once, with a line that says so; what waits is filled."""
    fields = (Field("Name", "name", Kind.TEXT), Field("Gone__c", "gone", Kind.TEXT))
    mapping = map_table(database, fields=fields)
    with database.transaction() as tx:
        refills.begin(tx, mapping, ["Name"])
    door = start_door("reconcile", **org)

    first, again = door.post().json(), door.post().json()

    assert (1, 0) == (first["changed"], again["changed"])
    told = [line for line in door.lines() if line.get("reason") == "field_stopped"]
    assert [True] == ["Account.Gone__c: removed" in line["message"] for line in told]
    assert ([["Gone__c"]], []) == (
        run(database, "SELECT field FROM isthmus.drift WHERE settled_at IS NULL"),
        run(database, "SELECT sync_config_id FROM isthmus.refill"),
    )


def test_its_settings_are_heard(aged: Database, start_door: StartDoor, org: dict[str, str]) -> None:
    door = start_door("reconcile", **org, KEEP_LOG_DAYS="11")

    assert 0 == door.post().json()["pruned"]["log"]


def test_without_a_database_it_says_why(start_door: StartDoor) -> None:
    got = start_door("reconcile").post()

    assert (503, "database_unavailable\n") == (got.status_code, got.text)


def test_the_shell_prunes_too(aged: Database, database_environment: dict[str, Any]) -> None:
    got = isthmus("prune", **database_environment)

    assert (0, "") == (got.returncode, got.stderr)
    assert ["log", "1"] == got.stdout.splitlines()[1].split()
    assert 1 == len(log(aged))


# -- comparing -----------------------------------------------------------------------------------


def test_a_wish_is_carried_out_in_slices(
    database: Database, start_door: StartDoor, pubsub: Client, org: dict[str, str], standin: Standin
) -> None:
    """What the puller could not read: a run is begun, does its slice when that is pushed, and asks for reads; it is logged."""
    map_table(database)
    works, changes = pubsub.subscription(topic_name("work")), pubsub.subscription(topic_name("salesforce-changes"))
    door = start_door("reconcile", **org)

    asked = door.push(work.encode(work.resync("Account", "overflow")), path="work", kind=work.RESYNC)
    (slice_,) = pubsub.take(works)
    done = door.push(slice_, path="work", kind=work.RESYNC)
    again = door.push(slice_, path="work", kind=work.RESYNC)
    other = door.push(b"", path="work", kind=work.NUDGE)

    assert [204] * 4 == [a.status_code for a in (asked, done, again, other)]
    (hint,) = codec.decode(pubsub.take(changes)[0])
    assert standin.query("SELECT Id FROM Account")[0]["Id"] == hint.record_id
    (line,) = (line for line in door.lines() if line["event"] == "reconcile")
    assert ("Account", 1, 1) == (line["sobject"], line["compared"], line["drift"])


def test_the_shell_compares_and_lists(database: Database, org: dict[str, str], pubsub: Client) -> None:
    """A run of each mapping, with what it found; past runs are listed."""
    map_table(database)

    compared = isthmus("reconcile", "Account", "--full", **org)
    listed = isthmus("reconcile", "list", "Account", "--json", **org)
    lately = isthmus("reconcile", **org)

    assert ["", "", ""] == [got.stderr for got in (compared, listed, lately)]
    assert ["Account", "full", "done", "1", "1", "0"] == compared.stdout.splitlines()[1].split()[:6]
    (past,) = json.loads(listed.stdout)
    assert ("shell", 1) == (past["reason"], past["missing"])
    assert ["Account", "window", "done"] == lately.stdout.splitlines()[1].split()[:3]
