"""Command line: a mapping's fields and the rules of their values."""

import argparse
from collections.abc import Callable
from typing import Any

from common import config, ruling
from common.mapping import Direction, Field, Mapping
from common.postgres import mappings
from common.postgres.connect import Database
from common.salesforce import describe
from common.salesforce.session import Session
from functions.cli import named, refill
from functions.cli.field_changes import FieldChange, carry_out, change_rules, join, said
from functions.cli.tables import print_json, show

Commands = Any  #: argparse keeps the type of subparsers to itself


def add_to(commands: Commands) -> None:
    command = commands.add_parser("show", help="a mapping's fields, their columns and rules")
    command.add_argument("object", help="API name, or schema.table")
    command.add_argument("--json", action="store_true", help="for programs")
    command.set_defaults(run=_show)
    refill.add_to(commands)
    adding = commands.add_parser("add-field", help="let fields join a mapping: they alone are read for every row")
    adding.add_argument("object", help="API name, or schema.table")
    adding.add_argument("fields", help="API names, separated by commas")
    add_rules(adding)
    adding.add_argument("--names", choices=["snake", "heroku"], default="snake", help="how columns are named")
    adding.set_defaults(run=_add)
    changing = commands.add_parser("rule", help="other rules for fields: those are read anew for every row")
    changing.add_argument("object", help="API name, or schema.table")
    changing.add_argument(
        "rules", nargs="+", metavar="FIELD:RULE[=VALUE]", help="all rules of the field; FIELD:none ends them"
    )
    changing.set_defaults(run=_rule)
    for each in (adding, changing):
        each.add_argument("--later", action="store_true", help="read by `isthmus mapping refill`, not now")


def add_rules(command: argparse.ArgumentParser) -> None:
    """The option that orders rules."""
    command.add_argument(
        "--rule", action="append", default=[], metavar="FIELD:RULE[=VALUE]",
        help="once for each rule: column=NAME, trim, case=upper|lower, map=Open:o,Closed:c (*:x for all others; or JSON), "
        "shift=+9h (d, h, m), default=VALUE, constant=VALUE, readonly",
    )  # fmt: skip


def _add(chosen: argparse.Namespace, env: config.Environment) -> None:
    names = [name.strip() for name in chosen.fields.split(",") if name.strip()]
    orders = {name: ruling.Order() for name in names} | ruling.parse(chosen.rule)
    _change(chosen, env, lambda described, mapping: join(described, mapping, orders, style=chosen.names))


def _rule(chosen: argparse.Namespace, env: config.Environment) -> None:
    ended = {text.split(":")[0].strip(): ruling.Order() for text in chosen.rules if text.endswith(":none")}
    orders = ended | ruling.parse([text for text in chosen.rules if not text.endswith(":none")])
    _change(chosen, env, lambda described, mapping: change_rules(described, mapping, orders))


def _change(
    chosen: argparse.Namespace, env: config.Environment,
    make: Callable[[dict[str, Any], Mapping], FieldChange],
) -> None:  # fmt: skip
    with Database(config.database(env)) as database:
        with database.transaction() as tx:
            mapping = named.one(mappings.read(tx), chosen.object)
        with Session(config.salesforce(env)) as session:
            change = make(describe.fetch(session, mapping.sobject), mapping)
        with database.transaction() as tx:
            carry_out(tx, change)
    for field in change.fields:
        rules = f": {said(field)}" if said(field) else ""
        print(f"{mapping.sobject}.{field.name} -> {mapping.table}.{field.column}{rules}")
    if not chosen.later:
        refill.go_on(env)


def _show(chosen: argparse.Namespace, env: config.Environment) -> None:
    with Database(config.database(env)) as database, database.transaction() as tx:
        mapping = named.one(mappings.read(tx), chosen.object)
    rows = [
        {
            "field": f.name, "column": f.column, "kind": f.kind.value, "travels": _travels(mapping, f),
            "rules": f.rules.written() if chosen.json else said(f) or None,
        }
        for f in mapping.fields
    ]  # fmt: skip
    if chosen.json:
        print_json(rows)
        return
    print(f"{mapping.sobject} <-> {mapping.table}, {mapping.direction}")
    show(rows)


def _travels(mapping: Mapping, field: Field) -> str:
    """Which way a field's values go."""
    ways = []
    if mapping.direction is not Direction.PG_TO_SF:
        ways.append("to Postgres")
    if mapping.direction is not Direction.SF_TO_PG and (field.createable or field.updateable):
        ways.append("to Salesforce")
    return " and ".join(ways) or "not at all"
