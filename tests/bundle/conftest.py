"""Bundles as the cloud gets them: unpacked somewhere else, beside an environment that has only what they name."""

import os
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path

import pytest

from functions.bundle import archive
from tests.conftest import ROOT
from tests.functions.conftest import DOORS
from tests.stack.postgres import free_port
from tests.stack.process import Child, clean_environment

INSTALL_SECONDS = 240
RUN_SECONDS = 120
NAMES = archive.doors(ROOT)


@dataclass(frozen=True)
class Unpacked:
    """One door's bundle in a folder of its own."""

    door: str
    folder: Path
    program: Path  #: the Python of its environment

    def environment(self, **settings: str) -> dict[str, str]:
        """Nothing of the project's: no path leads back to it."""
        kept = clean_environment() | DOORS.get(self.door, {}) | {"THREADS": "2"} | settings
        del kept["PYTHONPATH"]
        return kept

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [self.program, *arguments], cwd=self.folder, env=self.environment(), capture_output=True, text=True,
            timeout=RUN_SECONDS, check=False,
        )  # fmt: skip

    def start(self, port: int, log: Path, **settings: str) -> Child:
        """Under functions-framework, from its own folder."""
        framework = self.program.parent / "functions-framework"
        command = [framework, "--source", "main.py", "--target", self.door, "--host", "127.0.0.1", "--port", str(port)]
        if (self.folder / "Procfile").exists():
            command.append("--asgi")
        child = Child(self.door, command, self.environment(**settings), log, folder=self.folder)
        child.start()
        return child


def deployed_python() -> str:
    """The one that `make test/bundle` has found, else the one that runs."""
    return os.environ.get("BUNDLE_PYTHON") or sys.executable


@pytest.fixture(scope="session")
def unpack(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Unpacked]:
    """Unpacks a door's bundle; doors that name the same packages share their environment."""
    root = tmp_path_factory.mktemp("bundles")

    def environment(requirements: Path) -> Path:
        where = root / f"env-{sha256(requirements.read_bytes()).hexdigest()[:12]}"
        program = where / "bin" / "python"
        if not where.exists():
            subprocess.run([deployed_python(), "-m", "venv", where], check=True, timeout=INSTALL_SECONDS)
            install = [program, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes"]
            subprocess.run([*install, "-r", requirements], check=True, timeout=INSTALL_SECONDS)
        return program

    @cache
    def unpacked(door: str) -> Unpacked:
        bundle, folder = root / f"{door}.zip", root / door
        archive.write(archive.contents(door, ROOT), bundle)
        with zipfile.ZipFile(bundle) as held:
            held.extractall(folder)
        return Unpacked(door, folder, environment(folder / "requirements.txt"))

    return unpacked


@pytest.fixture
def started(tmp_path: Path) -> Iterator[Callable[..., str]]:
    """Starts bundles; the address of each once it answers."""
    children: list[Child] = []

    def start(bundle: Unpacked, **settings: str) -> str:
        port = free_port()
        children.append(bundle.start(port, tmp_path / f"{bundle.door}.log", **settings))
        children[-1].wait_for_page(f"http://127.0.0.1:{port}")
        return f"http://127.0.0.1:{port}"

    yield start
    for child in children:
        child.stop()
