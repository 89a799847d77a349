"""Commands on first loads: start, list, show, pause, resume, cancel."""

import argparse
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from common import config
from common.postgres.backfills import BackfillTable
from common.postgres.connect import Database
from common.postgres.mappings import MappingBook
from functions.cli import named, people
from functions.cli.tables import show

Groups = Any  #: argparse keeps the type of subparsers to itself


def add_to(groups: Groups) -> None:
    commands = groups.add_parser("backfill", help="load all records of an object, slice by slice").add_subparsers(
        metavar="ACTION", required=True
    )
    start = commands.add_parser("start", help="bring every record over; the door `backfill` does it")
    start.add_argument("object", help="API name, or schema.table")
    start.add_argument("--to", choices=("postgres", "salesforce"), help="default: what the mapping's direction says")
    start.add_argument("--slice", type=named.count, metavar="RECORDS", help="records in a slice")
    start.add_argument("--dry-run", action="store_true", help="only say how many records and slices it would be")
    start.add_argument("--json", action="store_true", help="for programs")
    start.set_defaults(run=_start)
    listing = commands.add_parser("list", help="the last ones: how far, how fast, how long still")
    listing.add_argument("--limit", type=named.count, default=20)
    listing.add_argument("--json", action="store_true", help="for programs")
    listing.set_defaults(run=_list)
    for name, text in (
        ("show", "how far one is"),
        ("pause", "stop after the slice that is under way"),
        ("resume", "go on where it stopped, or ask for the next slice once more"),
        ("cancel", "give it up; what was written stays"),
    ):
        command = commands.add_parser(name, help=text)
        command.add_argument("backfill", type=named.count, help="its number, as `backfill list` shows it")
        command.add_argument("--json", action="store_true", help="for programs")
        command.set_defaults(run=_order, order=name)


@contextmanager
def _orders(env: config.Environment) -> Iterator[Any]:
    from common.flows.backfill_orders import Orders  # late, with Pub/Sub: the other commands need none
    from common.pubsub.topic import PubsubTopic
    from common.pubsub.work import WorkTopic

    with Database(config.database(env)) as database:
        works = WorkTopic(PubsubTopic(config.topics(env).work))
        yield Orders(MappingBook(database), BackfillTable(database), works)


def _start(chosen: argparse.Namespace, env: config.Environment) -> None:
    with _orders(env) as orders:
        if chosen.dry_run:
            show([_plan(orders, chosen, env)], as_json=chosen.json)
            return
        begun = orders.run(chosen.object, chosen.to or "", chosen.slice or 0, people.who(env))
    show([begun], as_json=chosen.json)


def _plan(orders: Any, chosen: argparse.Namespace, env: config.Environment) -> dict[str, object]:
    from common.salesforce.bulk_query import BulkQueryApi  # late: only this one needs Salesforce
    from common.salesforce.session import Session

    with Session(config.salesforce(env)) as session:
        planned: dict[str, object] = orders.plan(
            chosen.object, chosen.to or "", chosen.slice or 0, BulkQueryApi(session)
        )
    return planned


def _list(chosen: argparse.Namespace, env: config.Environment) -> None:
    with Database(config.database(env)) as database:
        show(BackfillTable(database).progress(limit=chosen.limit), as_json=chosen.json)


def _order(chosen: argparse.Namespace, env: config.Environment) -> None:
    with _orders(env) as orders:
        ways: dict[str, Callable[[int], Any]] = {
            "show": lambda number: orders.status(number)[0],
            "pause": orders.pause, "resume": orders.resume, "cancel": orders.cancel,
        }  # fmt: skip
        show([ways[chosen.order](chosen.backfill)], as_json=chosen.json)
