"""What the tests share: a real Postgres, a database of its own for each test, the samples."""

import os
import secrets
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from common import config
from common.postgres.connect import Database, connect, run
from common.postgres.migrate import migrate
from tests.stack import pgbouncer
from tests.stack.postgres import Postgres, free_port

ROOT = Path(__file__).parents[1]
SAMPLES = ROOT.parent / "shared" / "samples" / "salesforce"
TEMPLATE = "isthmus_template"


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Postgres]:
    """One embedded server for the whole run, with a migrated template database; started by the first test that asks."""
    # Not under pytest's own folder: only its owner may enter that one, and Postgres refuses to run as root.
    with tempfile.TemporaryDirectory(prefix="isthmus-postgres-") as folder:
        Path(folder).chmod(0o755)
        server = Postgres(Path(folder) / "data", free_port(), {"fsync": "off"})
        server.start()
        try:
            _execute(server, f"CREATE DATABASE {TEMPLATE}")
            migrate(_settings(server.url(TEMPLATE)))
            yield server
        finally:
            server.stop()


@pytest.fixture(scope="session")
def pooler_port(postgres_server: Postgres) -> Iterator[int | None]:
    """With ISTHMUS_POOLER=1 everything but LISTEN and migrations goes through PgBouncer in transaction mode."""
    if os.environ.get("ISTHMUS_POOLER", "") in ("", "0"):
        yield None
        return
    with tempfile.TemporaryDirectory(prefix="isthmus-pgbouncer-") as folder:
        Path(folder).chmod(0o755)
        with pgbouncer.running(Path(folder), postgres_server.port) as port:
            yield port


@pytest.fixture
def direct_url(postgres_server: Postgres) -> Iterator[str]:
    """A migrated database of this test's own, past any pooler; dropped at its end."""
    name = f"test_{secrets.token_hex(6)}"
    _execute(postgres_server, f"CREATE DATABASE {name} TEMPLATE {TEMPLATE} STRATEGY file_copy")
    yield postgres_server.url(name)
    _execute(postgres_server, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def database_url(direct_url: str, postgres_server: Postgres, pooler_port: int | None) -> str:
    """The test's database as a door reaches it."""
    if pooler_port is None:
        return direct_url
    return direct_url.replace(f":{postgres_server.port}/", f":{pooler_port}/")


@pytest.fixture
def database_environment(database_url: str, direct_url: str) -> dict[str, str]:
    """The settings that lead to the test's database."""
    return {"DATABASE_URL": database_url, "DATABASE_DIRECT_URL": direct_url}


@pytest.fixture
def settings(database_environment: dict[str, str]) -> config.Database:
    """How a door would be told of the test's database."""
    return config.database(database_environment)


@pytest.fixture
def database(settings: config.Database) -> Iterator[Database]:
    """The test's database, open."""
    database = Database(settings)
    yield database
    database.close()


@pytest.fixture(scope="session")
def samples() -> Path:
    """Real payloads of Salesforce; they lie beside the repository, not in it."""
    if not SAMPLES.is_dir():
        pytest.skip("the real payloads are not here: ../shared/samples/salesforce is missing")
    return SAMPLES


def _settings(url: str) -> config.Database:
    return config.database({"DATABASE_URL": url})


def _execute(server: Postgres, statement: str) -> None:
    with closing(connect(_settings(server.url()))) as connection:
        run(connection, statement)
