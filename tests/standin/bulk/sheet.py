"""CSV as bulk jobs read and write it."""

import csv
from collections.abc import Iterable, Iterator, Sequence
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
    return in_columns(list(zip(*rows, strict=True)), job)


def in_columns(columns: Sequence[Sequence[object]], job: Job) -> bytes:
    """The same from columns. Twice as fast as `csv.writer`, which looks at each value twice."""
    if not columns or not columns[0]:
        return b""
    quoted, ending = f'"{DELIMITERS[job.delimiter]}"', LINE_ENDINGS[job.line_ending]
    lines = map(quoted.join, zip(*map(_texts, columns), strict=True))
    return ('"' + f'"{ending}"'.join(lines) + '"' + ending).encode()


def _texts(values: Sequence[object]) -> list[str]:
    texts = [value if type(value) is str else "" if value is None else str(value) for value in values]
    return [text.replace('"', '""') for text in texts] if '"' in "".join(texts) else texts


def title(added: Iterable[str], head: str, job: Job) -> bytes:
    """The first line of results: added columns in quotes, then the upload's own line as it was."""
    delimiter = DELIMITERS[job.delimiter]
    return (delimiter.join([*(f'"{name}"' for name in added), head]) + LINE_ENDINGS[job.line_ending]).encode()
