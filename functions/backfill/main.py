"""Door: slices of first loads (topic `work`), and whoever orders them: /plan, /run, /status, /pause, /resume, /cancel."""

import os

import flask
import functions_framework

from common import clock, config, health, log, work
from common.errors import IsthmusError, Terminal
from common.flows import backfill as journey
from common.flows.backfill_orders import Orders, answer
from common.postgres.api_limit import Purse
from common.postgres.backfills import BackfillTable
from common.postgres.connect import Database
from common.postgres.dead_letters import DeadLetters
from common.postgres.mappings import MappingBook
from common.postgres.table import PostgresTable
from common.pubsub import push
from common.pubsub import work as work_topic
from common.pubsub.topic import PubsubTopic
from common.salesforce.bulk_query import BulkQueryApi
from common.salesforce.org import SalesforceOrg
from common.salesforce.session import Session

DOOR = "backfill"

database_settings, salesforce, topics = config.read(
    DOOR, os.environ, lambda env: (config.database(env), config.salesforce(env), config.topics(env))
)
database, session = Database(database_settings), Session(salesforce)
book, backfills, query = MappingBook(database), BackfillTable(database), BulkQueryApi(session)
works = work_topic.WorkTopic(PubsubTopic(topics.work))
bury = push.burial(DeadLetters(database).bury_bytes, work.TOPIC)
world = journey.World(
    book, backfills, query, SalesforceOrg(session), PostgresTable(database),
    PubsubTopic(topics.salesforce_changes), works, clock.now, Purse(database),
)  # fmt: skip
orders = Orders(book, backfills, works)


@functions_framework.http
def backfill(request: flask.Request) -> push.Answer | tuple[str, int, dict[str, str]]:
    if not (path := request.path.strip("/")) and request.method in ("GET", "HEAD"):
        return health.ok(DOOR)
    if path == work_topic.PATH:
        return push.answer(DOOR, request.get_json(silent=True), handle=_slice, bury=bury)
    try:
        book.refresh(older_than=1.0)  # whoever orders has perhaps mapped it a moment ago
        told = answer(orders, path, request.get_json(silent=True) or request.args, query)
    except IsthmusError as exc:
        log.trouble(DOOR, exc)
        return f"{exc}\n", 400 if isinstance(exc, Terminal) else 503
    return told, 200, {"Content-Type": "application/json"}


def _slice(delivery: push.Delivery) -> tuple[()]:
    if piece := work_topic.read(delivery, work.BACKFILL):
        did = journey.step(int(piece.body["backfill"]), int(piece.body["slice"]), world)
        log.run(DOOR, "backfill", trace=delivery.trace, **session.usage(), **piece.body, did=did)
    return ()
