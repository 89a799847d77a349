"""Command line: relationship columns for a table that is mapped already."""

import argparse
from dataclasses import replace
from typing import Any

from common import config
from common.mapping import Mapping
from common.postgres import ddl, families, mappings
from common.postgres.connect import Database, Transaction
from common.salesforce import describe
from common.salesforce.session import Session
from functions.cli import named

Commands = Any  #: argparse keeps the type of subparsers to itself


def add_to(commands: Commands) -> None:
    command = commands.add_parser("parent-key", help="give lookups of a mapped table their relationship columns")
    command.add_argument("object", help="API name, or schema.table")
    command.add_argument("lookups", help="API names, separated by commas, such as AccountId")
    command.add_argument("--names", choices=["snake", "heroku"], default="snake", help="how the columns are named")
    command.set_defaults(run=_add)


def _add(chosen: argparse.Namespace, env: config.Environment) -> None:
    with Database(config.database(env)) as database:
        with database.transaction() as tx:
            known = mappings.read(tx)
        mapping = named.one(known, chosen.object)
        with Session(config.salesforce(env)) as session:
            described = describe.fetch(session, mapping.sobject)
        wanted = [name.strip() for name in chosen.lookups.split(",") if name.strip()]
        keys = describe.more_parent_keys(described, mapping, known, wanted, style=chosen.names)
        with database.transaction() as tx:
            build(tx, replace(mapping, parent_keys=(*mapping.parent_keys, *keys)), len(keys))
    for key in keys:
        print(f"{mapping.table}.{key.column} holds the external id of the {key.sobject} that {key.lookup} points to")


def build(tx: Transaction, mapping: Mapping, new: int) -> None:
    """Columns, indexes and triggers in one transaction: no edit is missed in between."""
    for statement in ddl.add_parent_keys(mapping, mapping.parent_keys[-new:]):
        tx.run_bound(statement)
    mappings.store_fields(tx, mapping)
    held = next(m for m in mappings.read(tx) if m.id == mapping.id)
    for key in held.parent_keys[-new:]:
        tx.run_bound(families.fill(held, key))
