"""Migrations, forward only, in two halves: `pre` suits the old code, `post` runs once the new code is everywhere."""

from collections.abc import Sequence
from pathlib import Path

from common.config import Database as Settings
from common.postgres.connect import Connection, connect, run
from common.postgres.errors import VENDOR, translate
from common.postgres.queries import SQL, bind, load

HALVES = ("pre", "post")
_Q = load("migrate")


def migrate(settings: Settings, halves: Sequence[str] = HALVES) -> list[str]:
    """Run what has not run yet, past the pooler, each migration in a transaction of its own.

    Returns:
        The files that ran, in order; none where the database is up to date.

    Raises:
        Transient, Terminal, Misconfigured: the migration that failed left nothing behind.
    """
    try:
        connection = connect(settings, direct=True)
    except VENDOR as exc:
        raise translate(exc) from exc
    try:
        return _run_all(connection, halves)
    except VENDOR as exc:
        raise translate(exc) from exc
    finally:
        connection.close()


def _run_all(connection: Connection, halves: Sequence[str]) -> list[str]:
    ran = []
    for path in sorted((SQL / "migrations").glob("*.sql"), key=_turn):
        name, half, _ = path.name.split(".")
        if half in halves and _run_one(connection, path, name, half):
            ran.append(path.name)
    return ran


def _turn(path: Path) -> tuple[str, int]:
    name, half, _ = path.name.split(".")
    return name, HALVES.index(half)


def _run_one(connection: Connection, path: Path, name: str, half: str) -> bool:
    run(connection, "BEGIN")
    run(connection, _Q["begin"])
    run(connection, _Q["ledger"])
    if [name, half] in run(connection, _Q["applied"]):
        run(connection, "COMMIT")
        return False
    run(connection, path.read_text(encoding="utf-8"))
    run(connection, bind(_Q["note"], name=name, half=half))
    run(connection, "COMMIT")
    return True
