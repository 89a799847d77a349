"""Commands on everything at once: pause, resume."""

import argparse
from typing import Any

from common import clock, config
from common.postgres import api_limit, mappings
from common.postgres.connect import Database
from functions.cli import people

Groups = Any  #: argparse keeps the type of subparsers to itself


def add_to(groups: Groups) -> None:
    pause = groups.add_parser("pause", help="stop delivering everything, both ways; capture goes on")
    pause.add_argument("--why", help="shown in `isthmus status`")
    pause.set_defaults(run=_pause)
    resume = groups.add_parser("resume", help="deliver again, the oldest first; what waits for API calls is tried now")
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
        waited = api_limit.ask_again(tx, clock.now())
        still = [m.sobject for m in mappings.read(tx) if not m.active]
    print("Everything goes on, the oldest first." if was else "Nothing was paused as a whole.")
    if waited:
        print(f"note: {waited} edits waited for API calls; they are tried now")
    if still:
        print(f"note: still paused for themselves: {', '.join(still)}; `isthmus mapping resume OBJECT`")
