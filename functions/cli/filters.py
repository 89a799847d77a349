"""Command line: which records have rows, for a table that is mapped already."""

import argparse
from dataclasses import replace
from typing import Any

from common import config
from common.mapping import Mapping
from common.postgres import mappings
from common.postgres.connect import Database
from common.postgres.queries import identifier
from common.salesforce import conditions
from common.salesforce.session import Session
from functions.cli import named, people, reread

Commands = Any  #: argparse keeps the type of subparsers to itself
NONE = "none"  #: the word for no filter


def add_to(commands: Commands) -> None:
    command = commands.add_parser("filter", help="let only records that meet a condition have rows")
    command.add_argument("object", help="API name, or schema.table")
    command.add_argument("where", help="what stands after WHERE in SOQL; none: every record")
    command.add_argument("--yes", action="store_true", help="do not ask")
    command.set_defaults(run=_filter)


def _filter(chosen: argparse.Namespace, env: config.Environment) -> None:
    with Database(config.database(env)) as database, Session(config.salesforce(env)) as session:
        with database.transaction() as tx:
            mapping = named.of_records(mappings.read(tx), chosen.object)
        wanted = replace(mapping, filter="" if chosen.where == NONE else chosen.where)
        if wanted.filter:
            conditions.check(session, wanted)
        leaving, coming = compare(database, session, wanted)
        print(f"{len(leaving)} rows of {mapping.table} leave, {len(coming)} records come.")
        if not people.sure(f"Hold {mapping.sobject} to this filter?", chosen):
            return
        with database.transaction() as tx:
            mappings.set_filter(tx, mapping, wanted.filter)
        reread.ask(mapping, [*leaving, *coming], env)
    print("They are read within the next minutes; rows with edits under way leave once those have arrived.")


def compare(database: Database, session: Session, wanted: Mapping) -> tuple[list[str], list[str]]:
    """The records whose rows are here and must leave, and those that have no row yet."""
    meeting = set(conditions.meeting(session, wanted))
    with database.transaction() as tx:
        rows = tx.run(f"SELECT sfid FROM {identifier(wanted.table)} WHERE sfid IS NOT NULL")
    here = {row[0] for row in rows}
    return sorted(here - meeting), sorted(meeting - here)
