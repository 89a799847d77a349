"""Child processes: started with a clean environment, their output in a file, waited for until they answer."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

ROOT = Path(__file__).parents[2]
READY_SECONDS = 60.0

_OURS = (
    "DATABASE_",
    "PG_",
    "PGHOST",
    "PGPORT",
    "SF_",
    "SALESFORCE",
    "GOOGLE_",
    "INBOUND",
    "PUBSUB_",
    "CLOUD_SQL_",
    "CONSOLE_",
    "CALL_",
    "CLAIM_",
    "PREFIX",
    "SCHEDULE",
    "SLEEPY_",
    "IDLE_",
    "THREADS",
    "WORKERS",
)


def clean_environment() -> dict[str, str]:
    """The environment without anything that could lead to somebody's real database or org."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_OURS)}
    return kept | {"PYTHONUNBUFFERED": "1", "PYTHONPATH": str(ROOT)}


class Child:
    """One process and its children, as a group of their own: a kill takes them all."""

    def __init__(
        self, name: str, command: Sequence[str | Path], environment: Mapping[str, str], log: Path, *,
        folder: Path = ROOT,
    ) -> None:  # fmt: skip
        self.name = name
        self._folder = folder
        self.log = log
        self._command = command
        self._environment = dict(environment)
        self._process: subprocess.Popen[bytes] | None = None
        self._runtime: str | None = None

    def start(self) -> None:
        self.log.parent.mkdir(parents=True, exist_ok=True)
        self._runtime = self._runtime or tempfile.mkdtemp(prefix="isthmus-")  # gunicorn's control socket is in there
        with self.log.open("ab") as out:
            self._process = subprocess.Popen(
                [str(part) for part in self._command], cwd=self._folder,
                env=self._environment | {"XDG_RUNTIME_DIR": self._runtime}, stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True,
            )  # fmt: skip

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def kill(self) -> None:
        """kill -9, the whole group, whether its head still lives or not."""
        self._signal(signal.SIGKILL)
        self._forget_runtime()

    def stop(self, seconds: float = 10.0) -> None:
        """SIGTERM; SIGKILL where that is not heard in time."""
        self._signal(signal.SIGTERM, seconds)
        self._signal(signal.SIGKILL)
        self._forget_runtime()

    def _forget_runtime(self) -> None:
        if self._runtime:
            shutil.rmtree(self._runtime, ignore_errors=True)
            self._runtime = None

    def _signal(self, number: signal.Signals, seconds: float = 10.0) -> None:
        if self._process is None:
            return
        try:
            os.killpg(self._process.pid, number)
        except ProcessLookupError:
            pass
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            pass

    def wait_for_port(self, port: int) -> None:
        """Return once the port takes connections."""
        self._wait(lambda: takes_connections(port), f"port {port}")

    def wait_for_page(self, url: str) -> None:
        """Return once the page is answered with 200."""
        self._wait(lambda: _answers(url), url)

    def _wait(self, ready: Callable[[], bool], what: str) -> None:
        pause = threading.Event()
        for _ in range(int(READY_SECONDS / 0.05)):
            if ready():
                return
            if not self.running:
                raise RuntimeError(f"{self.name} ended before it was ready:\n{self.tail()}")
            pause.wait(0.05)
        raise RuntimeError(f"{self.name} did not answer at {what} within {READY_SECONDS:.0f} s:\n{self.tail()}")

    def tail(self, characters: int = 2000) -> str:
        """The end of its output."""
        return self.log.read_text(encoding="utf-8", errors="replace")[-characters:] if self.log.exists() else ""


def takes_connections(port: int) -> bool:
    """Whether somebody listens on a loopback port."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _answers(url: str) -> bool:
    try:
        with urlopen(url, timeout=5) as response:
            return bool(response.status == 200)
    except (URLError, OSError):
        return False


def python(*arguments: str) -> list[str]:
    """A command of this very Python."""
    return [sys.executable, *arguments]
