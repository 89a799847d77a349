"""The files of bulk jobs: what was uploaded, and results; beside the journal, or in a temporary folder."""

import os
import secrets
import tempfile
from collections.abc import Collection, Iterator
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

PIECE = 262_144  #: bytes read and sent at once
INPUT, SUCCESSES, FAILURES, OUTPUT = "input", "successes", "failures", "output"
KINDS = (INPUT, SUCCESSES, FAILURES, OUTPUT)


class Spool:
    """A folder of files, each named after its job and what it holds."""

    def __init__(self, data: Path | None) -> None:
        self._given = data / "bulk" if data else None
        self._temporary: tempfile.TemporaryDirectory[str] | None = None

    @property
    def folder(self) -> Path:
        if self._given is not None:
            self._given.mkdir(parents=True, exist_ok=True)
            return self._given
        if self._temporary is None:
            self._temporary = tempfile.TemporaryDirectory(prefix="standin-bulk-")
        return Path(self._temporary.name)

    def path(self, job_id: str, kind: str) -> Path:
        return self.folder / f"{job_id}.{kind}.csv"

    def receive(self) -> tuple[Path, BinaryIO]:
        """A file for a body that is still arriving."""
        path = self.folder / f"{secrets.token_hex(8)}.part"
        return path, path.open("wb")

    def append(self, job_id: str, kind: str, length: int) -> BinaryIO:
        """The file, cut to this length (what a killed process wrote beyond it was never committed), to be written on."""
        file = self.path(job_id, kind).open("ab")
        os.truncate(file.fileno(), length)
        return file

    def remove(self, job_id: str) -> None:
        for kind in KINDS:
            self.path(job_id, kind).unlink(missing_ok=True)

    def clear(self, kept: Collection[str] = ()) -> None:
        """Remove the files of all jobs but these, and what arrived of uploads that nobody took."""
        if self._given is None and self._temporary is None:
            return
        for path in self.folder.iterdir():
            if path.name.split(".")[0] not in kept:
                with suppress(FileNotFoundError):
                    path.unlink()

    def close(self) -> None:
        if self._temporary is not None:
            self._temporary.cleanup()


def pieces(path: Path, start: int, end: int) -> Iterator[bytes]:
    """The file's bytes from start to end."""
    with path.open("rb") as file:
        file.seek(start)
        left = end - start
        while left > 0 and (piece := file.read(min(PIECE, left))):
            left -= len(piece)
            yield piece
