"""Commands on mass deletions that wait for a person: list, allow, refuse."""

import argparse
from typing import Any

from common import config
from common.errors import Terminal
from common.mapping import Mapping
from common.postgres.connect import Database
from common.postgres.guard import HeldDeletions
from common.postgres.mappings import MappingBook
from functions.cli import named, people, reread
from functions.cli.tables import show

Groups = Any  #: argparse keeps the type of subparsers to itself

SLICE = 200  #: refused in one transaction


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
        ("allow", _allow, "delete the records in Salesforce"),
        ("refuse", _refuse, "keep the records, and bring the rows back as Salesforce has them"),
    ):
        command = commands.add_parser(name, help=text)
        command.add_argument("object", help="API name, or schema.table")
        people.may_decide(command)
        command.set_defaults(run=run)


def _list(chosen: argparse.Namespace, env: config.Environment) -> None:
    with Database(config.database(env)) as database:
        held = HeldDeletions(database)
        rows = held.records(_mapping(database, chosen).table, chosen.limit) if chosen.object else held.by_table()
    show(rows, as_json=chosen.json)


def _allow(chosen: argparse.Namespace, env: config.Environment) -> None:
    with Database(config.database(env)) as database:
        held, mapping = HeldDeletions(database), _mapping(database, chosen)
        count = _count(held, mapping)
        if people.sure(f"Delete {count} records of {mapping.sobject} in Salesforce?", chosen):
            print(f"{held.allow(mapping.table, people.decision(chosen, env))} deletions go on to Salesforce.")


def _refuse(chosen: argparse.Namespace, env: config.Environment) -> None:
    with Database(config.database(env)) as database:
        held, mapping = HeldDeletions(database), _mapping(database, chosen)
        count = _count(held, mapping)
        if not people.sure(f"Keep {count} records of {mapping.sobject}, and bring their rows back?", chosen):
            return
        refused = 0
        while slice_ := held.records(mapping.table, SLICE):
            # Asked for first: what is asked for in vain does no harm, what is never asked for stays away.
            reread.ask(mapping, [row["sfid"] for row in slice_], env)
            refused += held.refuse([row["id"] for row in slice_], people.decision(chosen, env))
    print(f"{refused} deletions are taken back; the rows come again, under their keys, as their records are read.")
    print("note: only mapped columns come back")


def _mapping(database: Database, chosen: argparse.Namespace) -> Mapping:
    """The mapping whose rows are sent."""
    book = MappingBook(database)
    found = named.mapped(book.all(), chosen.object)
    return book.of_table(found[0].table) or found[0]


def _count(held: HeldDeletions, mapping: Mapping) -> int:
    found = [row["deletions"] for row in held.by_table() if row["table"] == mapping.table]
    if not found:
        raise Terminal(
            "nothing_held", f"no deletion of {mapping.sobject} is held", "`isthmus deletes list` shows what is."
        )
    return int(found[0])
