"""Commands on what changed in Salesforce's objects: list, look, apply, ignore."""

import argparse
from typing import Any

from common import clock, config
from common.drift import Drift
from common.errors import Terminal
from common.flows import drift as flow
from common.mapping import Mapping
from common.postgres import drifts, mappings
from common.postgres.connect import Database, Transaction
from common.postgres.drifts import PostgresLooks
from common.postgres.mappings import MappingBook
from common.salesforce.session import Session
from common.salesforce.shapes import Describing
from functions.cli import people, refill
from functions.cli.tables import print_json, show

Groups = Any  #: argparse keeps the type of subparsers to itself


def add_to(groups: Groups) -> None:
    commands = groups.add_parser("drift", help="how Salesforce's objects changed").add_subparsers(
        metavar="ACTION", required=True
    )
    listing = commands.add_parser("list", help="what is open, with the DDL that would mend it")
    listing.add_argument("object", nargs="?", help="API name; default every one")
    listing.add_argument("--all", action="store_true", help="what is settled too")
    listing.add_argument("--json", action="store_true", help="for programs")
    listing.set_defaults(run=_list)
    looking = commands.add_parser("look", help="look now: one call for each object")
    looking.add_argument("object", nargs="?", default="", help="API name; default every mapped one")
    looking.set_defaults(run=_look)
    for name, run, text in (
        ("apply", _apply, "run the DDL and let the field go on; a field that is gone leaves the mapping"),
        ("ignore", _ignore, "settle it as it stands"),
    ):
        command = commands.add_parser(name, help=text)
        command.add_argument("id", type=int)
        people.may_decide(command)
        command.set_defaults(run=run)


def _list(chosen: argparse.Namespace, env: config.Environment) -> None:
    with Database(config.database(env)) as database, database.transaction() as tx:
        found = drifts.find(tx, sobject=chosen.object, settled=chosen.all)
    rows = [{k: v for k, v in row.items() if k not in ("sync_config_id", "ddl")} for row in found]
    if chosen.json:
        print_json(found)
        return
    show(rows)
    for row in found:
        if row["ddl"] and row["state"] == "open":
            print(f"\n-- {row['id']}: {row['object']}.{row['field']}\n{row['ddl']};")


def _look(chosen: argparse.Namespace, env: config.Environment) -> None:
    found = look(env, chosen.object)
    show(
        [
            {"object": m.sobject, "field": d.field, "what": d.what, "state": "safe" if d.safe else "open", "detail": d.detail}
            for m, d in found
        ],
        empty="nothing changed",
    )  # fmt: skip


def look(env: config.Environment, sobject: str = "") -> list[tuple[Mapping, Drift]]:
    """Look at one mapped object, or at all; what changed since it was looked at last."""
    with Database(config.database(env)) as database, Session(config.salesforce(env)) as session:
        world = flow.World(MappingBook(database), Describing(session), PostgresLooks(database), clock.now)
        return flow.look(world, sobject, anew=True)


def _apply(chosen: argparse.Namespace, env: config.Environment) -> None:
    with Database(config.database(env)) as database:
        with database.transaction() as tx:
            row, mapping = _of(tx, chosen.id)
        print(f"{row['object']}.{row['field']}: {row['what']} ({row['detail']})")
        if row["ddl"]:
            print(f"{row['ddl']};")
        if not people.sure("Go on?", chosen):
            return
        with Session(config.salesforce(env)) as session:
            described = Describing(session).describe(mapping.sobject, "")
        shapes = {s.name: s for s in described.shapes} if described else {}
        with database.transaction() as tx:
            row, mapping = _of(tx, chosen.id)
            print(drifts.apply(tx, row, mapping, shapes.get(row["field"]), people.decision(chosen, env)))
    refill.go_on(env)
    print(f"Edits that waited go on with: isthmus failures retry --object {mapping.sobject}")


def _ignore(chosen: argparse.Namespace, env: config.Environment) -> None:
    with Database(config.database(env)) as database, database.transaction() as tx:
        row, _ = _of(tx, chosen.id)
        drifts.settle(tx, chosen.id, people.decision(chosen, env))
    print(f"{row['object']}.{row['field']}: settled as it stands")


def _of(tx: Transaction, number: int) -> tuple[dict[str, Any], Mapping]:
    rows = drifts.find(tx, number=number)
    if not rows:
        raise Terminal("drift_missing", f"{number}: nothing open has this number", "See `isthmus drift list`.")
    mapping = next(m for m in mappings.read(tx) if m.id == rows[0]["sync_config_id"])
    return rows[0], mapping
