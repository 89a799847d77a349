"""Commands on the database: migrate, status."""

import argparse
from typing import Any

from common import config
from common.postgres import identity, mappings, status
from common.postgres import migrate as migrations
from common.postgres.connect import Database
from functions.cli.tables import print_json, show

Groups = Any  #: argparse keeps the type of subparsers to itself


def add_to(groups: Groups) -> None:
    migrate = groups.add_parser("migrate", help="bring the database's isthmus schema up to date")
    half = migrate.add_mutually_exclusive_group()
    half.add_argument("--pre", action="store_true", help="only what suits the doors that run now")
    half.add_argument("--post", action="store_true", help="only what needs the new doors everywhere")
    migrate.set_defaults(run=_migrate)
    state = groups.add_parser("status", help="mappings, what waits, what failed")
    state.add_argument("--json", action="store_true", help="for programs")
    state.add_argument("--org", action="store_true", help="ask Salesforce for its limits too; costs one API call")
    state.set_defaults(run=_status)


def _migrate(chosen: argparse.Namespace, env: config.Environment) -> None:
    halves = ("pre",) if chosen.pre else ("post",) if chosen.post else migrations.HALVES
    ran = migrations.migrate(config.database(env), halves)
    print("\n".join(f"ran {name}" for name in ran) or "up to date")


def _status(chosen: argparse.Namespace, env: config.Environment) -> None:
    with Database(config.database(env), check_identity=False) as database:
        with database.transaction() as tx:
            paused, moved = mappings.paused_all(tx), identity.changed(identity.read(tx))
        rows, api = status.read(database), status.api(database)
    if chosen.org:
        api["limits"] = _limits(env)
    if chosen.json:
        print_json({"paused": paused, "moved": moved, "mappings": rows, **api})
        return
    if moved:
        signs = ", ".join(f"{name} {was} -> {now}" for name, (was, now) in moved.items())
        print(f"THIS IS NOT THE DATABASE THAT WAS BOUND ({signs}): the doors stop until `isthmus rebase`\n")
    if paused:
        why = f": {paused['paused_why']}" if paused["paused_why"] else ""
        print(f"EVERYTHING IS PAUSED since {paused['paused_at']:%Y-%m-%d %H:%M:%S%z} by {paused['paused_by']}{why}\n")
    show(rows)
    for more in api.values():
        if more:
            print()
            show(more)


def _limits(env: config.Environment) -> list[dict[str, object]]:
    from common.salesforce import limits  # late: only this one needs Salesforce
    from common.salesforce.session import Session

    with Session(config.salesforce(env)) as session:
        return limits.read(session)
