"""`isthmus doctor` on a deployment of one machine: what is well, and each trouble with its remedy."""

import json
import os
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from google.cloud.scheduler_v1 import Job
from google.pubsub_v1 import SubscriberClient

from common import config
from common.postgres import checkup
from common.postgres.connect import Database
from common.salesforce.session import Session
from functions.cli.main import main
from tests.integration.accounts import run
from tests.stack import topology
from tests.stack.broker.client import Client
from tests.stack.broker.process import BrokerProcess
from tests.stack.scheduler.client import connect
from tests.stack.scheduler.server import Scheduler
from tests.standin.driving import Standin

PARENT = "projects/isthmus-local/locations/here"
JOB = f"{PARENT}/jobs/drain"
NOWHERE = "http://127.0.0.1:9"

Doctor = Callable[..., tuple[int, dict[str, list[dict[str, Any]]]]]


@pytest.fixture(scope="module")
def standin() -> Iterator[Standin]:
    with Standin() as standin:
        standin.sign_in()
        yield standin


@pytest.fixture(scope="module")
def pubsub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """A Pub/Sub with the topology of the stack."""
    process = BrokerProcess(tmp_path_factory.mktemp("doctor-broker"))
    topology.create(
        process.host, dict.fromkeys((*topology.READERS.values(), *topology.WORKERS, "keep_dead_letters"), NOWHERE)
    )
    client = Client(process.host)
    yield client
    client.close()
    process.stop()


@pytest.fixture(scope="module")
def scheduler(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Cloud Scheduler with the drainer's job; its host:port."""
    scheduler = Scheduler(tmp_path_factory.mktemp("doctor-scheduler"))
    host = f"127.0.0.1:{scheduler.port}"
    client = connect(host)
    client.create_job(parent=PARENT, job=Job(name=JOB, schedule="0 0 29 2 *", http_target={"uri": NOWHERE}))
    yield host
    client.transport.close()
    scheduler.stop()


@pytest.fixture
def receiver() -> Iterator[str]:
    """A door that answers; its address."""

    class Door(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b'{"door": "receive_webhook"}')

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Door)
    threading.Thread(target=server.serve_forever, args=(0.05,)).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


@pytest.fixture
def environment(
    database_environment: dict[str, str], standin: Standin, pubsub: Client, scheduler: str
) -> Iterator[dict[str, str]]:
    """What a person has set who looks; accounts are mapped."""
    login = {"SF_LOGIN_URL": standin.url, "SF_CLIENT_ID": "isthmus", "SF_CLIENT_SECRET": "isthmus"}
    with Session(config.salesforce(login)) as session:
        org = session.org_id
    held = database_environment | login | {
        "PUBSUB_EMULATOR_HOST": pubsub.host, "GOOGLE_CLOUD_PROJECT": topology.PROJECT,
        "SCHEDULE_JOB": JOB, "SCHEDULER_EMULATOR_HOST": scheduler,
        "INBOUND": json.dumps({"org_id": org, "secret_path": "p", "hmac_keys": ["k" * 32]}),
    }  # fmt: skip
    with mock.patch.dict(os.environ, held):
        main(["mapping", "create", "Account", "--fields", "Name,Phone", "--yes"])
        yield held


