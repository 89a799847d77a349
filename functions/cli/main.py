"""The command line: `isthmus --help`."""

import argparse
import os
import sys
from collections.abc import Sequence

from common import health
from common.errors import IsthmusError
from functions.cli import (
    backfill,
    channels,
    conflicts,
    console,
    database,
    dead_letters,
    deletes,
    doctor,
    drift,
    failures,
    mapping,
    outbound,
    pause,
    prune,
    pull,
    rebase,
    reconcile,
    verify,
    waking,
)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command; exits with 0, 1 (it could not be done) or 2 (it was not understood)."""
    parser = argparse.ArgumentParser(
        prog="isthmus",
        description="Keeps Salesforce objects and Postgres tables equal.",
        epilog="Settings are environment variables: DATABASE_URL, and SF_LOGIN_URL with its companions.",
    )
    parser.add_argument("--version", action="version", version=f"isthmus {health.release()}")
    groups = parser.add_subparsers(metavar="COMMAND", required=True)
    for module in (
        database,
        mapping,
        outbound,
        pause,
        failures,
        conflicts,
        deletes,
        drift,
        dead_letters,
        waking,
        reconcile,
        verify,
        prune,
        rebase,
        pull,
        channels,
        backfill,
        console,
        doctor,
    ):
        module.add_to(groups)
    chosen = parser.parse_args(arguments)
    try:
        chosen.run(chosen, os.environ)
    except IsthmusError as exc:
        sys.exit(f"isthmus: {exc}")
    except (KeyboardInterrupt, BrokenPipeError):
        sys.exit(130)


if __name__ == "__main__":
    main()
