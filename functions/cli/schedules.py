"""Command line: how often a mapping's two sides are compared beyond what changed."""

import argparse
from typing import Any

from common import config
from common.postgres import mappings, reconciliations
from common.postgres.connect import Database
from functions.cli import named
from functions.cli.tables import show

Commands = Any  #: argparse keeps the type of subparsers to itself
NEVER = "never"


def add_to(commands: Commands) -> None:
    command = commands.add_parser("schedule", help="how often all values, and all ids, are compared")
    command.add_argument("object", help="API name, or schema.table")
    command.add_argument(
        "--refresh-minutes",
        type=_often,
        metavar="N",
        help="compare every value, for formulas and fields of parents; or never",
    )
    command.add_argument("--full-days", type=_often, metavar="N", help="compare all ids and stamps; or never")
    command.set_defaults(run=_schedule)


def _often(text: str) -> int:
    return 0 if text == NEVER else named.count(text)


def _schedule(chosen: argparse.Namespace, env: config.Environment) -> None:
    with Database(config.database(env)) as database, database.transaction() as tx:
        mapping = named.one(mappings.read(tx), chosen.object)
        refresh, full = reconciliations.schedule(tx, mapping)
        refresh = refresh if chosen.refresh_minutes is None else chosen.refresh_minutes
        full = full if chosen.full_days is None else chosen.full_days
        reconciliations.set_schedule(tx, mapping, refresh, full)
    show([{
        "object": mapping.sobject, "table": mapping.table, "refresh_minutes": refresh or NEVER, "full_days": full or NEVER,
    }])  # fmt: skip