@pytest.fixture
def doctor(environment: dict[str, str], receiver: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Doctor:
    """Looks, with settings bent and receivers given: the exit code, and findings by subject."""

    def look(receivers: dict[str, str] | None = None, **bent: str) -> tuple[int, dict[str, list[dict[str, Any]]]]:
        addresses = {"receive_webhook": receiver} if receivers is None else receivers
        outputs = {"environment": {"value": {"PREFIX": ""}}, "receivers": {"value": addresses}}
        (tmp_path / "deployment.json").write_text(json.dumps(outputs), encoding="utf-8")
        capsys.readouterr()
        code = 0
        with mock.patch.dict(os.environ, bent):
            try:
                main(["doctor", "--json", "--deployment", str(tmp_path / "deployment.json")])
            except SystemExit as exc:
                code = int(exc.code or 0)
        found: dict[str, list[dict[str, Any]]] = {}
        for finding in json.loads(capsys.readouterr().out):
            found.setdefault(finding["subject"], []).append(finding)
        return code, found

    return look


def troubles(found: dict[str, list[dict[str, Any]]]) -> dict[str, str]:
    """What is wrong, by subject; each has a remedy."""
    wrong = {f["subject"]: f for several in found.values() for f in several if f["level"] in ("PROBLEM", "warning")}
    assert all(f["remedy"] for f in wrong.values())
    return {subject: f["says"] for subject, f in wrong.items()}


def test_what_is_well_is_said(doctor: Doctor) -> None:
    """Login, clocks, permissions, database, pooler, triggers, topics, schedule, receivers; exit code 0."""
    code, found = doctor()

    assert (0, {}) == (code, troubles(found))
    subjects = {
        "database",
        "clock",
        "pooler",
        "direct",
        "triggers",
        "login",
        "permissions",
        "topics",
        "schedule",
        "receivers",
    }
    assert subjects <= {f["subject"] for several in found.values() for f in several if f["level"] == "ok"}


def test_a_trigger_that_is_off_or_gone_is_named(doctor: Doctor, database: Database) -> None:
    """With the statement that switches it on, or the commands that make it anew."""
    run(database, "ALTER TABLE salesforce.account DISABLE TRIGGER isthmus_capture_update")
    code, found = doctor()

    assert (1, ["triggers"]) == (code, list(troubles(found)))
    assert "ALTER TABLE salesforce.account ENABLE TRIGGER isthmus_capture_update" == found["triggers"][0]["remedy"]
    run(database, "DROP TRIGGER isthmus_capture_delete ON salesforce.account")
    assert "lacks isthmus_capture_delete" in troubles(doctor()[1])["triggers"]


def test_its_remedy_for_triggers_helps(doctor: Doctor, database: Database) -> None:
    """The commands that it names make the triggers anew."""
    run(database, "DROP TRIGGER isthmus_capture_delete ON salesforce.account")

    for capture in ("debezium", "trigger"):
        main(["mapping", "capture", "Account", capture])

    code, found = doctor()
    assert (0, {}) == (code, troubles(found))


def test_another_org_is_named(doctor: Doctor) -> None:
    """Receivers would refuse every message of the org that doors log in to."""
    inbound = json.dumps({"org_id": "00D000000000001AAA", "hmac_keys": ["k" * 32]})

    code, found = doctor(INBOUND=inbound)

    assert (1, ["org"]) == (code, list(troubles(found)))
    assert "INBOUND expects org 00D000000000001AAA" in troubles(found)["org"]


def test_what_the_user_may_not_do_is_named(doctor: Doctor, standin: Standin) -> None:
    """A mapped field that is hidden, and one that may not be edited."""
    me = standin.http.get(f"{standin.url}/services/oauth2/userinfo").json()["preferred_username"]
    standin.control("POST", "access", {"username": me, "object": "Account", "hidden": ["Name"], "readOnly": ["Phone"]})
    try:
        code, found = doctor()
    finally:
        standin.control("POST", "access", {"username": me, "object": "Account"})

    assert (1, ["permissions"]) == (code, list(troubles(found)))
    assert "may not see Name, edit Phone" in troubles(found)["permissions"]


def test_a_topic_that_nobody_reads_is_named(doctor: Doctor, pubsub: Client) -> None:
    """Its messages would be lost in silence; so is one that is not there."""
    subscription = f"projects/{topology.PROJECT}/subscriptions/salesforce-changes-dead"
    pubsub.subscriber.delete_subscription(subscription=subscription)
    try:
        code, found = doctor()
    finally:
        topology.create(
            pubsub.host, dict.fromkeys((*topology.READERS.values(), *topology.WORKERS, "keep_dead_letters"), NOWHERE)
        )

    assert (1, ["topics"]) == (code, list(troubles(found)))
    assert "nobody reads projects/isthmus-local/topics/salesforce-changes-dead" in troubles(found)["topics"]
    assert "does not exist" in troubles(doctor(PREFIX="other-")[1])["topics"]
    assert isinstance(pubsub.subscriber, SubscriberClient)


def test_a_paused_schedule_is_named(doctor: Doctor, scheduler: str) -> None:
    """A warning: a person may want it so. A job that is not there is a problem."""
    client = connect(scheduler)
    client.pause_job(name=JOB)
    code, found = doctor()
    client.resume_job(name=JOB)
    client.transport.close()

    assert (0, ["schedule"]) == (code, list(troubles(found)))
    assert "is paused" in troubles(found)["schedule"]
    assert 1 == doctor(SCHEDULE_JOB=f"{PARENT}/jobs/other")[0]


def test_a_receiver_that_is_not_there_is_named(doctor: Doctor, receiver: str) -> None:
    """Nobody answers, or another door does."""
    code, found = doctor({"receive_outbound_message": receiver, "receive_webhook": NOWHERE})

    said = [f["says"] for f in found["receivers"]]
    assert (1, 2) == (code, len(said))
    assert "receive_outbound_message is not there" in said[0]
    assert "receive_webhook is not there" in said[1]


def test_one_trouble_hides_no_other(doctor: Doctor) -> None:
    """Without its database, its login and its topics: three problems, and everything else is looked at."""
    code, found = doctor(
        DATABASE_URL="postgresql://nobody:secret@127.0.0.1:9/nowhere", DATABASE_DIRECT_URL="", SF_LOGIN_URL=NOWHERE,
    )  # fmt: skip

    assert 1 == code
    assert {"database", "clock", "salesforce"} <= set(troubles(found))
    assert "ok" == found["schedule"][0]["level"]
    assert "secret" not in json.dumps(found)


def test_it_prints_each_finding_with_its_remedy(
    environment: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    """For people: level, subject, sentence; below it what to do."""
    capsys.readouterr()

    main(["doctor"])

    lines = capsys.readouterr().out.splitlines()
    assert any(line.startswith("ok       database     answers on ") for line in lines)
    assert any(line.startswith("skipped  receivers") for line in lines)
    assert any(line.startswith(" " * 21 + " -> Name --deployment") for line in lines)


@pytest.mark.parametrize(
    ("url", "named"),
    [
        ("postgresql://u@ep-cool.us-east-1.aws.neon.tech/d", "Neon"),
        ("postgresql://u@ep-cool-pooler.us-east-1.aws.neon.tech/d", ""),
        ("postgresql://u@db.abc.supabase.co:5432/d", "Supabase"),
        ("postgresql://u@aws-0-us.pooler.supabase.com:5432/d", "Supabase"),
        ("postgresql://u@aws-0-us.pooler.supabase.com:6543/d", ""),
        ("postgresql://u@example.com/d", ""),
    ],
)
def test_addresses_past_a_pooler_are_known(url: str, named: str) -> None:
    """Doors' many short connections want the pooled address of Neon and Supabase."""
    said = checkup._unpooled(config.database({"DATABASE_URL": url}).target)

    assert said.startswith(named)
    assert bool(named) == bool(said)
