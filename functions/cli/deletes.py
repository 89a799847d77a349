"""Commands on mass deletions that wait for a person: list, allow, refuse."""

import argparse
from typing import Any

from common import config
from common.errors import Terminal
from common.flows.reread import TO_POSTGRES, TO_SALESFORCE, decide_deletions
from common.mapping import Mapping
from common.postgres.connect import Database
from common.postgres.guard import HeldDeletions
from common.postgres.mappings import MappingBook
from functions.cli import named, people, reread
from functions.cli.tables import show

Groups = Any  #: argparse keeps the type of subparsers to itself


def add_to(groups: Groups) -> None:
    commands = groups.add_parser("deletes", help="mass deletions that wait for a person").add_subparsers(
        metavar="ACTION", required=True
    )
    listing = commands.add_parser("list", help="how many are held, by table; with an object, which ones")
    listing.add_argument("object", nargs="?", help="API name, or schema.table")
    listing.add_argument("--limit", type=named.count, default=100)
    listing.add_argument("--json", action="store_true", help="for programs")
    listing.set_defaults(run=_list)
    for name, run, text in (
        ("allow", _allow, "let them be carried out: in Salesforce, or here where Salesforce deleted the records"),
        ("refuse", _refuse, "keep the records, and bring the rows back as Salesforce has them; or keep the rows"),
    ):
        command = commands.add_parser(name, help=text)
        command.add_argument("object", help="API name, or schema.table")
        people.may_decide(command)
        command.set_defaults(run=run)


def _list(chosen: argparse.Namespace, env: config.Environment) -> None:
    with Database(config.database(env)) as database:
        held = HeldDeletions(database)
        if chosen.object:
            mapping = _mapping(database, chosen)
            rows = held.records(mapping.table, chosen.limit) + held.rows(mapping, chosen.limit)
        else:
            rows = held.by_table()
    show(rows[: chosen.limit] if chosen.object else rows, as_json=chosen.json)


def _allow(chosen: argparse.Namespace, env: config.Environment) -> None:
    with Database(config.database(env)) as database:
        held, mapping = HeldDeletions(database), _mapping(database, chosen)
        there, here = _count(held, mapping)
        if there and people.sure(f"Delete {there} records of {mapping.sobject} in Salesforce?", chosen):
            print(f"{_decide(held, mapping, TO_SALESFORCE, True, chosen, env)} deletions go on to Salesforce.")
        if here and people.sure(f"Delete {here} rows of {mapping.table}, whose records Salesforce deleted?", chosen):
            print(f"{_decide(held, mapping, TO_POSTGRES, True, chosen, env)} rows go within the next minutes.")
            print("note: those whose records were purged go with `isthmus reconcile --full`")


def _refuse(chosen: argparse.Namespace, env: config.Environment) -> None:
    with Database(config.database(env)) as database:
        held, mapping = HeldDeletions(database), _mapping(database, chosen)
        there, here = _count(held, mapping)
        if there and people.sure(f"Keep {there} records of {mapping.sobject}, and bring their rows back?", chosen):
            print(f"{_decide(held, mapping, TO_SALESFORCE, False, chosen, env)} deletions are taken back; the rows come again, under their "
                  "keys, as their records are read.")  # fmt: skip
            print("note: only mapped columns come back")
        if here and people.sure(f"Keep {here} rows of {mapping.table}, whose records Salesforce deleted?", chosen):
            print(
                f"{_decide(held, mapping, TO_POSTGRES, False, chosen, env)} rows stay, though Salesforce has their records no more."
            )


def _decide(
    held: HeldDeletions, mapping: Mapping, road: str, allowed: bool, chosen: argparse.Namespace, env: config.Environment
) -> int:
    return decide_deletions(held, mapping, road, allowed, reread.topic(env), people.decision(chosen, env))


def _mapping(database: Database, chosen: argparse.Namespace) -> Mapping:
    """The mapping whose rows are sent."""
    book = MappingBook(database)
    found = named.mapped(book.all(), chosen.object)
    return book.of_table(found[0].table) or found[0]


def _count(held: HeldDeletions, mapping: Mapping) -> tuple[int, int]:
    """How many deletions are held on their way to Salesforce, and on their way here."""
    found = {row["road"]: int(row["deletions"]) for row in held.by_table() if row["table"] == mapping.table}
    if not found:
        raise Terminal(
            "nothing_held", f"no deletion of {mapping.sobject} is held", "`isthmus deletes list` shows what is."
        )
    return found.get(TO_SALESFORCE, 0), found.get(TO_POSTGRES, 0)
