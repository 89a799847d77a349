"""Every door starts alone, says that it is there, and stops with one sentence where a setting is missing."""

import http.client
import json
import subprocess

import pytest
import requests

from common.postgres.dead_letters import DeadLetters
from tests.functions.doors import DATABASE, DOORS, INBOUND, PUBSUB, SALESFORCE, command, opened
from tests.stack.postgres import free_port
from tests.stack.process import ROOT, clean_environment

START_SECONDS = 60
PUSHED = ["upsert_postgres", "upsert_salesforce", "keep_dead_letters"]


def without(settings, *names):
    return {name: value for name, value in settings.items() if name not in names}


MISSING = [
    (door, without(settings, name), name)
    for door, settings in DOORS.items()
    for name in settings
    if name in {**DATABASE, **INBOUND, "GOOGLE_CLOUD_PROJECT": "", "SF_LOGIN_URL": "", "SF_CLIENT_SECRET": ""}
]
WRONG = [
    ("receive_outbound_message", INBOUND | PUBSUB | {"INBOUND": "{s3cr3t"}, "INBOUND is not JSON"),
    ("drain_change_log", PUBSUB | {"DATABASE_URL": "user:s3cr3t@host/db"}, "DATABASE_URL"),
    ("upsert_salesforce", DATABASE | SALESFORCE | {"CALL_SECONDS": "soon"}, "CALL_SECONDS is 'soon'"),
    ("keep_dead_letters", PUBSUB, "DATABASE_URL is not set"),
]


@pytest.mark.parametrize(
    ("door", "settings", "named"), MISSING + WRONG, ids=lambda value: value if isinstance(value, str) else ""
)
def test_a_door_without_a_setting_stops_with_one_sentence(door, settings, named):
    """Exit code 1, one line on stderr that names the setting, nothing else, and no secret."""
    done = subprocess.run(
        command(door, free_port()), cwd=ROOT, env=clean_environment() | settings, timeout=START_SECONDS,
        capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert 1 == done.returncode, done.stderr
    (sentence,) = done.stderr.splitlines()
    assert sentence.startswith(f"isthmus {door}: ")
    assert named in sentence
    assert "Set" in sentence
    assert "s3cr3t" not in sentence
    assert "" == done.stdout


@pytest.fixture(scope="module")
def open_door(tmp_path_factory):
    with opened(tmp_path_factory.mktemp("doors")) as open_door:
        yield open_door


@pytest.fixture(scope="module", params=DOORS)
def door(request, open_door):
    return request.param, open_door(request.param)


def test_a_door_starts_with_the_least_it_needs_and_is_well(door):
    """Asking costs nothing: no database, no org and no Pub/Sub is there to be asked. Any path will do."""
    name, running = door

    for path in ("", "/", "/health", "/any/where"):
        answer = requests.get(f"{running.url}{path}", timeout=10)
        assert (200, "application/json") == (answer.status_code, answer.headers["Content-Type"])
        assert {"door": name, "status": "ok"}.items() <= answer.json().items()
        assert "release" in answer.json()
    assert 200 == requests.head(running.url, timeout=10).status_code


@pytest.fixture(scope="module", params=PUSHED)
def pushed(request, open_door):
    return open_door(request.param)


@pytest.mark.parametrize(
    ("body", "kind"),
    [(b"", "application/json"), (b"{", "application/json"), (b"{}", "text/plain"), (b"[1]", "application/json"),
     (b'{"message": {"data": "!"}}', "application/json"), (b"\xff" * 1000, "application/octet-stream")],
)  # fmt: skip
def test_a_stranger_is_told_what_a_push_is(pushed, body, kind):
    """What is no push is answered with 400 and what was expected; nothing is asked of anybody."""
    answer = requests.post(f"{pushed.url}/work", data=body, headers={"Content-Type": kind}, timeout=10)

    assert 400 == answer.status_code
    assert answer.text.startswith("not_a_push: ")


def a_push(data="bm90IG91cnM="):
    return {"message": {"data": data, "messageId": "1", "publishTime": "2026-01-31T12:00:00Z"}, "subscription": "s"}


@pytest.mark.parametrize("name", PUSHED)
def test_without_its_database_a_door_acknowledges_nothing(name, open_door):
    """Neither a readable message nor one that would have to be buried."""
    running = open_door(name)
    change = "eyJ2IjoxLCJzb3VyY2UiOiJzYWxlc2ZvcmNlIiwic29iamVjdCI6IkFjY291bnQiLCJjaGFuZ2VzIjpbeyJpZCI6IjAwMSIsIm9wIjoidXBzZXJ0Iiwic3RhbXAiOiIyMDI2LTAxLTMxIiwiZXZlbnQiOiJlIiwiZmllbGRzIjp7fX1dfQ=="

    for data in (change, "bm90IG91cnM="):
        body = a_push(data)
        body["message"]["attributes"] = {"isthmus-round": "5"}  # keep_dead_letters' last
        answer = requests.post(f"{running.url}/work", json=body, timeout=30)
        assert (503, "database_unavailable\n") == (answer.status_code, answer.text)
    troubles = [json.loads(line) for line in running.child.tail(20_000).splitlines() if '"trouble"' in line]
    assert "database_unavailable" in {trouble["reason"] for trouble in troubles}


def test_the_drainer_without_its_database_says_so(open_door):
    """With and without a listen window, and whatever nonsense the window is."""
    running = open_door("drain_change_log")

    for query in ("", "?listen=1", "?listen=nan", "?listen=inf", "?listen=x", "?listen=-1"):
        answer = requests.post(f"{running.url}/{query}", timeout=60)
        assert (503, "database_unavailable\n") == (answer.status_code, answer.text)


def test_dead_letters_of_no_topic_are_not_taken(open_door):
    running = open_door("keep_dead_letters")

    answer = requests.post(f"{running.url}/nothing", json=a_push(), timeout=10)

    assert 404 == answer.status_code
    assert "salesforce-changes, postgres-changes, work" in answer.text


def test_an_unmigrated_database_is_named(postgres_server, open_door):
    """A door that finds no schema answers 503 and names the command."""
    running = open_door("upsert_postgres", DATABASE_URL=postgres_server.url())

    answer = requests.post(running.url, json=a_push(), timeout=30)

    assert (503, "schema_outdated\n") == (answer.status_code, answer.text)
    assert "isthmus migrate" in running.child.tail()


def test_garbage_is_kept_then_acknowledged(database_url, database, open_door):
    """A message of nobody's is a dead letter with its own bytes; pushed twice it is one letter with two attempts."""
    running = open_door("upsert_postgres", DATABASE_URL=database_url)

    statuses = [requests.post(running.url, json=a_push(), timeout=30).status_code for _ in range(2)]

    assert [204, 204] == statuses
    (letter,) = DeadLetters(database).newest()
    assert ("message_unreadable", 2) == (letter["reason"], letter["attempts"])
    (whole,) = DeadLetters(database).find([letter["id"]])
    assert {"bytes": "bm90IG91cnM="} == whole["payload"]


def test_a_door_outlives_rude_callers(door):
    """Half a request, a wrong protocol and a hang-up leave it well."""
    _, running = door

    for rude in (b"GET / HTT", b"\x16\x03\x01\x00\xa5\x01", b"POST / HTTP/1.1\r\nContent-Length: 100\r\n\r\nx"):
        connection = http.client.HTTPConnection("127.0.0.1", running.port, timeout=10)
        connection.connect()
        connection.sock.sendall(rude)
        connection.close()

    assert 200 == requests.get(running.url, timeout=30).status_code
