"""Commands on edits that Salesforce refused for good: list, show, retry, ignore."""

import argparse
from itertools import groupby
from typing import Any

from common import config
from common.errors import Terminal
from common.postgres.connect import Database
from common.postgres.failures import Failures, sfids
from common.postgres.mappings import MappingBook
from functions.cli import named, people, reread
from functions.cli.tables import print_json, show

Groups = Any  #: argparse keeps the type of subparsers to itself

_SHOWN = ("object", "record", "change", "since", "attempts", "reason", "detail", "hint", "edited_again")


def add_to(groups: Groups) -> None:
    commands = groups.add_parser("failures", help="edits that Salesforce refused for good").add_subparsers(
        metavar="ACTION", required=True
    )
    listing = commands.add_parser("list", help="one line a record, the oldest first")
    _add_filters(listing)
    listing.add_argument("--limit", type=named.count, default=100)
    listing.add_argument("--json", action="store_true", help="for programs")
    listing.set_defaults(run=_list)
    one = commands.add_parser("show", help="one record's failed edits, with all values")
    one.add_argument("object", help="API name, or schema.table")
    one.add_argument("record", help="the row's key")
    one.add_argument("--json", action="store_true", help="for programs")
    one.set_defaults(run=_show)
    retry = commands.add_parser("retry", help="try them once more, in their order; later edits go with them")
    ignore = commands.add_parser("ignore", help="give them up: Salesforce never gets them")
    ignore.add_argument("--reread", action="store_true", help="then bring the rows back to what Salesforce has")
    for command, run in ((retry, _retry), (ignore, _ignore)):
        _add_filters(command)
        command.add_argument("--all", action="store_true", help="every failure there is")
        people.may_decide(command)
        command.set_defaults(run=run)


def _add_filters(command: Any) -> None:
    command.add_argument("--object", help="API name, or schema.table")
    command.add_argument("--record", help="the row's key")
    command.add_argument("--reason", help="as `isthmus failures list` shows it")


def _list(chosen: argparse.Namespace, env: config.Environment) -> None:
    with Database(config.database(env)) as database:
        _refuse_stranger(database, chosen)
        found = Failures(database).find(
            sobject=chosen.object, record=chosen.record, reason=chosen.reason, limit=chosen.limit
        )
    if chosen.json:
        print_json(found)
    else:
        show([{name: f[name] for name in _SHOWN} for f in found])
        if len(found) == chosen.limit:
            print(f"... the oldest {chosen.limit}; --limit shows more")


def _show(chosen: argparse.Namespace, env: config.Environment) -> None:
    with Database(config.database(env)) as database:
        _refuse_stranger(database, chosen)
        failures = Failures(database)
        found = _some(failures.find(sobject=chosen.object, record=chosen.record), chosen)
        edits = [edit for f in found for edit in failures.edits(f["table"], f["record"])]
    if chosen.json:
        print_json([f | {"edits": edits} for f in found])
        return
    for f in found:
        print("\n".join(f"{name}: {value if value is not None else '-'}" for name, value in f.items()))
    for edit in edits:
        print_json(edit)


def _retry(chosen: argparse.Namespace, env: config.Environment) -> None:
    with Database(config.database(env)) as database:
        _refuse_stranger(database, chosen)
        failures = Failures(database)
        found = _chosen(failures, chosen)
        if len(found) > 1 and not people.sure(f"Try the edits of {len(found)} records once more?", chosen):
            return
        edits = failures.retry(found, people.decision(chosen, env))
    print(f"{edits} edits of {len(found)} records are open again, each record's in their order.")
    if again := sum(f["edited_again"] for f in found):
        print(f"note: {again} of the records were edited again since: the later values go with them")


def _ignore(chosen: argparse.Namespace, env: config.Environment) -> None:
    with Database(config.database(env)) as database:
        _refuse_stranger(database, chosen)
        failures = Failures(database)
        found = _chosen(failures, chosen)
        if len(found) > 1 and not people.sure(f"Give the edits of {len(found)} records up for good?", chosen):
            return
        if chosen.reread:
            _reread(database, found, env)
        edits = failures.ignore(found, people.decision(chosen, env))
    print(f"{edits} edits of {len(found)} records are given up; Salesforce never gets them.")
    if not chosen.reread:
        print("note: the rows keep these values until their records change; --reread would have fetched them")


def _refuse_stranger(database: Database, chosen: argparse.Namespace) -> None:
    if chosen.object:
        named.mapped(MappingBook(database).all(), chosen.object)


def _reread(database: Database, found: list[dict[str, Any]], env: config.Environment) -> None:
    book = MappingBook(database)
    for table, records in groupby(sorted(found, key=lambda f: f["table"]), key=lambda f: f["table"]):
        mapping = book.of_table(table)
        if mapping is not None:
            reread.ask(mapping, sfids(database, mapping, [f["record"] for f in records]), env)


def _chosen(failures: Failures, chosen: argparse.Namespace) -> list[dict[str, Any]]:
    filters = (chosen.object, chosen.record, chosen.reason)
    if chosen.all == any(filters):
        raise Terminal(
            "nothing_chosen",
            hint="Name --object, --record or --reason, or say --all; `isthmus failures list` shows them.",
        )
    return _some(failures.find(sobject=chosen.object, record=chosen.record, reason=chosen.reason), chosen)


def _some(found: list[dict[str, Any]], chosen: argparse.Namespace) -> list[dict[str, Any]]:
    if not found:
        names = [getattr(chosen, name, None) for name in ("object", "record", "reason")]
        raise Terminal(
            "nothing_failed", f"no failed edit of {' '.join(n for n in names if n) or 'any record'}",
            "`isthmus failures list` shows what there is.",
        )  # fmt: skip
    return found
