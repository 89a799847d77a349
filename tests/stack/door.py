"""A door, or the command line, whose clock tests can move: CLOCK_FILE holds the seconds by which its now differs."""

import os
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from common import clock


def _moved() -> datetime:
    file = Path(os.environ["CLOCK_FILE"])
    seconds = float(file.read_text() or "0") if file.exists() else 0.0
    return datetime.now(UTC) + timedelta(seconds=seconds)


clock.now = _moved  # before anything of ours has taken a copy

from functions_framework._cli import _cli  # noqa: E402

from functions.cli.main import main  # noqa: E402

if __name__ == "__main__":
    if sys.argv[1:2] == ["isthmus"]:
        main(sys.argv[2:])
    else:
        _cli()
