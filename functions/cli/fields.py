"""Command line: a mapping's fields and the rules of their values."""

import argparse
import json
from typing import Any

from common import config
from common.errors import Misconfigured, Terminal
from common.mapping import Direction, Field, Mapping
from common.postgres import mappings
from common.postgres.connect import Database
from common.postgres.values import canonical
from functions.cli import named
from functions.cli.tables import print_json, show

Commands = Any  #: argparse keeps the type of subparsers to itself


def add_to(commands: Commands) -> None:
    command = commands.add_parser("show", help="a mapping's fields, their columns and rules")
    command.add_argument("object", help="API name, or schema.table")
    command.add_argument("--json", action="store_true", help="for programs")
    command.set_defaults(run=_show)


def add_rules(command: argparse.ArgumentParser) -> None:
    """The option that orders rules."""
    command.add_argument(
        "--rule", action="append", default=[], metavar="FIELD:RULE[=VALUE]",
        help="once for each rule: column=NAME, trim, case=upper|lower, map=Open:o,Closed:c (*:x for all others; or JSON), "
        "shift=+9h (d, h, m), default=VALUE, constant=VALUE, readonly",
    )  # fmt: skip


def said(field: Field) -> str:
    """A field's rules in one line; empty where there are none."""
    return ", ".join(
        name if value is True and name in ("trim", "readonly") else f"{name}={_word(value)}"
        for name, value in field.rules.written().items()
    )


def _word(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def refuse_odd_values(mapping: Mapping) -> None:
    """Defaults and constants must be of the field's kind.

    Raises:
        Misconfigured: one is not.
    """
    for field in mapping.fields:
        for rule, value in (("default", field.rules.default), ("constant", field.rules.constant)):
            try:
                canonical(field.kind, value)
            except Terminal as exc:
                raise Misconfigured("rule", f"{field.name}: {rule} {value!r} is no {field.kind}", exc.hint) from exc


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
