"""Command `rebase`: a database that moved, or met another org, is compared with Salesforce and bound anew."""

import argparse
from collections import Counter
from typing import Any

from common import config
from common.errors import Terminal
from common.flows import rebase
from common.flows.rebase import Finding, Judged, Open
from common.mapping import Direction, Mapping
from common.postgres import identity, mappings
from common.postgres.connect import Database
from common.postgres.table import PostgresTable
from common.postgres.values import comparable
from common.salesforce.org import SalesforceOrg
from common.salesforce.session import Session
from functions.cli import people, reread
from functions.cli.tables import print_json, show

Groups = Any  #: argparse keeps the type of subparsers to itself
SLICE = 2000  #: records asked for at once
Judgements = list[tuple[Mapping, list[Judged]]]


def add_to(groups: Groups) -> None:
    command = groups.add_parser(
        "rebase", help="after a restore, a branch or another org: compare what is unsent with Salesforce, then go on"
    )
    command.add_argument("--dry-run", action="store_true", help="only compare")
    command.add_argument("--records", action="store_true", help="show each record")
    command.add_argument("--reread", action="store_true", help="then read every record that the tables know again")
    command.add_argument("--json", action="store_true", help="for programs: the comparison")
    people.may_decide(command)
    command.set_defaults(run=_rebase)


def _rebase(chosen: argparse.Namespace, env: config.Environment) -> None:
    settings = config.salesforce(env)
    with Database(config.database(env), check_identity=False) as database, Session(settings) as session:
        with database.transaction() as tx:
            known, found = identity.read(tx), list(mappings.read(tx))
        other_org = bool(known["org_id"]) and known["org_id"] != session.org_id
        if not _say_what_changed(known, session.org_id, other_org, chosen):
            return
        judgements = _judge(database, [m for m in found if m.direction is not Direction.SF_TO_PG], session)
        _show(judgements, chosen)
        if chosen.dry_run or not people.sure("Bind the database anew, and go on like this?", chosen):
            return
        _go_on(database, judgements, session.org_id, other_org, chosen, env)
        asked = _reread(database, found, env) if chosen.reread else 0
    if chosen.json:
        return
    print("The database is bound anew; the doors go on.")
    if chosen.reread:
        print(f"{asked} records are read again; those made in Salesforce since are not among them")
    else:
        print("note: rows without open edits are as they were when this was copied; --reread would have fetched them")


def _reread(database: Database, found: list[Mapping], env: config.Environment) -> int:
    """Ask for every record that a table knows; how many that are."""
    asked = 0
    for mapping in (m for m in found if m.direction is not Direction.PG_TO_SF and not m.is_event):
        after = ""
        while True:
            with database.transaction() as tx:
                sfids = identity.named_rows(tx, mapping, after, SLICE)
            reread.ask(mapping, sfids, env)
            asked += len(sfids)
            if len(sfids) < SLICE:
                break
            after = sfids[-1]
    return asked


def _say_what_changed(known: dict[str, Any], org_id: str, other_org: bool, chosen: argparse.Namespace) -> bool:
    if not known["org_id"]:
        raise Terminal("not_bound", "the database belongs to no org yet", "`isthmus mapping create` binds it.")
    rows = [{"what": name, "was": was, "is": now} for name, (was, now) in identity.changed(known).items()]
    if other_org:
        rows.append({"what": "org", "was": known["org_id"], "is": org_id})
    if not chosen.json:
        show(rows, empty="Nothing has changed: this is the database that was bound, and its org.")
    return bool(rows)


def _judge(database: Database, found: list[Mapping], session: Session) -> Judgements:
    org = SalesforceOrg(session)
    judgements: Judgements = []
    for mapping in found:
        with database.transaction() as tx:
            edits = identity.open_edits(tx, mapping)
        opened = [Open(record_id, sfid, own) for record_id, (sfid, own) in edits.items()]
        judgements.append((mapping, rebase.judge(mapping, opened, org, comparable)))
    return judgements


def _show(judgements: Judgements, chosen: argparse.Namespace) -> None:
    records = [
        {
            "object": m.sobject, "record": j.open.record_id, "sfid": j.open.sfid, "edits": len(j.open.edits),
            "found": j.finding.value, "conflicts": ", ".join(j.fields) or None, "changed_there": j.stamp,
        }
        for m, judged in judgements for j in judged
    ]  # fmt: skip
    if chosen.json:
        print_json(records)
        return
    print()
    counts = Counter((r["object"], r["found"]) for r in records)
    show(
        [{"object": o, "unsent edits": f, "records": n} for (o, f), n in sorted(counts.items(), key=str)],
        empty="Nothing is unsent.",
    )
    if chosen.records and records:
        print()
        show(records)


def _go_on(
    database: Database, judgements: Judgements, org_id: str, other_org: bool, chosen: argparse.Namespace,
    env: config.Environment,
) -> None:  # fmt: skip
    """Claims are taken back first and the binding comes last: whatever breaks between, the doors stay closed."""
    with database.transaction() as tx:
        identity.let_go(tx)
    table = PostgresTable(database)
    for mapping, judged in judgements:
        with database.transaction() as tx:
            if gone := rebase.void_rows(judged):
                identity.void(tx, gone, people.decision(chosen, env))
            strangers = [j.open.record_id for j in judged if j.finding is Finding.UNKNOWN]
            if other_org and strangers:
                identity.detach(tx, mapping, strangers)
        if mapping.direction is Direction.BIDIRECTIONAL:
            table.apply(mapping, rebase.reads(judged), read=True)
    with database.transaction() as tx:
        identity.bind(tx, org_id)
