"""Every door starts by itself, says that it is there, and stops with one sentence where a setting is missing."""

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest
import requests

from common import health
from tests.functions.conftest import DOORS, Door, command
from tests.stack.postgres import free_port
from tests.stack.process import ROOT, clean_environment

WHAT_TO_SET = {
    "DATABASE_URL": "Set it to postgresql://user:password@host:5432/name",
    "GOOGLE_CLOUD_PROJECT": "Set it to the Google Cloud project's id",
    "receive_outbound_message INBOUND": 'Set it to {"org_id": "00D...',
    "receive_webhook INBOUND": 'Set it to {"hmac_keys": ["..."]}',
    "CONSOLE_SECRET": "Set CONSOLE_IAP_AUDIENCE or CONSOLE_GOOGLE_CLIENT_ID",
    "PULL_STATE": "Set it to a folder, or gs://bucket/prefix",
    "SF_LOGIN_URL": "Set it to your org's My Domain",
    "SF_CLIENT_ID": "Set SF_CLIENT_ID and SF_CLIENT_SECRET; or",
    "SF_CLIENT_SECRET": "Set SF_CLIENT_ID and SF_CLIENT_SECRET; or",
}
MISSING = [(door, {name: ""}, (name, WHAT_TO_SET[f"{door} {name}" if name == "INBOUND" else name]))
           for door in DOORS for name in DOORS[door] if name != "PUBSUB_EMULATOR_HOST"]  # fmt: skip

DB, ORG_WISH = WHAT_TO_SET["DATABASE_URL"], WHAT_TO_SET["receive_outbound_message INBOUND"]
WRONG: list[tuple[str, dict[str, str], tuple[str, ...]]] = [
    ("upsert_postgres", {"DATABASE_URL": "garbage"}, ("DATABASE_URL", DB)),
    ("drain_change_log", {"DATABASE_URL": "mysql://u:p@h/d"}, ("DATABASE_URL", DB)),
    ("upsert_salesforce", {"DATABASE_URL": "postgresql://u:p@h:port/d"}, ("DATABASE_URL", DB)),
    ("keep_dead_letters", {"DATABASE_DIRECT_URL": "garbage"}, ("DATABASE_DIRECT_URL", DB)),
    ("receive_outbound_message", {"INBOUND": "00D000000000001AAA"}, ("INBOUND is not JSON", "Set it to one JSON")),
    ("receive_outbound_message", {"INBOUND": "[]"}, ("INBOUND", "Set it to one JSON object")),
    ("receive_outbound_message", {"INBOUND": '{"secret_path": "x"}'}, ("INBOUND names no org_id", ORG_WISH)),
    ("receive_outbound_message", {"INBOUND": '{"org_id": "Acme"}'}, ("INBOUND", "org_id", ORG_WISH)),
    ("receive_outbound_message", {"INBOUND": '{"org_id": 12}'}, ("INBOUND", "org_id", "quotes")),
    ("receive_webhook", {"INBOUND": '{"hmac_keys": ["short"]}'}, ("hmac_keys", "openssl rand -hex 32")),
    ("receive_webhook", {"INBOUND": '{"hmac_keys": {"a": 1}}'}, ("hmac_keys", "one or two keys")),
    ("drain_change_log", {"SCHEDULE_JOB": "drain"}, ("SCHEDULE_JOB", "projects/PROJECT/locations/REGION/jobs/NAME")),
    ("drain_change_log", {"IDLE_MINUTES": "7"}, ("IDLE_MINUTES is 7", "one of 15, 30, 60")),
    ("drain_change_log", {"SLEEPY_DATABASE": "yes"}, ("SLEEPY_DATABASE", "true or false")),
    ("pull_change_events", {"PULL_STATE": "gs://"}, ("PULL_STATE is 'gs://'", "gs://bucket/prefix")),
    ("pull_change_events", {"SF_PUBSUB_ENDPOINT": "https://x"}, ("SF_PUBSUB_ENDPOINT", "Set it to host:port")),
    ("upsert_salesforce", {"SALESFORCE": "{"}, ("SALESFORCE is not JSON", "Set it to one JSON object")),
    ("console", {"CONSOLE_SECRET": "short"}, ("CONSOLE_SECRET is shorter", "openssl rand -hex 32")),
    ("console", {"CONSOLE_IAP_AUDIENCE": "/projects/1"}, ("CONSOLE_OPERATORS is not set", "@example.com")),
    ("console", {"CONSOLE_OPERATORS": "kim"}, ("CONSOLE_OPERATORS holds 'kim'", "List addresses")),
    ("console", {"CONSOLE_ORIGIN": "*"}, ("CONSOLE_ORIGIN is '*'", "one origin")),
    ("console", {"K_SERVICE": "console"}, ("CONSOLE_SECRET is for one machine", "let Google sign in")),
    ("drain_change_log", {"CALL_SECONDS": "soon"}, ("CALL_SECONDS", "whole number; 720")),
    ("drain_change_log", {"CLAIM_SECONDS": "0"}, ("CLAIM_SECONDS", "whole number; 120")),
]
CASES = MISSING + WRONG
NAMES = [f"{door}-{'-'.join(f'{k}={v}' for k, v in bent.items())}" for door, bent, _ in CASES]


