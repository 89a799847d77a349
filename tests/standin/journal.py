"""The journal: each committed change as one line of JSON, so that a state survives a restart."""

import fcntl
import os
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import orjson

Entry = dict[str, Any]
NAME = "standin.journal"
LOCK = "standin.lock"  #: two writers would tear each other's state


class Journal:
    """Appends whole lines; a last line torn by a kill is forgotten at the next start."""

    def __init__(self, folder: Path) -> None:
        """Take the folder, which is made where it is missing.

        Raises:
            OSError: it cannot be written, or another stand-in writes there.
        """
        folder.mkdir(parents=True, exist_ok=True)
        self._owned = (folder / LOCK).open("w")  # held until the process ends, however it does
        try:
            fcntl.flock(self._owned, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as exc:
            raise BlockingIOError(f"another stand-in writes its journal in {folder}") from exc
        self.path = folder / NAME
        self._file: int | None = None
        self._lock = threading.Lock()

    def entries(self) -> Iterator[Entry]:
        """What was written before, oldest first."""
        if not self.path.exists():
            return
        with self.path.open("rb") as lines:
            for line in lines:
                if not line.endswith(b"\n"):
                    return
                yield orjson.loads(line)

    def restart(self, snapshot: Iterable[Entry]) -> None:
        """Replace the whole journal by a snapshot, in one step."""
        self.close()
        fresh = self.path.with_suffix(".new")
        with fresh.open("wb") as out:
            for entry in snapshot:
                out.write(orjson.dumps(entry) + b"\n")
            out.flush()
            os.fsync(out.fileno())
        fresh.replace(self.path)
        self._file = os.open(self.path, os.O_WRONLY | os.O_APPEND)

    def write(self, entry: Entry) -> None:
        """Append; the operating system has the line when this returns: a killed process loses nothing."""
        line = orjson.dumps(entry) + b"\n"
        with self._lock:
            while line and self._file is not None:
                line = line[os.write(self._file, line) :]

    def close(self) -> None:
        with self._lock:
            if self._file is not None:
                os.close(self._file)
                self._file = None
