"""Platform events, from the command that maps them through both doors into rows that nothing of ours changes."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from common import clock
from common.postgres.connect import Database
from common.postgres.dead_letters import DeadLetters
from common.postgres.reconciliations import Reconciliations
from functions.cli.main import main
from tests.functions.conftest import DOORS, Door, topic_name
from tests.stack.broker.client import PROJECT, Client
from tests.standin.driving import Standin

ORDER = {
    "name": "Order_Event__e",
    "fields": [
        {"name": "Order_Number__c", "type": "string", "length": 20},
        {"name": "Amount__c", "type": "double", "scale": 2},
        {"name": "Due__c", "type": "datetime"},
        {"name": "Day__c", "type": "date"},
        {"name": "Paid__c", "type": "boolean"},
    ],
}
TABLE = "salesforce.order_event"


@pytest.fixture(scope="module")
def orders(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Standin]:
    """A Salesforce with an event bus, on which orders are published."""
    with Standin("--grpc-port", "0", "--data", tmp_path_factory.mktemp("orders")) as standin:
        standin.sign_in()
        standin.control("POST", "events/platform-events", ORDER)
        yield standin


@pytest.fixture
def environment(
    orders: Standin, pubsub: Client, database_environment: dict[str, str], tmp_path: Path
) -> dict[str, str]:
    return database_environment | {
        "SF_LOGIN_URL": orders.url, "SF_CLIENT_ID": "isthmus", "SF_CLIENT_SECRET": "isthmus",
        "SF_PUBSUB_ENDPOINT": orders.pubsub, "PULL_STATE": str(tmp_path), "PUBSUB_EMULATOR_HOST": pubsub.host, "GOOGLE_CLOUD_PROJECT": PROJECT,
    }  # fmt: skip


@pytest.fixture
def isthmus(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    """The command line; what it printed."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    def run_it(*arguments: str) -> str:
        capsys.readouterr()
        main(list(arguments))
        return capsys.readouterr().out

    return run_it


@pytest.fixture
def start(environment: dict[str, str], logs: Path) -> Iterator[Any]:
    """Doors of this test's database, org and Pub/Sub."""
    started: list[Door] = []

    def run_it(name: str) -> Door:
        started.append(Door(name, DOORS[name] | environment, logs))
        return started[-1].ready()

    yield run_it
    for door in started:
        door.child.stop()


def publish(orders: Standin, **fields: Any) -> str:
    """Publish one event over REST; its uuid."""
    answer = orders.rest("POST", "sobjects/Order_Event__e", fields)
    assert 201 == answer.status_code
    uuid: str = answer.json()["errors"][0]["message"]
    return uuid


def rows(database: Database, statement: str) -> list[list[object]]:
    with database.transaction() as tx:
        return tx.run(statement)


def test_events_are_kept_once_and_for_good(
    isthmus: Any, start: Any, orders: Standin, database: Database, pubsub: Client
) -> None:
    """Each by its uuid, with every value; pulled again nothing comes twice, told again nothing changes."""
    said = isthmus("mapping", "create", "order_event__e", "--yes")
    inbox = pubsub.subscription(topic_name("salesforce-changes"))
    puller, writer = start("pull_change_events"), start("upsert_postgres")
    first = publish(
        orders, Order_Number__c="7", Amount__c=1.5, Due__c="2026-01-31T12:00:00.000Z", Day__c="2026-01-31", Paid__c=True
    )
    second = publish(orders, Order_Number__c="8")

    pulled = [puller.post().text, puller.post().text]
    (data,) = pubsub.take(inbox)
    pushed = [writer.push(data).status_code for _ in range(2)]
    third = publish(orders, Order_Number__c="9")
    pulled.append(puller.post().text)
    pushed.append(writer.push(*pubsub.take(inbox)).status_code)

    assert (["2\n", "0\n", "1\n"], [204] * 3) == (pulled, pushed)
    columns = "id, order_number, amount::text, due::text, day::text, paid"
    found = rows(database, f"SELECT {columns} FROM {TABLE} ORDER BY order_number")
    assert [
        [first, "7", "1.5", "2026-01-31 12:00:00+00", "2026-01-31", True],
        [second, "8", None, None, None, None], [third, "9", None, None, None, None],
    ] == found  # fmt: skip
    assert [[3, 3]] == rows(database, f"SELECT count(created_date), count(created_by_id) FROM {TABLE}")
    ends = [line["outcome"] for line in writer.lines() if line["event"] == "change"]
    assert ["applied", "applied", "stale", "stale", "applied"] == ends
    assert "1 channels of change events are pulled" in said
    assert "/event/Order_Event__e" in isthmus("channels", "list")
    assert [[3]] == rows(database, "SELECT sum(synced_count)::int FROM isthmus.sync_metrics")


