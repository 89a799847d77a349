"""Commands on everything at once: pause, resume."""

import argparse
from typing import Any

from common import config
from common.postgres import mappings
from common.postgres.connect import Database
from functions.cli import people

Groups = Any  #: argparse keeps the type of subparsers to itself


def add_to(groups: Groups) -> None:
    pause = groups.add_parser("pause", help="stop delivering everything, both ways; capture goes on")
    pause.add_argument("--why", help="shown in `isthmus status`")
    pause.set_defaults(run=_pause)
    resume = groups.add_parser("resume", help="deliver again, the oldest first")
    resume.set_defaults(run=_resume)


def _pause(chosen: argparse.Namespace, env: config.Environment) -> None:
    with Database(config.database(env), check_identity=False) as database, database.transaction() as tx:
        mappings.pause_all(tx, True, people.who(env), chosen.why or "")
    print("Everything is paused: edits gather in the change log, messages from Salesforce wait in Pub/Sub.")
    print("note: a call to Salesforce that is under way ends; nothing new begins")


def _resume(_: argparse.Namespace, env: config.Environment) -> None:
    with Database(config.database(env), check_identity=False) as database, database.transaction() as tx:
        was = mappings.paused_all(tx)
        mappings.pause_all(tx, False)
        still = [m.sobject for m in mappings.read(tx) if not m.active]
    print("Everything goes on, the oldest first." if was else "Nothing was paused as a whole.")
    if still:
        print(f"note: still paused for themselves: {', '.join(still)}; `isthmus mapping resume OBJECT`")
