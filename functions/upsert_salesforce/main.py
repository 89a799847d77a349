"""Door: Pub/Sub pushes changes from Postgres here; Salesforce gets what is still owed of them."""

import os
from collections.abc import Sequence

import flask
import functions_framework

from common import clock, codec, config, health, log
from common.change import Outcome
from common.errors import Terminal
from common.flows import to_salesforce
from common.postgres.change_log import TOPIC, ChangeLog
from common.postgres.connect import Database
from common.postgres.dead_letters import DeadLetters
from common.postgres.mappings import MappingBook
from common.postgres.table import PostgresTable
from common.pubsub import push
from common.pubsub.topic import PubsubTopic
from common.pubsub.work import WorkTopic
from common.salesforce.org import SalesforceOrg
from common.salesforce.session import Session
from common.work import NUDGE, Work

DOOR = "upsert_salesforce"

database_settings, salesforce, call_seconds, calls, reserve, topics = config.read(
    DOOR, os.environ, lambda e: (
        config.database(e), config.salesforce(e), config.call_seconds(e), config.salesforce_calls(e), config.api_reserve(e),
        config.topics(e),
    ),
)  # fmt: skip
database = Database(database_settings)
letters = DeadLetters(database)
session = Session(salesforce)
book = MappingBook(database)
work = WorkTopic(PubsubTopic(topics.work))
world = to_salesforce.World(
    mappings=book,
    log=ChangeLog(database, book, call_seconds=call_seconds),
    org=SalesforceOrg(session, calls=calls),
    now=clock.now,
    unknown_seconds=call_seconds,
    table=PostgresTable(database),
    reserve_percent=reserve,
    nudge=lambda: work.publish(Work(NUDGE)),
)


@functions_framework.http
def upsert_salesforce(request: flask.Request) -> push.Answer | tuple[str, int, dict[str, str]]:
    if request.method in ("GET", "HEAD"):
        return health.ok(DOOR)
    return push.answer(DOOR, request.get_json(silent=True), handle=_handle, bury=_bury)


def _handle(delivery: push.Delivery) -> Sequence[Outcome]:
    changes = codec.decode(delivery.data)
    before = session.calls
    outcomes = to_salesforce.apply(changes, world)
    used, allowed = session.api_usage or (0, 0)
    log.run(
        DOOR, "send", trace=delivery.trace,
        records=len(changes), calls=session.calls - before, api_used=used, api_allowed=allowed,
    )  # fmt: skip
    return outcomes


def _bury(delivery: push.Delivery, exc: Terminal) -> None:
    letters.bury_bytes(TOPIC, delivery.message_id, delivery.data, exc, delivery.attempt)
