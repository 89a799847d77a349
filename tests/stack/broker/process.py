"""The broker as a process of its own, for whoever starts one: the stack and the tests."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]
STOP_SECONDS = 10


def command(directory: Path, port: int = 0) -> list[str]:
    """How to start the broker; `python -m` finds it from the repository's root."""
    return [sys.executable, "-m", "tests.stack.broker", "--port", str(port), "--data", str(directory)]


class BrokerProcess:
    """A broker that was started and is ready. Port 0 takes a free one.

    Raises:
        RuntimeError: it ended before it was ready; why stands on stderr.
    """

    def __init__(self, directory: Path, port: int = 0) -> None:
        self._process = subprocess.Popen(command(directory, port), cwd=ROOT, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        ready = self._process.stdout.readline()
        self._process.stdout.close()
        if not ready.startswith("broker ready "):
            raise RuntimeError(f"the broker ended with {self._process.wait()}")
        self.host = ready.split()[-1]

    @property
    def port(self) -> int:
        return int(self.host.rpartition(":")[2])

    def kill(self) -> None:
        """End it without warning (SIGKILL)."""
        self._process.kill()
        self._process.wait()

    def stop(self) -> int:
        """Ask it to end (SIGTERM) and return its exit code; killed if it does not listen."""
        self._process.terminate()
        try:
            return self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
            raise
