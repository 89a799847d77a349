"""Commands on dead letters: list, show, replay, discard."""

import argparse
import json
from functools import cache
from typing import Any

from common import config
from common.errors import Terminal
from common.flows import dead_letters as flow
from common.postgres.connect import Database
from common.postgres.dead_letters import DeadLetters
from common.postgres.mappings import MappingBook
from functions.cli import named, people
from functions.cli.tables import show

Groups = Any  #: argparse keeps the type of subparsers to itself


def add_to(groups: Groups) -> None:
    commands = groups.add_parser("dead-letters", help="changes that could not succeed").add_subparsers(
        metavar="ACTION", required=True
    )
    listing = commands.add_parser("list", help="newest first")
    listing.add_argument("--by-reason", action="store_true", help="count them by reason")
    listing.add_argument("--state", choices=["kept", "replayed", "discarded"], default="kept")
    listing.add_argument("--limit", type=named.count, default=100)
    listing.set_defaults(run=_list)
    one = commands.add_parser("show", help="one letter, whole")
    one.add_argument("id", type=int)
    one.set_defaults(run=_show)
    for name, run, text in (("replay", _replay, "send them on again"), ("discard", _discard, "give them up")):
        command = commands.add_parser(name, help=text)
        command.add_argument("id", type=int, nargs="*")
        command.add_argument("--reason", help="all that are kept for this reason")
        command.set_defaults(run=run)


def _list(chosen: argparse.Namespace, env: config.Environment) -> None:
    with Database(config.database(env)) as database:
        letters = DeadLetters(database)
        show(letters.by_reason() if chosen.by_reason else letters.newest(state=chosen.state, limit=chosen.limit))


def _show(chosen: argparse.Namespace, env: config.Environment) -> None:
    with Database(config.database(env)) as database:
        (letter,) = _find(DeadLetters(database), [chosen.id])
    for name, value in letter.items():
        if name == "payload":
            print("payload:", json.dumps(value, ensure_ascii=False, indent=2))
        else:
            print(f"{name}: {value if value is not None else '-'}")


def _replay(chosen: argparse.Namespace, env: config.Environment) -> None:
    from common.pubsub.topic import PubsubTopic  # late: the other commands need no Pub/Sub

    names = config.topics(env)
    with Database(config.database(env)) as database:
        letters, book = DeadLetters(database), MappingBook(database)
        world = flow.Replay(cache(lambda short: PubsubTopic(names.full(short))), letters.reopen, book.of_object)
        found, failed = _find(letters, _chosen(chosen, letters)), 0
        for number, words, done in flow.replay_each(found, world, letters.close_replayed):
            print(f"{number}: {words}")
            failed += not done
    if failed:
        raise Terminal("replay_incomplete", f"{failed} could not be replayed", "See above.")


def _discard(chosen: argparse.Namespace, env: config.Environment) -> None:
    with Database(config.database(env)) as database:
        letters = DeadLetters(database)
        ids = [letter["id"] for letter in _find(letters, _chosen(chosen, letters))]
        edits = letters.close(ids, "discarded", who=people.who(env))
    print(f"{len(ids)} discarded")
    if edits:
        print(f"{edits} failed edits of the change log are given up with them")


def _chosen(chosen: argparse.Namespace, letters: DeadLetters) -> list[int]:
    if bool(chosen.id) == bool(chosen.reason):
        raise Terminal("nothing_chosen", hint="Name ids, or --reason REASON; `isthmus dead-letters list` shows both.")
    return list(chosen.id) or list(letters.kept_for(chosen.reason))


def _find(letters: DeadLetters, ids: list[int]) -> list[dict[str, Any]]:
    found = letters.find(ids)
    missing = set(ids) - {letter["id"] for letter in found}
    if missing or not found:
        raise Terminal(
            "letter_missing", f"there is no dead letter {', '.join(map(str, sorted(missing))) or 'to choose from'}",
            "`isthmus dead-letters list` shows what there is.",
        )  # fmt: skip
    return found