@pytest.fixture(scope="module")
def ended() -> Iterator[list[Future[subprocess.CompletedProcess[str]]]]:
    """All of the refused starts, two at a time."""
    with ThreadPoolExecutor(2) as pool:
        yield [pool.submit(_start, door, DOORS[door] | bent) for door, bent, _ in CASES]


def _start(door: str, settings: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(door, free_port()),
        cwd=ROOT, env=clean_environment() | dict(settings), capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


@pytest.mark.parametrize("number", range(len(CASES)), ids=NAMES)
def test_it_stops_with_one_sentence(number: int, ended: list[Future[subprocess.CompletedProcess[str]]]) -> None:
    """A setting that is missing or wrong ends the process: 1, one line that names it and says what to set."""
    door, _, words = CASES[number]

    got = ended[number].result()

    assert (1, "") == (got.returncode, got.stdout)
    (line,) = got.stderr.splitlines()
    assert line.startswith(f"isthmus {door}: ")
    assert [] == [word for word in words if word not in line], line
    assert "p@h" not in line, "a refused address may hold a password"


@pytest.fixture(scope="module")
def doors(logs: Path) -> Iterator[dict[str, Door]]:
    """All of them, with nobody to talk to."""
    started = {name: Door(name, settings, logs) for name, settings in DOORS.items()}
    try:
        yield {name: door.ready() for name, door in started.items()}
    finally:
        for door in started.values():
            door.child.stop()


@pytest.mark.parametrize("name", DOORS)
def test_it_answers_a_health_request(name: str, doors: dict[str, Door]) -> None:
    """GET is answered with 200 and JSON, HEAD with its head, though neither database nor anybody else is there."""
    door = doors[name]

    got = requests.get(door.url, timeout=10)
    head = requests.head(door.url, timeout=10)

    assert (200, "application/json") == (got.status_code, got.headers["Content-Type"])
    assert {"door": name, "status": "ok", "release": health.release()} == got.json()
    assert (200, "application/json", b"") == (head.status_code, head.headers["Content-Type"], head.content)
    assert got.headers["Content-Length"] == head.headers["Content-Length"]
    assert [] == door.lines(), "asking costs no line of the log"


def test_it_starts_as_the_readme_says(logs: Path) -> None:
    """`functions-framework --source ... --target ...` of the environment that the project is installed in."""
    name = "receive_outbound_message"
    program = str(Path(sys.executable).parent / "functions-framework")

    door = Door(name, DOORS[name], logs, [program])
    try:
        got = json.loads(requests.get(door.ready().url, timeout=10).text)
    finally:
        door.child.stop()

    assert name == got["door"]
