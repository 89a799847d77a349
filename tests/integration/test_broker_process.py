"""The broker as a process: how it ends, and what it does not share."""

import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from google.api_core import exceptions

from tests.stack.broker import process
from tests.stack.broker.client import PULL_SECONDS, Client
from tests.stack.broker.process import BrokerProcess


def test_it_stops_when_asked(tmp_path: Path) -> None:
    """SIGTERM ends it with 0, also while a pull is waiting, and nothing is lost."""
    broker = BrokerProcess(tmp_path)
    client = Client(broker.host)
    topic = client.topic()
    idle, full = client.subscription(topic, filter="attributes:never"), client.subscription(topic)
    client.publish(topic, b"x")

    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(client.subscriber.pull, subscription=idle, max_messages=1, retry=None, timeout=20)
        code = broker.stop()
        interrupted = waiting.exception(PULL_SECONDS)

    client.close()
    assert 0 == code
    assert isinstance(interrupted, exceptions.GoogleAPICallError)
    again = BrokerProcess(tmp_path)
    client = Client(again.host)
    assert [b"x"] == client.take(full)
    client.close()
    again.stop()


@pytest.mark.parametrize(("shared", "said"), [("port", "port"), ("data", "locked")])
def test_a_second_broker_is_refused(tmp_path: Path, shared: str, said: str) -> None:
    """Neither a port nor a directory is shared: the second broker says which, and ends with 1."""
    first = BrokerProcess(tmp_path / "data")
    directory, port = (tmp_path / "other", first.port) if shared == "port" else (tmp_path / "data", 0)

    second = subprocess.run(
        process.command(directory, port), cwd=process.ROOT, check=False, capture_output=True, text=True, timeout=30
    )

    first.stop()
    assert (1, "") == (second.returncode, second.stdout)
    assert said in second.stderr
