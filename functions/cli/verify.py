"""The command that proves equality: verify."""

import argparse
import json
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from common import clock, config
from common.comparing import is_compared
from common.errors import Misconfigured
from common.mapping import Direction, Mapping
from functions.cli import named
from functions.cli.tables import show

if TYPE_CHECKING:  # late where they are used: the other commands need no Salesforce
    from common.comparing import BothSides
    from common.flows.verify import Compared

Groups = Any  #: argparse keeps the type of subparsers to itself


def add_to(groups: Groups) -> None:
    command = groups.add_parser(
        "verify", help="prove that both sides are equal, value for value; exits with 1 where they are not"
    )
    command.add_argument("object", nargs="?", default="", help="API name, or schema.table; default every mapping")
    command.add_argument(
        "--report", type=Path, help="a file for JSON lines: every range of ids, every difference, the end"
    )
    command.add_argument("--values", action="store_true", help="with --report: the values that differ too")
    command.add_argument("--json", action="store_true", help="for programs")
    command.set_defaults(run=_verify)


@dataclass(slots=True)
class Sum:
    """What was found of one mapping."""

    mapping: Mapping
    records: int = 0
    rows: int = 0
    waiting: int = 0  #: records and rows of which edits wait
    unsent: int = 0  #: rows that have no record, and that nothing will send
    what: Counter[str] = field(default_factory=Counter)

    @property
    def equal(self) -> bool:
        return not self.what and not (self.unsent and self.mapping.direction is not Direction.SF_TO_PG)

    def shown(self) -> dict[str, object]:
        return {
            "object": self.mapping.sobject, "table": self.mapping.table, "equal": self.equal, "records": self.records,
            "rows": self.rows, "values": self.what["value"], "no_row": self.what["no_row"],
            "no_record": self.what["no_record"], "unreadable": self.what["unreadable"], "unsent": self.unsent,
            "waiting": self.waiting,
        }  # fmt: skip


def _verify(chosen: argparse.Namespace, env: config.Environment) -> None:
    from common.comparing import BothSides
    from common.postgres.connect import Database
    from common.postgres.mappings import MappingBook
    from common.postgres.reconciliations import Reconciliations
    from common.salesforce.census import SalesforceCensus
    from common.salesforce.org import SalesforceOrg
    from common.salesforce.session import Session

    salesforce = config.salesforce(env)
    with Database(config.database(env)) as database, Session(salesforce) as session, _report(chosen.report) as report:
        book, runs, org = MappingBook(database), Reconciliations(database), SalesforceOrg(session)
        sides = BothSides(SalesforceCensus(session, org), runs)
        _refuse_other_org(book.org_id, org.org_id)
        sums = []
        for mapping in _mapped(book.all(), chosen.object):
            waiting, unsent = runs.unsent(mapping)
            sums.append(_whole(Sum(mapping, waiting=waiting, unsent=unsent), sides, report, chosen.values))
    show([s.shown() for s in sums], as_json=chosen.json)
    if not all(s.equal for s in sums):
        sys.exit(1)


def _refuse_other_org(bound: str, met: str) -> None:
    if bound and bound != met:
        raise Misconfigured(
            "other_org", f"the database belongs to org {bound}, the login leads to {met}", "Log in there."
        )


def _mapped(known: Sequence[Mapping], name: str) -> list[Mapping]:
    return [m for m in (named.mapped(known, name) if name else known) if is_compared(m)]


def _whole(found: Sum, sides: "BothSides", report: TextIO | None, with_values: bool) -> Sum:
    """Every range; what differs is looked at once more at the end, for a change may have been on its way."""
    from common.flows import verify

    differing = []
    for compared in verify.ranges(found.mapping, sides):
        if compared.equal:
            _add(found, compared, report, with_values)
        else:
            differing.append((compared.after, compared.upto))
    for after, upto in differing:
        _add(found, verify.between(found.mapping, sides, after, upto), report, with_values)
    _write(report, {"at": clock.now().isoformat()} | found.shown())
    return found


def _add(found: Sum, compared: "Compared", report: TextIO | None, with_values: bool) -> None:
    from common.flows.verify import plain

    found.records += compared.salesforce.count
    found.rows += compared.postgres.count
    found.waiting += compared.waiting
    found.what += Counter(d.what for d in compared.differences)
    there, here = compared.salesforce, compared.postgres
    _write(report, {
        "object": found.mapping.sobject, "after": compared.after, "upto": compared.upto, "equal": compared.equal,
        "salesforce": {"count": there.count, "digest": there.digest},
        "postgres": {"count": here.count, "digest": here.digest},
    })  # fmt: skip
    for d in compared.differences:
        values = {"salesforce": plain(d.salesforce), "postgres": plain(d.postgres)} if with_values else {}
        named_field = {"field": d.field} if d.field else {}
        _write(report, {"object": found.mapping.sobject, "record": d.record, "what": d.what} | named_field | values)


def _write(report: TextIO | None, line: dict[str, object]) -> None:
    if report is not None:
        print(json.dumps(line, ensure_ascii=False), file=report)


@contextmanager
def _report(path: Path | None) -> Iterator[TextIO | None]:
    if path is None:
        yield None
        return
    try:
        opened = path.open("w", encoding="utf-8")
    except OSError as exc:
        raise Misconfigured("report_unwritable", str(exc), "Name a file that can be written.") from exc
    with opened:
        yield opened
