"""CSV as bulk jobs read and write it."""

import csv
import io
from collections.abc import Iterable, Iterator
from pathlib import Path

from tests.standin.bulk.jobs import Job

DELIMITERS = {"BACKQUOTE": "`", "CARET": "^", "COMMA": ",", "PIPE": "|", "SEMICOLON": ";", "TAB": "\t"}
LINE_ENDINGS = {"LF": "\n", "CRLF": "\r\n"}
UNESCAPED = "Failed to parse CSV. Found unescaped quote. A value with quote should be within a quote"


class Sheet:
    """An uploaded file, read row by row; it may be larger than memory.

    `problem` says after the last row why no more could be read; empty when that was the end.
    """

    def __init__(self, path: Path, job: Job) -> None:
        self.problem = ""
        self.head = ""  #: the first line as it was written
        self.columns: list[str] = []
        self._job = job
        self._file = path.open(encoding="utf-8", newline="")
        self._rows = csv.reader(self._lines(), delimiter=DELIMITERS[job.delimiter], strict=True)
        self.columns = self._next() or []

    def _lines(self) -> Iterator[str]:
        for line in self._file:
            if not self.head:
                self._check_ending(line)
                self.head = line.rstrip("\r\n")
            yield line

    def _check_ending(self, line: str) -> None:
        found = "CRLF" if line.endswith("\r\n") else "LF"
        if line.endswith("\n") and found != self._job.line_ending:
            self.problem = (
                "ClientInputError : LineEnding is invalid on user data. "
                f"Current LineEnding setting is {self._job.line_ending}"
            )

    def _next(self) -> list[str] | None:
        try:
            return next(self._rows, None)
        except csv.Error as exc:
            self.problem = f"InvalidBatch : {UNESCAPED if 'expected after' in str(exc) else exc}"
        except UnicodeDecodeError:
            self.problem = "InvalidBatch : Failed to parse CSV. The data is not UTF-8"
        return None

    def __iter__(self) -> Iterator[list[str]]:
        width = len(self.columns)
        while not self.problem and (row := self._next()) is not None:
            if len(row) == width:
                yield row
            elif row:
                self.problem = (
                    f"InvalidBatch : Failed to parse CSV. Line {self._rows.line_num} has {len(row)} values, "
                    f"the header has {width}"
                )

    def close(self) -> None:
        self._file.close()


def written(rows: Iterable[Iterable[object]], job: Job) -> bytes:
    """Rows with every value in quotes; null is an empty one."""
    out = io.StringIO(newline="")
    ending = LINE_ENDINGS[job.line_ending]
    csv.writer(out, delimiter=DELIMITERS[job.delimiter], lineterminator=ending, quoting=csv.QUOTE_ALL).writerows(rows)
    return out.getvalue().encode()


def title(added: Iterable[str], head: str, job: Job) -> bytes:
    """The first line of results: added columns in quotes, then the upload's own line as it was."""
    delimiter = DELIMITERS[job.delimiter]
    return (delimiter.join([*(f'"{name}"' for name in added), head]) + LINE_ENDINGS[job.line_ending]).encode()