def test_a_table_of_events_is_the_applications(isthmus: Any, database: Database) -> None:
    """No trigger of ours stands on it: what it deletes or writes there goes nowhere, and the mapping can go."""
    isthmus("mapping", "create", "Order_Event__e", "--yes", "--fields", "Order_Number__c", "--table", "orders")

    rows(database, "INSERT INTO salesforce.orders (id, order_number) VALUES ('a', '1'); TRUNCATE salesforce.orders")
    isthmus("mapping", "delete", "Order_Event__e")

    assert [] == rows(database, "SELECT FROM isthmus.change_log")
    assert [] == rows(database, "SELECT FROM pg_trigger WHERE tgrelid = 'salesforce.orders'::regclass")


def test_a_bad_event_holds_nobody_back_and_can_be_replayed(
    isthmus: Any, start: Any, orders: Standin, database: Database, pubsub: Client
) -> None:
    """It stands in the dead letters whole; once its column takes it, its replay brings it."""
    isthmus("mapping", "create", "Order_Event__e", "--yes")
    rows(database, f"ALTER TABLE {TABLE} ADD CONSTRAINT small CHECK (amount < 100)")
    inbox = pubsub.subscription(topic_name("salesforce-changes"))
    puller, writer = start("pull_change_events"), start("upsert_postgres")
    bad = [publish(orders, Order_Number__c="1"), publish(orders, Amount__c=100)][1]

    puller.post()
    writer.push(*pubsub.take(inbox))
    kept = rows(database, f"SELECT count(*) FROM {TABLE} WHERE id <> '{bad}'")
    (letter,) = DeadLetters(database).find([1])
    rows(database, f"ALTER TABLE {TABLE} DROP CONSTRAINT small")
    isthmus("dead-letters", "replay", "1")
    replayed = writer.push(*pubsub.take(inbox)).status_code

    assert (bad, 204) == (letter["record_id"], replayed)
    assert kept[0][0] >= 1
    assert [["100.0"]] == rows(database, f"SELECT amount::text FROM {TABLE} WHERE id = '{bad}'")


WISHES = [
    ["--direction", "PG_TO_SF"], ["--where", "Amount__c > 1"], ["--external-id", "Order_Number__c"],
    ["--write-back-external-ids"], ["--capture", "debezium"], ["--parent-key", "CreatedById"],
]  # fmt: skip


def test_what_events_cannot_do_is_refused(isthmus: Any, database: Database) -> None:
    """When they are mapped, and later."""
    for wish in WISHES:
        with pytest.raises(SystemExit, match=rf"platform_event.*{wish[0]}"):
            isthmus("mapping", "create", "Order_Event__e", "--yes", *wish)
    assert [] == rows(database, "SELECT FROM isthmus.sync_configurations")

    isthmus("mapping", "create", "Order_Event__e", "--yes")
    with pytest.raises(SystemExit, match="platform_event"):
        isthmus("mapping", "filter", "Order_Event__e", "Amount__c > 1", "--yes")


def test_a_field_joins_a_table_of_events(isthmus: Any, orders: Standin, database: Database) -> None:
    """Nothing is read for it: what an event said it said. Nor is there anything to load."""
    isthmus("mapping", "create", "Order_Event__e", "--yes", "--fields", "Order_Number__c", "--table", "orders")

    isthmus("mapping", "add-field", "Order_Event__e", "Amount__c")
    with pytest.raises(SystemExit, match="platform event"):
        isthmus("backfill", "start", "Order_Event__e")

    assert [["amount"]] == rows(
        database, "SELECT column_name::text FROM information_schema.columns WHERE column_name = 'amount'"
    )
    assert [] == rows(database, "SELECT FROM isthmus.change_log")


def test_events_are_compared_with_nothing(isthmus: Any, database: Database) -> None:
    """No query could list them, and no row of theirs is one that Salesforce has purged."""
    isthmus("mapping", "create", "Order_Event__e", "--yes")
    rows(database, f"INSERT INTO {TABLE} (id) VALUES ('a')")

    isthmus("reconcile", "--full")
    isthmus("reconcile", "Order_Event__e")

    assert [] == list(Reconciliations(database).due(clock.now() + timedelta(days=90)))
    assert [] == rows(database, "SELECT FROM isthmus.reconciliation")
    assert [["a"]] == rows(database, f"SELECT id FROM {TABLE}")
