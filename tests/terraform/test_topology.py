"""The topics and subscriptions of the plan, in a real Pub/Sub, between real doors: a change arrives, a poisoned one dies."""

import secrets as random
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

import pytest
from google.pubsub_v1.types import DeadLetterPolicy, ExpirationPolicy, PushConfig, RetryPolicy, Subscription

from common import codec
from common.change import MODSTAMP
from common.postgres.connect import Database
from functions.cli.main import main
from tests.contract.conftest import broker_pubsub, emulator_pubsub  # noqa: F401
from tests.fakes.factories import NOON, a_change
from tests.functions.conftest import SALESFORCE, Door, logs, standin  # noqa: F401
from tests.stack import emulator
from tests.stack.broker.client import Client
from tests.stack.broker.endpoint import Endpoint
from tests.stack.sample import wait_until
from tests.standin.driving import Standin
from tests.terraform.plan import Plan, Resource, environment, secrets

SECONDS = 60  #: a loaded machine, an emulator that retries at its own pace
OPEN = ("upsert_postgres", "drain_change_log", "upsert_salesforce", "keep_dead_letters")

# What a test cannot wait for: sixteen hours of attempts, ten minutes between two of a dead letter.
ATTEMPTS = 5
RETRY = RetryPolicy(minimum_backoff=timedelta(seconds=0.1), maximum_backoff=timedelta(seconds=1))
LONGEST = timedelta(days=7)  #: the emulator knows an older bound than the cloud's 31 days

NEWER = b'{"v": 99, "changes": []}'  #: a message that a later release wrote: it is nacked until that release is here


@pytest.fixture(scope="module")
def pubsub(request: pytest.FixtureRequest) -> Client:
    """Google's emulator where it is installed, else our broker."""
    found: Client = request.getfixturevalue("broker_pubsub" if emulator.why_not() else "emulator_pubsub")
    return found


@pytest.fixture
def login(standin: Standin) -> dict[str, str]:  # noqa: F811
    return SALESFORCE | {"SF_LOGIN_URL": standin.url}


@pytest.fixture
def mesh(
    plan: Plan, pubsub: Client, logs: Path, database_environment: dict[str, str], login: dict[str, str],  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[dict[str, Door]]:  # fmt: skip
    """The plan's topology, and the doors that it pushes to with the plan's settings; accounts are mapped."""
    for name, value in (database_environment | login).items():
        monkeypatch.setenv(name, value)
    main(["mapping", "create", "Account", "--fields", "Name,Phone", "--yes"])
    with ExitStack() as stack:
        doors = {name: _open(plan.doors()[name], name, pubsub, logs, database_environment | login) for name in OPEN}
        for door in doors.values():
            stack.callback(door.child.stop)
        elsewhere = Endpoint()
        stack.callback(elsewhere.close)
        for door in doors.values():
            door.ready()
        _create(plan, pubsub, {name: door.url for name, door in doors.items()}, elsewhere.url)
        yield doors


def _open(planned: Resource, name: str, pubsub: Client, folder: Path, real: dict[str, str]) -> Door:
    """With its own settings; its secrets lead to what is here, and no Cloud Scheduler is."""
    settings = environment(planned)
    settings.pop("SCHEDULE_JOB", None)
    given = {key: value for key, value in real.items() if key in secrets(planned) or key.startswith("SF_")}
    return Door(name, settings | given | {"PUBSUB_EMULATOR_HOST": pubsub.host}, folder)


def _create(plan: Plan, pubsub: Client, urls: dict[str, str], elsewhere: str) -> None:
    for topic in plan.of("google_pubsub_topic"):
        pubsub.publisher.create_topic(name=f"projects/{topic.values['project']}/topics/{topic.values['name']}")
    for planned in [*plan.dead(), *plan.living()]:
        pubsub.subscriber.create_subscription(request=_subscription(planned, urls, elsewhere))


def _subscription(planned: Resource, urls: dict[str, str], elsewhere: str) -> Subscription:
    values = planned.values
    path = planned.block("push_config")["push_endpoint"].removeprefix("https://door.invalid")
    policy = planned.block("dead_letter_policy")
    assert "" == planned.block("expiration_policy")["ttl"]
    return Subscription(
        name=f"projects/{values['project']}/subscriptions/{values['name']}",
        topic=values["topic"],
        ack_deadline_seconds=values["ack_deadline_seconds"],
        filter=values["filter"] or "",
        message_retention_duration=min(timedelta(seconds=int(values["message_retention_duration"].removesuffix("s"))), LONGEST),
        expiration_policy=ExpirationPolicy(),
        retry_policy=RETRY,
        push_config=PushConfig(push_endpoint=urls.get(values["labels"]["door"], elsewhere) + path),
        dead_letter_policy=DeadLetterPolicy(
            dead_letter_topic=policy["dead_letter_topic"], max_delivery_attempts=ATTEMPTS
        ) if policy else None,
    )  # fmt: skip


def _rows(database: Database, statement: str) -> list[list[object]]:
    with database.transaction() as tx:
        return tx.run(statement)


def test_changes_arrive_and_a_poisoned_one_dies(
    mesh: dict[str, Door],
    pubsub: Client,
    database: Database,
    standin: Standin,  # noqa: F811
) -> None:
    """A change of Salesforce's becomes a row; an edit, nudged, becomes a record; what nobody can read yet reaches
    keep_dead_letters after its attempts, and is sent on from there.
    """
    key = f"k-{random.token_hex(4)}"
    change = a_change(fields={MODSTAMP: NOON.isoformat(), "External_Id__c": "a-1", "Name": "Acme", "Phone": None})
    topics = "projects/acme-mesh/topics"

    pubsub.publish(f"{topics}/salesforce-changes", NEWER, *codec.encode([change], max_changes=1))
    _rows(database, f"INSERT INTO salesforce.account (id, name) VALUES ('{key}', 'Beta')")
    pubsub.publish(f"{topics}/work", b"", attributes={"kind": "nudge"})

    wait_until(lambda: bool(_rows(database, "SELECT 1 FROM salesforce.account WHERE id = 'a-1'")), "the row", SECONDS)
    wait_until(
        lambda: bool(_rows(database, f"SELECT 1 FROM salesforce.account WHERE id = '{key}' AND sfid IS NOT NULL")),
        "the record", SECONDS,
    )  # fmt: skip
    assert ["Beta"] == [r["Name"] for r in standin.query(f"SELECT Name FROM Account WHERE External_Id__c = '{key}'")]
    wait_until(lambda: any(line["event"] == "sent_on" for line in mesh["keep_dead_letters"].lines()), "death", SECONDS)
    kept = [line["topic"] for line in mesh["keep_dead_letters"].lines() if line["event"] == "sent_on"]
    assert {"salesforce-changes"} == set(kept)
