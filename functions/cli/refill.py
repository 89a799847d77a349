"""Command line: fields that joined a mapping, or whose rules changed, are read for every row."""

from collections.abc import Sequence
from typing import Any

from common import clock, config
from common.change import Change
from common.flows import refill
from common.postgres.connect import Database
from common.postgres.refills import PostgresRefills
from common.salesforce.org import SalesforceOrg
from common.salesforce.session import Session

Commands = Any  #: argparse keeps the type of subparsers to itself


def add_to(commands: Commands) -> None:
    command = commands.add_parser("refill", help="go on with what `add-field` and `rule` have begun")
    command.set_defaults(run=lambda _, env: go_on(env))


def go_on(env: config.Environment) -> None:
    """Read until every row has its fields; it may be ended, and goes on from there the next time."""
    with Database(config.database(env)) as database, Session(config.salesforce(env)) as session:
        world = refill.World(PostgresRefills(database), SalesforceOrg(session), _Late(env), clock.now)
        written = refill.run(world, lambda: True)
    print(f"{written} rows were filled; rows with edits under way follow with them.")


class _Late:
    """The topic, opened when there is something to say: most refills need no Pub/Sub."""

    def __init__(self, env: config.Environment) -> None:
        self._env = env

    def publish(self, changes: Sequence[Change], *, trace: str = "") -> None:
        from common.pubsub.topic import PubsubTopic

        PubsubTopic(config.topics(self._env).salesforce_changes).publish(changes, trace=trace)
