"""Doors as the cloud starts them: each a process of its own, called over HTTP, its log read."""

import base64
import json
import uuid
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import requests

from common import codec
from common.change import Change
from tests.stack.broker.client import PROJECT, Client
from tests.stack.broker.process import BrokerProcess
from tests.stack.postgres import free_port
from tests.stack.process import Child, clean_environment, python
from tests.standin.driving import Standin

ORG = "00D5w000004qGTOEA2"
SECRET_PATH = "s3cr3t-path"
TOPICS = ("salesforce-changes", "postgres-changes", "work")
ANSWER_SECONDS = 60

# What each door needs to start; nobody listens there.
NOWHERE = "127.0.0.1:9"
DATABASE = {"DATABASE_URL": f"postgresql://user@{NOWHERE}/nowhere"}
SALESFORCE = {"SF_LOGIN_URL": f"http://{NOWHERE}", "SF_CLIENT_ID": "isthmus", "SF_CLIENT_SECRET": "isthmus"}
INBOUND = {"INBOUND": json.dumps({"org_id": ORG, "secret_path": SECRET_PATH})}
HMAC_KEYS = ("k" * 32, "the new one, while they are rotated")
CONSOLE = {"CONSOLE_SECRET": "s" * 32}
BOOKMARKS = {"PULL_STATE": "/nowhere/bookmarks"}
KEYS = {"INBOUND": json.dumps({"org_id": ORG, "hmac_keys": HMAC_KEYS})}
PUBSUB = {"GOOGLE_CLOUD_PROJECT": PROJECT, "PUBSUB_EMULATOR_HOST": NOWHERE}
DOORS: dict[str, dict[str, str]] = {
    "receive_outbound_message": INBOUND | PUBSUB,
    "receive_webhook": KEYS | PUBSUB,
    "pull_change_events": BOOKMARKS | SALESFORCE | PUBSUB,
    "upsert_postgres": DATABASE | SALESFORCE | PUBSUB,
    "drain_change_log": DATABASE | PUBSUB,
    "upsert_salesforce": DATABASE | SALESFORCE | PUBSUB,
    "keep_dead_letters": DATABASE | PUBSUB,
    "backfill": DATABASE | SALESFORCE | PUBSUB,
    "reconcile": DATABASE | SALESFORCE | PUBSUB,
    "console": CONSOLE | DATABASE | SALESFORCE | PUBSUB,
}


def arguments(door: str, port: int) -> list[str]:
    """What functions-framework is told."""
    source = f"functions/{door}/main.py"
    return ["--source", source, "--target", door, "--host", "127.0.0.1", "--port", str(port)]


def command(door: str, port: int) -> list[str]:
    return [*python("-m", "functions_framework"), *arguments(door, port)]


class Door:
    """A running door."""

    def __init__(self, name: str, settings: Mapping[str, str], folder: Path, program: list[str] | None = None) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        started = [*program, *arguments(name, self.port)] if program else command(name, self.port)
        environment = clean_environment() | {"THREADS": "8"} | dict(settings)
        self.child = Child(name, started, environment, folder / f"{name}-{uuid.uuid4().hex}.log")
        self.child.start()

    def ready(self) -> "Door":
        self.child.wait_for_page(self.url)
        return self

    def post(self, path: str = "", **more: Any) -> requests.Response:
        return requests.post(f"{self.url}/{path}", timeout=ANSWER_SECONDS, **more)

    def push(self, data: bytes, *, path: str = "", message_id: str = "m-1", **attributes: str) -> requests.Response:
        """Post as Pub/Sub does."""
        message = {
            "data": base64.b64encode(data).decode(), "messageId": message_id, "attributes": attributes,
            "publishTime": "2026-01-31T12:00:00.000Z",
        }  # fmt: skip
        return self.post(path, json={"message": message, "subscription": "s", "deliveryAttempt": 3})

    def push_changes(self, *changes: Change, **more: str) -> requests.Response:
        (data,) = codec.encode(changes, max_changes=len(changes))
        return self.push(data, **more)

    def lines(self) -> list[dict[str, Any]]:
        """What it has logged; a line that is no JSON fails the test."""
        return [json.loads(line) for line in self.child.log.read_bytes().splitlines()]

    def resident_bytes(self) -> int:
        """Memory that its worker holds now."""
        return self._memory("VmRSS")

    def peak_bytes(self) -> int:
        """The most memory that its worker ever held."""
        return self._memory("VmHWM")

    def _memory(self, kind: str) -> int:
        head = self.child._process.pid
        (worker,) = Path(f"/proc/{head}/task/{head}/children").read_text().split()
        found = dict(line.split(":", 1) for line in Path(f"/proc/{worker}/status").read_text().splitlines())
        return int(found[kind].removesuffix("kB")) * 1024


StartDoor = Callable[..., Door]


@pytest.fixture(scope="session")
def logs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("doors")


@pytest.fixture(scope="module")
def start_door(logs: Path) -> Iterator[StartDoor]:
    """Starts doors with the least they need, bent by the settings given; each ends with the module."""
    started: list[Door] = []

    def start(name: str, **settings: str) -> Door:
        started.append(Door(name, DOORS[name] | settings, logs))
        return started[-1].ready()

    yield start
    for door in started:
        door.child.stop()


@pytest.fixture(scope="session")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BrokerProcess]:
    """One local Pub/Sub for the whole run."""
    process = BrokerProcess(tmp_path_factory.mktemp("functions-broker"))
    yield process
    process.stop()


@pytest.fixture(scope="session")
def pubsub(broker: BrokerProcess) -> Iterator[Client]:
    """Its client; the project's topics are there."""
    client = Client(broker.host)
    for short in TOPICS:
        client.publisher.create_topic(name=topic_name(short))
    yield client
    client.close()


def topic_name(short: str) -> str:
    return f"projects/{PROJECT}/topics/{short}"


@pytest.fixture(scope="session")
def standin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Standin]:
    """A Salesforce for the whole run."""
    with Standin("--data", tmp_path_factory.mktemp("standin")) as standin:
        standin.sign_in()
        yield standin
