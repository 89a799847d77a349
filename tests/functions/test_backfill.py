"""The door backfill and its commands: ordered over HTTP and at the shell, carried on by Pub/Sub, with a real Postgres and the stand-in."""

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from common.postgres.connect import Database
from tests.functions.conftest import DOORS, Door, topic_name
from tests.functions.test_cli import isthmus
from tests.integration.accounts import TABLE, map_table, run
from tests.integration.loading import FIELDS, records
from tests.stack.broker.client import Client
from tests.stack.sample import wait_until
from tests.standin.driving import Standin

WAIT_SECONDS = 120.0
RETRY = {"minimum_backoff": {"seconds": 1}, "maximum_backoff": {"seconds": 1}}


@pytest.fixture
def settings_of_all(database_environment: dict[str, str], pubsub: Client, standin: Standin) -> dict[str, str]:
    login = {"SF_LOGIN_URL": standin.url, "SF_CLIENT_ID": "isthmus", "SF_CLIENT_SECRET": "isthmus"}
    return DOORS["backfill"] | database_environment | login | {"PUBSUB_EMULATOR_HOST": pubsub.host}


@pytest.fixture
def door(
    settings_of_all: dict[str, str], database: Database, pubsub: Client, standin: Standin, logs: Path
) -> Iterator[Door]:
    """The door, with 250 accounts there and none here; what is asked of it is pushed to it."""
    standin.control("POST", "reset")
    standin.sign_in()
    records(standin, 250)
    map_table(database, fields=FIELDS)
    door = Door("backfill", settings_of_all, logs)
    subscription = pubsub.push_subscription(topic_name("work"), f"{door.ready().url}/work", retry_policy=RETRY)
    yield door
    pubsub.subscriber.delete_subscription(subscription=subscription)
    door.child.stop()


def order(door: Door, path: str, **body: Any) -> Any:
    answer = door.post(path, json=body)
    assert 200 == answer.status_code, answer.text
    return answer.json()


def wait_for(door: Door, backfill: int, state: str) -> Any:
    """How far it is, once it is so far."""
    pause = threading.Event()
    for _ in range(int(WAIT_SECONDS / 0.1)):
        (told,) = order(door, "status", backfill=backfill)
        if told["state"] == state:
            return told
        pause.wait(0.1)
    raise TimeoutError(f"it is still {told}")


def did(door: Door) -> list[str]:
    return [line["did"] for line in door.lines() if line["event"] == "backfill"]


def rows(database: Database) -> int:
    return int(run(database, f"SELECT count(*) FROM {TABLE} WHERE sfid IS NOT NULL")[0][0])


def test_slices_go_on_by_themselves(door: Door, database: Database) -> None:
    """Planned, begun, and done by messages alone; each slice leaves a line in the log."""
    planned = order(door, "plan", object="account", slice=100)
    begun = order(door, "run", object=TABLE, slice=100, who="airflow")
    told = wait_for(door, begun["backfill"], "done")

    assert {"object": "Account", "direction": "SF_TO_PG", "records": 250, "slices": 3}.items() <= planned.items()
    assert ("asking", "airflow") == (begun["state"], begun["asked_by"])
    assert (250, 250, 3, 250) == tuple(told[n] for n in ("done", "records", "slices", "written"))
    assert 250 == rows(database)
    wait_until(lambda: "done" in did(door), "its last line in the log")
    assert ["slice", "slice", "done"] == [word for word in did(door) if word not in ("asking", "")]


def test_the_shell_starts_pauses_and_goes_on(
    door: Door, database: Database, settings_of_all: dict[str, str], standin: Standin
) -> None:
    """Paused while Salesforce still works on the query; resumed, it is done; cancelled, it is over."""

    def ask(*arguments: str) -> Any:
        got = isthmus("backfill", *arguments, "--json", **settings_of_all)
        assert (0, "") == (got.returncode, got.stderr)
        return json.loads(got.stdout)

    standin.control("POST", "settings", {"bulkSecondsQueued": 3600})
    (planned,) = ask("start", "Account", "--dry-run")
    (begun,) = ask("start", "Account", "--slice", "200")
    number = str(begun["backfill"])
    (paused,) = ask("pause", number)
    standin.control("POST", "clock", {"move_seconds": 3600})
    (resumed,) = ask("resume", number)
    wait_for(door, begun["backfill"], "done")
    (again,) = ask("start", "Account")
    (cancelled,) = ask("cancel", str(again["backfill"]))

    assert (250, 1) == (planned["records"], planned["slices"])
    assert "paused" == paused["state"] != resumed["state"]
    assert 250 == rows(database)
    assert "cancelled" == cancelled["state"]
    assert ["cancelled", "done"] == [one["state"] for one in ask("list")]


@pytest.mark.parametrize(
    ("path", "body", "words"),
    [
        ("plan", {"object": "Nowhere"}, "Mapped objects: Account"),
        ("run", {}, "Name an object or a table"),
        ("run", {"object": "Account", "to": "mars"}, "Name one of postgres, salesforce"),
        ("status", {"backfill": 77}, "there is no backfill 77"),
        ("pause", {"backfill": "soon"}, "Give a whole number"),
        ("walk", {}, "Ask for one of /plan"),
    ],
)
def test_what_is_no_order_is_refused(door: Door, path: str, body: dict[str, Any], words: str) -> None:
    answer = door.post(path, json=body)

    assert 400 == answer.status_code
    assert words in answer.text
