"""Command `prune`: delete what was settled long ago, as the door reconcile does on its schedule."""

import argparse
from typing import Any

from common import clock, config
from common.postgres.connect import Database
from common.postgres.prune import Pruning
from functions.cli.tables import show

Groups = Any  #: argparse keeps the type of subparsers to itself


def add_to(groups: Groups) -> None:
    prune = groups.add_parser("prune", help="delete what was settled long ago, to the end; open rows never go")
    prune.add_argument("--json", action="store_true", help="for programs")
    prune.set_defaults(run=_prune)


def _prune(chosen: argparse.Namespace, env: config.Environment) -> None:
    keep = config.retention(env)
    with Database(config.database(env)) as database:
        gone = Pruning(database, keep, lambda: True, clock.now()).run()
    show([{"what": kind, "rows": rows} for kind, rows in gone.items()], as_json=chosen.json)
