"""The doors that Pub/Sub pushes to and the drainer: over HTTP, with a real Postgres and the stand-in."""

import secrets
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from common import clock, codec
from common.change import MODSTAMP
from common.postgres.connect import Database
from common.postgres.dead_letters import DeadLetters
from functions.cli.main import main
from tests.conftest import _execute
from tests.fakes.factories import ACTION, NOON, a_change
from tests.functions.conftest import DOORS, Door, topic_name
from tests.stack.broker.client import Client
from tests.standin.driving import Standin

PUSHED = ("upsert_postgres", "upsert_salesforce", "keep_dead_letters")
PATHS = {"keep_dead_letters": "salesforce-changes"}
SECRET = "Kim Minji"  #: a person's name: it must stand in no log
GOOGLES_KEYS = {"severity", "message", "event", "door"}

OpenDoor = Callable[..., Door]


@pytest.fixture
def mapped(database_environment: dict[str, str], standin: Standin, monkeypatch: pytest.MonkeyPatch) -> None:
    """Accounts are mapped in this test's database, by the command line."""
    for name, value in (database_environment | _login(standin)).items():
        monkeypatch.setenv(name, value)
    main(["mapping", "create", "Account", "--fields", "Name,Phone,AnnualRevenue", "--yes"])


def _login(standin: Standin) -> dict[str, str]:
    return {"SF_LOGIN_URL": standin.url, "SF_CLIENT_ID": "isthmus", "SF_CLIENT_SECRET": "isthmus"}


@pytest.fixture
def open_door(database_environment: dict[str, str], pubsub: Client, standin: Standin, logs: Path) -> Iterator[OpenDoor]:
    """Doors of this test's database, org and Pub/Sub."""
    started: list[Door] = []

    def start(name: str, **settings: str) -> Door:
        real = database_environment | _login(standin) | {"PUBSUB_EMULATOR_HOST": pubsub.host}
        started.append(Door(name, DOORS[name] | real | settings, logs))
        return started[-1].ready()

    yield start
    for door in started:
        door.child.stop()


def rows(database: Database, statement: str) -> list[list[object]]:
    with database.transaction() as tx:
        return tx.run(statement)


def test_a_complete_change_becomes_a_row(open_door: OpenDoor, mapped: None, database: Database) -> None:
    """204 means that the row stands, value for value; pushed again, and older, nothing changes."""
    door = open_door("upsert_postgres")
    fields = {
        MODSTAMP: NOON.isoformat(), "External_Id__c": "a-1", "Name": SECRET, "Phone": None,
        "AnnualRevenue": "12345678901234.56", "IsDeleted": False,
    }  # fmt: skip
    change = a_change(fields=fields)
    older = a_change(stamp=clock.parse("2026-01-30T12:00:00Z"), fields=fields | {"Name": "Older"}, event_id="older")

    statuses = [door.push_changes(one, traceparent="t-1").status_code for one in (change, change, older)]

    assert [204, 204, 204] == statuses
    found = rows(database, "SELECT id, sfid, name, phone, annual_revenue::text FROM salesforce.account")
    assert [["a-1", change.record_id, SECRET, None, "12345678901234.56"]] == found
    ends = [line for line in door.lines() if line["event"] == "change"]
    assert ["applied", "stale", "stale"] == [line["outcome"] for line in ends]
    assert {("Account", change.record_id, 3)} == {(e["sobject"], e["record_id"], e["attempt"]) for e in ends}
    assert SECRET not in door.child.tail(100_000)


