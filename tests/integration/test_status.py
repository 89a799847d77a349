"""What `isthmus status` tells of sending: calls, limits, refused fields, jobs."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from common.postgres.connect import Database
from functions.cli.main import main as isthmus
from tests.integration.accounts import map_table, run
from tests.standin.driving import Standin


@pytest.fixture(scope="module")
def standin() -> Iterator[Standin]:
    with Standin() as running:
        yield running


@pytest.fixture
def told(
    database: Database, database_environment: dict[str, str], standin: Standin, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> list[str]:  # fmt: skip
    """The command's lines, of a mapping that has spent, met a refused field and has a job under way."""
    mapping = map_table(database)
    today = datetime.now(UTC).date()
    run(database, "INSERT INTO isthmus.api_usage VALUES (:day ::date, :id, 42)", day=today.isoformat(), id=mapping.id)
    run(database, "UPDATE isthmus.api_limit SET used = 900, allowed = 15000, seen_at = now()")
    run(
        database,
        "INSERT INTO isthmus.stopped_field VALUES (:id, 'Phone', 'No such column', now(), now())",
        id=mapping.id,
    )
    run(database, "INSERT INTO isthmus.bulk_job (sync_config_id, state, records, created_at, updated_at, next_poll_at) "
                  "VALUES (:id, 'running', 12000, now(), now(), now())", id=mapping.id)  # fmt: skip
    env = database_environment | {
        "SF_LOGIN_URL": standin.url, "SF_CLIENT_ID": "isthmus", "SF_CLIENT_SECRET": "isthmus",
    }  # fmt: skip
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    isthmus(["status", "--org"])
    return capsys.readouterr().out.splitlines()


@pytest.mark.parametrize(
    "words",
    [
        ("Account", "salesforce.account", "42"), ("900", "15000"), ("Account", "Phone", "No such column"),
        ("Account", "running", "12000"), ("DailyApiRequests", "100000"),
    ],
)  # fmt: skip
def test_an_operator_reads_it_on_one_page(told: list[str], words: tuple[str, ...]) -> None:
    """Calls of today, what the org told, refused fields with Salesforce's words, jobs under way, the org's limits now."""
    assert any(all(word in line.split() or word in line for word in words) for line in told), told
