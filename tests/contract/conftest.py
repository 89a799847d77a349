"""Both Pub/Subs as real processes on loopback, each with its client."""

import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.stack import emulator
from tests.stack.broker.client import Client
from tests.stack.broker.endpoint import Endpoint
from tests.stack.broker.process import BrokerProcess


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@pytest.fixture(scope="session")
def emulator_pubsub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """Google's emulator; skipped where the machine lacks it, an error where it is demanded."""
    if emulator.find() is None:
        pytest.skip(emulator.why_not())
    port = _free_port()
    with (
        open(tmp_path_factory.mktemp("emulator") / "log", "wb") as log,
        subprocess.Popen(emulator.command(port), stdout=log, stderr=log) as process,
    ):
        try:
            emulator.wait_until_ready(port, process)
            client = Client(f"127.0.0.1:{port}")
            yield client
            client.close()
        finally:
            process.terminate()


@pytest.fixture(scope="session")
def broker_pubsub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    data: Path = tmp_path_factory.mktemp("broker")
    process = BrokerProcess(data)
    client = Client(process.host)
    yield client
    client.close()
    process.stop()


@pytest.fixture(params=["emulator", "broker"])
def pubsub(request: pytest.FixtureRequest) -> Client:
    client: Client = request.getfixturevalue(f"{request.param}_pubsub")
    return client


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    endpoint = Endpoint()
    yield endpoint
    endpoint.close()
