"""Commands on fields that both sides wrote: list, show, resolve."""

import argparse
from typing import Any

from common import config
from common.errors import IsthmusError, Terminal
from common.mapping import Mapping
from common.postgres.conflicts import Conflicts
from common.postgres.connect import Database
from common.postgres.mappings import MappingBook
from functions.cli import named, people
from functions.cli.tables import print_json, show

Groups = Any  #: argparse keeps the type of subparsers to itself

_SHOWN = ("id", "object", "record", "field", "old", "postgres", "salesforce", "winner", "policy", "since")
_SETTLED = {"open": False, "settled": True, "all": None}


def add_to(groups: Groups) -> None:
    commands = groups.add_parser("conflicts", help="fields that both sides wrote").add_subparsers(
        metavar="ACTION", required=True
    )
    listing = commands.add_parser("list", help="newest first, with all three values")
    _add_filters(listing)
    listing.add_argument("--state", choices=list(_SETTLED), default="open")
    listing.add_argument("--limit", type=named.count, default=100)
    listing.add_argument("--json", action="store_true", help="for programs")
    listing.set_defaults(run=_list)
    one = commands.add_parser("show", help="one conflict, whole")
    one.add_argument("id", type=int)
    one.add_argument("--json", action="store_true", help="for programs")
    one.set_defaults(run=_show)
    resolve = commands.add_parser("resolve", help="say whose value stands; the other side gets it")
    resolve.add_argument("id", type=int, nargs="*")
    _add_filters(resolve)
    resolve.add_argument("--take", choices=["postgres", "salesforce"], required=True, help="whose value stands")
    people.may_decide(resolve)
    resolve.set_defaults(run=_resolve)


def _add_filters(command: Any) -> None:
    command.add_argument("--object", help="API name, or schema.table")
    command.add_argument("--record", help="the row's key")


def _list(chosen: argparse.Namespace, env: config.Environment) -> None:
    with Database(config.database(env)) as database:
        _refuse_stranger(database, chosen)
        found = Conflicts(database).find(
            sobject=chosen.object, record=chosen.record, settled=_SETTLED[chosen.state], limit=chosen.limit
        )
    shown = _SHOWN + (() if chosen.state == "open" else ("taken", "settled_by", "settled_at"))
    show(found if chosen.json else [{name: k[name] for name in shown} for k in found], as_json=chosen.json)


def _refuse_stranger(database: Database, chosen: argparse.Namespace) -> None:
    if chosen.object:
        named.mapped(MappingBook(database).all(), chosen.object)


def _show(chosen: argparse.Namespace, env: config.Environment) -> None:
    with Database(config.database(env)) as database:
        (found,) = _numbered(Conflicts(database), [chosen.id])
    if chosen.json:
        print_json(found)
    else:
        print("\n".join(f"{name}: {value if value is not None else '-'}" for name, value in found.items()))


def _resolve(chosen: argparse.Namespace, env: config.Environment) -> None:
    with Database(config.database(env)) as database:
        conflicts, book = Conflicts(database), MappingBook(database)
        _refuse_stranger(database, chosen)
        found = _chosen(conflicts, chosen)
        question = f"Let {chosen.take.capitalize()}'s value stand in {len(found)} conflicts?"
        if len(found) > 1 and not people.sure(question, chosen):
            return
        by_table = {m.table: m for m in book.all()}
        failed = sum(not _resolve_one(conflicts, k, by_table[k["table"]], chosen, env) for k in found)
    if failed:
        raise Terminal("resolve_incomplete", f"{failed} of {len(found)} could not be resolved", "See above.")


def _resolve_one(
    conflicts: Conflicts, found: dict[str, Any], mapping: Mapping, chosen: argparse.Namespace, env: config.Environment
) -> bool:
    try:
        done = conflicts.resolve(found, mapping, chosen.take, people.decision(chosen, env))
    except IsthmusError as exc:
        print(f"{found['id']}: {exc}")
        return False
    print(f"{found['id']}: {found['record']} {found['field']}: {done}")
    return True


def _chosen(conflicts: Conflicts, chosen: argparse.Namespace) -> list[dict[str, Any]]:
    if bool(chosen.id) == bool(chosen.object or chosen.record):
        raise Terminal("nothing_chosen", hint="Name ids, or --object or --record; `isthmus conflicts list` shows them.")
    if chosen.id:
        return _numbered(conflicts, chosen.id)
    found = conflicts.find(sobject=chosen.object, record=chosen.record, limit=100_000)
    if not found:
        raise Terminal(
            "conflict_missing", f"no open conflict of {chosen.object or ''} {chosen.record or ''}".rstrip(),
            "`isthmus conflicts list` shows what there is.",
        )  # fmt: skip
    return found[::-1]


def _numbered(conflicts: Conflicts, ids: list[int]) -> list[dict[str, Any]]:
    found = [k for number in ids for k in conflicts.find(number=number, settled=None)]
    missing = set(ids) - {k["id"] for k in found}
    if missing:
        raise Terminal(
            "conflict_missing", f"there is no conflict {', '.join(map(str, sorted(missing)))}",
            "`isthmus conflicts list` shows what there is.",
        )  # fmt: skip
    return found
