"""Commands on the database: migrate, status."""

import argparse
from typing import Any

from common import config
from common.postgres import migrate as migrations
from common.postgres import status
from common.postgres.connect import Database
from functions.cli.tables import show

Groups = Any  #: argparse keeps the type of subparsers to itself


def add_to(groups: Groups) -> None:
    migrate = groups.add_parser("migrate", help="bring the database's isthmus schema up to date")
    half = migrate.add_mutually_exclusive_group()
    half.add_argument("--pre", action="store_true", help="only what suits the doors that run now")
    half.add_argument("--post", action="store_true", help="only what needs the new doors everywhere")
    migrate.set_defaults(run=_migrate)
    state = groups.add_parser("status", help="mappings, what waits, what failed")
    state.set_defaults(run=_status)


def _migrate(chosen: argparse.Namespace, env: config.Environment) -> None:
    halves = ("pre",) if chosen.pre else ("post",) if chosen.post else migrations.HALVES
    ran = migrations.migrate(config.database(env), halves)
    print("\n".join(f"ran {name}" for name in ran) or "up to date")


def _status(_: argparse.Namespace, env: config.Environment) -> None:
    with Database(config.database(env)) as database:
        show(status.read(database))
        for rows in status.api(database).values():
            if rows:
                print()
                show(rows)