def test_a_field_that_is_renamed_in_mid_stream_stops_nothing(
    open_door: OpenDoor, database: Database, standin: Standin, database_environment: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """The read that Salesforce refuses makes the door look at the object; the same push then brings the row."""
    for name, value in (database_environment | _login(standin)).items():
        monkeypatch.setenv(name, value)
    text = {"type": "string", "length": 40}
    key = {"name": "External_Id__c", "type": "string", "length": 36, "externalId": True, "unique": True}
    standin.control("POST", "objects", {"name": "Moved__c", "fields": [key, {"name": "Old__c"} | text]})
    main(["mapping", "create", "Moved__c", "--fields", "Old__c", "--yes"])
    record = standin.create("Moved__c", Name="n", Old__c="here")
    door = open_door("upsert_postgres")
    standin.control("POST", "objects/Moved__c/fields/Old__c", {"name": "New__c"})

    status = door.push_changes(a_change(sobject="Moved__c", record_id=record, fields={}, stamp=NOON)).status_code

    assert (204, [["here"]]) == (status, rows(database, "SELECT old FROM salesforce.moved"))


def test_an_edit_arrives_in_salesforce(
    open_door: OpenDoor, mapped: None, database: Database, pubsub: Client, standin: Standin
) -> None:
    """The drainer says how many records it published; its message, pushed on, becomes a record. No log tells a value."""
    key = f"k-{secrets.token_hex(4)}"
    inbox = pubsub.subscription(topic_name("postgres-changes"))
    drainer, sender = open_door("drain_change_log"), open_door("upsert_salesforce")
    rows(database, f"INSERT INTO salesforce.account (id, name) VALUES ('{key}', '{SECRET}')")

    first, second = drainer.post(), drainer.post()
    (data,) = pubsub.take(inbox)
    pushed = sender.push(data)
    again = sender.push(data)

    assert [(200, "1\n"), (200, "0\n")] == [(a.status_code, a.text) for a in (first, second)]
    assert [204, 204] == [pushed.status_code, again.status_code]
    found = standin.query(f"SELECT Id, Name FROM Account WHERE External_Id__c = '{key}'")
    assert [SECRET] == [record["Name"] for record in found]
    assert [[found[0]["Id"]]] == rows(database, f"SELECT sfid FROM salesforce.account WHERE id = '{key}'")
    outcomes = [line["outcome"] for line in sender.lines() if line["event"] == "change"]
    assert ["sent", "fenced"] == outcomes
    for door in (drainer, sender):
        assert all(line.keys() >= GOOGLES_KEYS for line in door.lines())
        assert SECRET not in door.child.tail(100_000)


@pytest.mark.parametrize("name", PUSHED)
def test_what_is_no_push_is_told_so(name: str, open_door: OpenDoor) -> None:
    """400 and a sentence; nothing is asked of the database, which is not even there."""
    door = open_door(name, **{k: v for k, v in DOORS[name].items() if k == "DATABASE_URL"})

    for body in (b"", b"garbage", b"[]", b'{"message": {}}', b'{"message": {"messageId": "1", "data": "%"}}'):
        answer = door.post(PATHS.get(name, ""), data=body, headers={"Content-Type": "application/json"})
        assert (400, True) == (answer.status_code, answer.text.startswith("not_a_push: ")), answer.text
        assert 'Expected {"message"' in answer.text
    assert [] == door.lines()


@pytest.mark.parametrize("name", PUSHED)
def test_an_unreadable_message_becomes_a_dead_letter(name: str, open_door: OpenDoor, database: Database) -> None:
    """204, so that it does not come again, and its bytes are kept with a reason and a hint."""
    door = open_door(name)
    last = {"isthmus-round": "5"}  # keep_dead_letters sends on whatever has rounds left

    answer = door.push(b"\x00not ours", path=PATHS.get(name, ""), message_id="m-7", **last)

    assert (204, "") == (answer.status_code, answer.text)
    (letter,) = DeadLetters(database).find([1])
    reason = "attempts_used_up" if name == "keep_dead_letters" else "message_unreadable"
    topic = "postgres-changes" if name == "upsert_salesforce" else "salesforce-changes"
    assert (reason, topic, "m-7") == (letter["reason"], letter["topic"], letter["event_id"])
    assert {"bytes": "AG5vdCBvdXJz"} == letter["payload"]
    assert letter["hint"]


@pytest.mark.parametrize("name", PUSHED)
def test_without_its_schema_a_door_names_the_command(
    name: str, open_door: OpenDoor, postgres_server, direct_url: str
) -> None:
    """A database that was never migrated: nothing is acknowledged, and the log says `isthmus migrate`."""
    fresh = f"fresh_{secrets.token_hex(4)}"
    _execute(postgres_server, f"CREATE DATABASE {fresh}")
    door = open_door(name, DATABASE_URL=postgres_server.url(fresh), DATABASE_DIRECT_URL="")
    (data,) = codec.encode([a_change()], max_changes=1)

    answer = door.push(data, path=PATHS.get(name, ""), **{"isthmus-round": "5"})

    door.child.stop()
    _execute(postgres_server, f"DROP DATABASE {fresh} WITH (FORCE)")
    assert (503, "schema_outdated\n") == (answer.status_code, answer.text)
    assert ["isthmus migrate" in line["hint"] for line in door.lines()] == [True]
    assert {"WARNING"} == {line["severity"] for line in door.lines()}


def test_the_keeper_sends_on_what_only_waited(open_door: OpenDoor, pubsub: Client) -> None:
    """A message with rounds left is published again to its topic, as it was and with its round counted."""
    inbox = pubsub.subscription(topic_name("salesforce-changes"))
    door = open_door("keep_dead_letters")

    answer = door.push(b"as it was", path="salesforce-changes", traceparent="t-1")

    (received,) = pubsub.pull(inbox)
    assert 204 == answer.status_code
    assert (b"as it was", {"isthmus-round": "1", "traceparent": "t-1"}) == (
        received.message.data, dict(received.message.attributes),
    )  # fmt: skip
    assert ["sent_on"] == [line["event"] for line in door.lines()]


def test_the_keeper_knows_its_topics(open_door: OpenDoor) -> None:
    """A path that is none of the topics is answered with 404 and those that are."""
    door = open_door("keep_dead_letters")

    answers = [door.push(b"x", path=path) for path in ("", "elsewhere", "work/more")]

    assert [404] * 3 == [answer.status_code for answer in answers]
    assert (
        "Expected the path /<topic>, one of salesforce-changes, postgres-changes, work; got /elsewhere."
        in answers[1].text
    )


def test_a_read_that_the_budget_forbids_comes_again(
    open_door: OpenDoor, mapped: None, database: Database, standin: Standin
) -> None:
    """503 and no call while the org's calls are spent; then the row. That the message lacks fields is said once."""
    made = standin.rest("POST", "sobjects/Account", {"Name": "Read"}).json()["id"]
    door = open_door("upsert_postgres")
    hint = a_change(record_id=made, origin=ACTION, fields={MODSTAMP: NOON.isoformat(), "Name": "Told"})
    rows(database, "UPDATE isthmus.api_limit SET used = 80, allowed = 100, seen_at = now()")
    standin.control("DELETE", "calls")

    held = [door.push_changes(hint).status_code for _ in range(2)]
    calls = standin.control("GET", "calls")
    rows(database, "UPDATE isthmus.api_limit SET used = NULL, allowed = NULL, seen_at = NULL")
    read = door.push_changes(hint).status_code

    assert ([503, 503], 204) == (held, read)
    assert [] == [call for call in calls if "sobjects" in call["path"]]
    assert [["Read"]] == rows(database, f"SELECT name FROM salesforce.account WHERE sfid = '{made}'")
    assert [["Account", 1]] == rows(database, "SELECT 'Account', calls FROM isthmus.api_usage")
    warned = [line for line in door.lines() if line["event"] == "trouble"]
    assert ["message_unregistered"] == [line["reason"] for line in warned]
    reasons = [line["reason"] for line in door.lines() if line["event"] == "change"]
    assert ["api_reserve", "api_reserve", ""] == reasons
