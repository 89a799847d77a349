"""Commands that compare both sides: reconcile now, what past comparisons found, how often they are made."""

import argparse
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from common import clock, config
from common.comparing import is_compared
from common.errors import Terminal
from common.mapping import Mapping
from functions.cli import named
from functions.cli.tables import show

if TYPE_CHECKING:  # late where they are used: the other commands need neither Salesforce nor Pub/Sub
    from common.flows.reconcile import World
    from common.postgres.connect import Database
    from common.postgres.reconciliations import Reconciliations

Groups = Any  #: argparse keeps the type of subparsers to itself
LIST = "list"  #: the word for past runs; no object is called that
POLL_SECONDS = (1.0, 2.0, 5.0, 10.0)  #: between two looks after a Bulk API job
SHOWN = ("object", "kind", "state", "compared", "missing", "older", "gone", "purged", "held", "unseen", "last_error")


def add_to(groups: Groups) -> None:
    command = groups.add_parser("reconcile", help="find what was missed, and have it read; `reconcile list`: past runs")
    command.add_argument(
        "object", nargs="?", default="", help="API name, or schema.table; default every mapping; or list"
    )
    command.add_argument("of", nargs="?", default="", help="with list: of which object")
    command.add_argument("--full", action="store_true", help="compare all records, not only those changed lately")
    command.add_argument("--limit", type=named.count, default=20, help="with list: how many runs")
    command.add_argument("--json", action="store_true", help="for programs")
    command.set_defaults(run=_reconcile)


def _reconcile(chosen: argparse.Namespace, env: config.Environment) -> None:
    from common.postgres.connect import Database
    from common.postgres.reconciliations import Reconciliations

    with Database(config.database(env)) as database:
        runs = Reconciliations(database)
        if chosen.object == LIST:
            show(runs.past(chosen.of, chosen.limit), as_json=chosen.json)
            return
        world = _world(config.comparing(env), database, runs)
        numbers = [_begun(m, chosen.full, world, runs) for m in _mapped(world.mappings.all(), chosen.object)]
        for number in numbers:
            _to_its_end(number, world)
        found = [row for row in runs.past("", len(numbers) + 100) if row["id"] in numbers]
    show([{name: row[name] for name in SHOWN} for row in reversed(found)], as_json=chosen.json)
    if any(row["state"] == "failed" for row in found):
        raise Terminal("comparison_failed", "a comparison failed", "`last_error` says why.")


def _world(settings: config.Comparing, database: "Database", runs: "Reconciliations") -> "World":
    from common.flows.reconcile import World
    from common.postgres.api_limit import Purse
    from common.postgres.mappings import MappingBook
    from common.postgres.table import PostgresTable
    from common.pubsub.topic import PubsubTopic
    from common.salesforce.census import SalesforceCensus
    from common.salesforce.org import SalesforceOrg
    from common.salesforce.session import Session

    session = Session(settings.salesforce)
    org = SalesforceOrg(session)
    topic = PubsubTopic(settings.topics.salesforce_changes)
    return World(
        "shell", MappingBook(database), SalesforceCensus(session, org), org, PostgresTable(database), runs, topic,
        lambda _: None, clock.now, Purse(database), settings.reserve_percent, quiet=True,
    )  # fmt: skip


def _mapped(known: Sequence[Mapping], name: str) -> list[Mapping]:
    chosen = named.mapped(known, name) if name else list(known)
    return [m for m in chosen if is_compared(m)]


def _begun(mapping: Mapping, full: bool, world: "World", runs: "Reconciliations") -> int:
    from common.flows import reconcile

    since = None if full else runs.compared_until(mapping) - reconcile.OVERLAP
    return reconcile.begin(mapping, "shell", since, world)


def _to_its_end(number: int, world: "World") -> None:
    """Slice by slice; while Salesforce works on a list, it is looked after now and then."""
    from common.flows import reconcile

    looks = 0
    while (ending := reconcile.step(number, world, lambda: True)) != reconcile.DONE:
        if ending == reconcile.WAIT:
            time.sleep(POLL_SECONDS[min(looks, len(POLL_SECONDS) - 1)])
            looks += 1
