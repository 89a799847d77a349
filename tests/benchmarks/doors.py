"""Functions under functions-framework, each a process of its own, for the measurements that need them."""

import http.client
import json
import threading
import time
from collections.abc import Mapping
from pathlib import Path

from tests.stack.postgres import free_port
from tests.stack.process import Child, clean_environment, python

HERE = Path("tests/benchmarks/functions")
DOORS = Path("functions")
READY_SECONDS = 60.0
LOOK_SECONDS = 0.002

#: What any door needs to start; nobody listens at these addresses.
SETTINGS = {
    "DATABASE_URL": "postgresql://postgres@127.0.0.1:9/postgres",
    "SF_LOGIN_URL": "http://127.0.0.1:9",
    "SF_CLIENT_ID": "isthmus",
    "SF_CLIENT_SECRET": "isthmus",
    "INBOUND": json.dumps({"org_id": "00Dstandin00001EAA", "hmac_keys": ["0" * 32]}),
    "GOOGLE_CLOUD_PROJECT": "isthmus-local",
    "PUBSUB_EMULATOR_HOST": "127.0.0.1:9",
    "PULL_STATE": ".",
    "CONSOLE_SECRET": "0" * 32,
    "THREADS": "4",
}


class Function:
    """One function on a free port."""

    def __init__(self, folder: Path, name: str, logs: Path, settings: Mapping[str, str]) -> None:
        self.port = free_port()
        command = python(
            "-m", "functions_framework", "--source", f"{folder}/{name}/main.py", "--target", name,
            "--host", "127.0.0.1", "--port", str(self.port),
        )  # fmt: skip
        self._child = Child(name, command, clean_environment() | dict(settings), logs / f"{name}.log")

    def start(self) -> float:
        """Seconds from the start of the process until a GET is answered.

        Raises:
            RuntimeError: it ended, or never answered.
        """
        began = time.perf_counter()
        self._child.start()
        pause = threading.Event()
        while not self._answers():
            if not self._child.running or time.perf_counter() - began > READY_SECONDS:
                raise RuntimeError(f"{self._child.name} did not start:\n{self._child.tail()}")
            pause.wait(LOOK_SECONDS)
        return time.perf_counter() - began

    def _answers(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=READY_SECONDS)
        try:
            connection.request("GET", "/")
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def stop(self) -> None:
        self._child.kill()

    def __enter__(self) -> "Function":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
