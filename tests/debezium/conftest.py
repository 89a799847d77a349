"""Debezium's real engine beside a whole stack; skipped, with the reason, where its environment is missing."""

import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.stack import sample, topology
from tests.stack.ports import free_offset
from tests.stack.process import ROOT, Child, clean_environment
from tests.stack.stack import Stack

PYTHON = Path(os.environ.get("ISTHMUS_DEBEZIUM") or ROOT / ".venv-debezium" / "bin" / "python")
HERE = Path(__file__).parent
START_SECONDS = 90.0  #: a Java machine with 394 jars, on a busy computer


class Engine:
    """The engine as a process of its own; its offsets in a file, as Debezium Server keeps them."""

    def __init__(self, stack: Stack, **more: str) -> None:
        folder = stack.folder / "debezium"
        folder.mkdir(exist_ok=True)
        file = folder / "properties.json"
        file.write_text(json.dumps(properties(stack, folder) | more))
        environment = clean_environment() | {"PUBSUB_EMULATOR_HOST": stack.environment["PUBSUB_EMULATOR_HOST"]}
        command = [str(PYTHON), str(HERE / "engine.py"), str(file), topology.topic_path("postgres-changes")]
        self.child = Child("debezium", command, environment, stack.folder / "logs" / "debezium.log", folder=folder)

    def start(self) -> None:
        """Return once it streams."""
        said = self._said()
        self.child.start()
        sample.wait_until(lambda: self._said() > said, f"the engine's stream:\n{self.child.tail()}", START_SECONDS)

    def _said(self) -> int:
        return self.child.tail(10_000_000).count("Starting streaming")

    def published(self) -> int:
        """How many messages were confirmed by Pub/Sub since it began, restarts included."""
        lines = self.child.tail(10_000_000).splitlines()
        return sum(int(line.split()[1]) for line in lines if line.startswith("published "))


def properties(stack: Stack, folder: Path) -> dict[str, str]:
    """The connector as common/debezium/README.md recommends it."""
    return {
        "name": "isthmus",
        "connector.class": "io.debezium.connector.postgresql.PostgresConnector",
        "plugin.name": "pgoutput",
        "publication.autocreate.mode": "filtered",
        "topic.prefix": "isthmus",
        "table.include.list": "salesforce.account",
        "snapshot.mode": "initial",
        "decimal.handling.mode": "string",
        "tombstones.on.delete": "false",
        "poll.interval.ms": "10",
        "converter.schemas.enable": "false",
        "key.converter.schemas.enable": "false",
        "value.converter.schemas.enable": "false",
        "offset.storage": "org.apache.kafka.connect.storage.FileOffsetBackingStore",
        "offset.storage.file.filename": str(folder / "offsets.dat"),
        "offset.flush.interval.ms": "0",
        "database.hostname": "127.0.0.1",
        "database.port": str(stack.postgres.port),
        "database.user": "postgres",
        "database.password": "none",
        "database.dbname": "postgres",
    }


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    """A stack whose Postgres writes a logical log, and whose accounts Debezium captures."""
    if not PYTHON.exists() or not shutil.which("java"):
        pytest.skip("Debezium's engine is not here: `make test/debezium` installs it; it needs Java 17")
    settings = {"fsync": "off", "wal_level": "logical"}
    stack = Stack(tmp_path / "state", free_offset(), pubsub="broker", follows=False, call_seconds=10, postgres=settings)
    stack.start()
    client = sample.Client(stack)
    (stack.folder / "logs").mkdir(exist_ok=True)
    sample.quietly(stack, "mapping", "create", "Account", "--capture", "debezium", "--yes")
    sample.prepare(stack, client, ("Account",))
    yield stack
    stack.stop()


@pytest.fixture
def engine(stack: Stack) -> Iterator[Callable[..., Engine]]:
    """Starts engines; each ends with the test."""
    started: list[Engine] = []

    def make(**more: str) -> Engine:
        started.append(Engine(stack, **more))
        started[-1].start()
        return started[-1]

    yield make
    for one in started:
        one.child.stop()


@pytest.fixture
def psql(stack: Stack) -> Iterator[sample.Rows]:
    rows = sample.Rows(stack)
    yield rows
    rows.close()
