"""Bookmarks as files of one machine."""

import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from common.bookmark import Overtaken
from common.errors import Misconfigured


class Folder:
    """Implements bookmark.Shelf. A page's first line is its generation. Safe to share between processes."""

    def __init__(self, path: str) -> None:
        self._path = Path(path).expanduser()

    def read(self, name: str) -> tuple[bytes, int]:
        try:
            head, _, page = self._file(name).read_bytes().partition(b"\n")
            return page, int(head)
        except FileNotFoundError:
            return b"", 0
        except (OSError, ValueError) as exc:
            raise self._refused(exc) from exc

    def write(self, name: str, page: bytes, generation: int) -> int:
        try:
            self._path.mkdir(parents=True, exist_ok=True)
            with self._alone(name):
                self._check(name, generation)
                self._replace(self._file(name), b"%d\n%b" % (generation + 1, page))
        except OSError as exc:
            raise self._refused(exc) from exc
        return generation + 1

    def _check(self, name: str, generation: int) -> None:
        found = self.read(name)[1]
        if found != generation:
            raise Overtaken("overtaken", f"{name} is of generation {found}, not {generation}")

    @contextmanager
    def _alone(self, name: str) -> Iterator[None]:
        """The lock is the kernel's: it ends with the process that holds it, however that ends."""
        with self._file(f"{name}.lock").open("ab") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _replace(self, file: Path, content: bytes) -> None:
        """All or nothing, and on the disk before this returns."""
        number, name = tempfile.mkstemp(dir=self._path)
        with os.fdopen(number, "wb") as new:
            new.write(content)
            new.flush()
            os.fsync(new.fileno())
        Path(name).replace(file)
        folder = os.open(self._path, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def _file(self, name: str) -> Path:
        return self._path / name.strip("/").replace("/", "-")

    def _refused(self, exc: Exception) -> Misconfigured:
        return Misconfigured(
            "bookmarks_refused", str(exc), f"PULL_STATE must be a folder that we may write: {self._path}."
        )
