"""Command line: mappings as a file: export, plan, apply."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from common import config, declaration
from common.declaration import Difference, Wanted, What
from common.errors import Misconfigured
from common.postgres import mappings
from common.postgres.connect import Database
from common.salesforce.session import Session
from functions.cli import changing, channels, drift, people, refill

Commands = Any  #: argparse keeps the type of subparsers to itself
DRIFT = 2  #: exit code of `plan --check` where anything differs
_SIGNS = {What.CREATE: "+", What.ADD: "+", What.PARENT_KEYS: "+", What.DROP: "-", What.IMPOSSIBLE: "!", What.EXTRA: "?"}


def add_to(commands: Commands) -> None:
    exporting = commands.add_parser("export", help="write what is mapped as YAML")
    exporting.add_argument("file", nargs="?", type=Path, help="default: to the screen")
    exporting.set_defaults(run=_export)
    planning = commands.add_parser("plan", help="in what a file and what is mapped differ; nothing is done")
    planning.add_argument("file", type=Path)
    planning.add_argument("--check", action="store_true", help=f"exit with {DRIFT} where anything differs")
    planning.set_defaults(run=_plan)
    applying = commands.add_parser("apply", help="make what is mapped as a file says, after showing the plan")
    applying.add_argument("file", type=Path)
    applying.add_argument("--yes", action="store_true", help="do not ask")
    applying.set_defaults(run=_apply)


def _export(chosen: argparse.Namespace, env: config.Environment) -> None:
    import yaml  # late: nothing else needs it

    with Database(config.database(env)) as database, database.transaction() as tx:
        document = declaration.export(mappings.read(tx))
    text = yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=120)
    if chosen.file is None:
        print(text, end="")
        return
    chosen.file.write_text(text, encoding="utf-8")
    print(f"{len(document['mappings'])} mappings are in {chosen.file}.")


def _plan(chosen: argparse.Namespace, env: config.Environment) -> None:
    wanted = _read(chosen.file)
    with Database(config.database(env)) as database, database.transaction() as tx:
        found = declaration.compare(mappings.read(tx), wanted)
    _show(found)
    if found and chosen.check:
        sys.exit(DRIFT)


def _read(file: Path) -> list[Wanted]:
    import yaml

    try:
        return declaration.read(yaml.safe_load(file.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as exc:
        raise Misconfigured(
            "document", f"{file}: {exc}", "Name a YAML file; `isthmus mapping export` writes one."
        ) from exc


def _show(found: Sequence[Difference]) -> None:
    for difference in found:
        print(f"{_SIGNS.get(difference.what, '~')} {difference.name}: {difference.said}")
    if not found:
        print("Nothing differs.")


def _apply(chosen: argparse.Namespace, env: config.Environment) -> None:
    wanted = _read(chosen.file)
    with Database(config.database(env)) as database:
        with database.transaction() as tx:
            found = declaration.compare(mappings.read(tx), wanted)
        _show(found)
        if impossible := [d for d in found if d.what is What.IMPOSSIBLE]:
            raise Misconfigured("plan_impossible", f"{len(impossible)} of these cannot be done", "Nothing was done.")
        todo = [d for d in found if d.what is not What.EXTRA]
        if not todo or not people.sure("Make it so?", chosen):
            return
        with Session(config.salesforce(env)) as session:
            for want in wanted:
                changing.make(database, session, want, [d for d in todo if d.wanted is want], env)
        with database.transaction() as tx:
            known = mappings.read(tx)
    for sobject in sorted({d.wanted.sobject for d in todo if d.what is What.CREATE and d.wanted}):
        drift.look(env, sobject)
    channels.write_down(env, known)
    if any(d.what in (What.ADD, What.RULES) for d in todo):
        refill.go_on(env)
    print("Done.")
