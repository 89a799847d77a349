"""Door: Pub/Sub pushes changes from Salesforce here; Postgres gets them."""

import os
from collections.abc import Sequence
from functools import partial

import flask
import functions_framework

from common import clock, codec, config, health, log
from common.change import Outcome
from common.flows import drift, to_postgres
from common.flows.definitions import Definitions
from common.postgres.api_limit import Purse
from common.postgres.connect import Database
from common.postgres.dead_letters import DeadLetters
from common.postgres.drifts import PostgresLooks
from common.postgres.mappings import MappingBook
from common.postgres.table import PostgresTable
from common.pubsub import push
from common.pubsub.topic import PubsubTopic
from common.salesforce.org import SalesforceOrg
from common.salesforce.session import Session
from common.salesforce.shapes import Describing

DOOR = "upsert_postgres"

database_settings, salesforce, topics, reserve = config.read(
    DOOR, os.environ,
    lambda env: (config.database(env), config.salesforce(env), config.topics(env), config.api_reserve(env)),
)  # fmt: skip
database = Database(database_settings)
letters = DeadLetters(database)
book = MappingBook(database)
session = Session(salesforce)
world = to_postgres.World(
    mappings=book,
    table=PostgresTable(database),
    org=SalesforceOrg(session),
    graveyard=letters,
    topic=PubsubTopic(topics.salesforce_changes),
    now=clock.now,
    purse=Purse(database),
    reserve_percent=reserve,
    definitions=Definitions(partial(log.trouble, DOOR)),
    notice=drift.Notice(drift.World(book, Describing(session), PostgresLooks(database), clock.now)),
)


@functions_framework.http
def upsert_postgres(request: flask.Request) -> push.Answer | tuple[str, int, dict[str, str]]:
    if request.method in ("GET", "HEAD"):
        return health.ok(DOOR)
    return push.answer(
        DOOR, request.get_json(silent=True), handle=_handle, bury=push.burial(letters.bury_bytes, to_postgres.TOPIC)
    )


def _handle(delivery: push.Delivery) -> Sequence[Outcome]:
    return to_postgres.apply(codec.decode(delivery.data), world, trace=delivery.trace)
