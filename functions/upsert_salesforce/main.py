"""Door: Pub/Sub pushes changes from Postgres here; Salesforce gets what is still owed of them. Bulk API jobs too."""

import os
from collections.abc import Sequence

import flask
import functions_framework

from common import clock, codec, config, health, log, work
from common.change import Outcome
from common.flows import bulk, to_salesforce
from common.postgres.bulk_jobs import BulkJobs
from common.postgres.change_log import TOPIC, ChangeLog
from common.postgres.connect import Database
from common.postgres.dead_letters import DeadLetters
from common.postgres.mappings import MappingBook
from common.postgres.table import PostgresTable
from common.pubsub import push
from common.pubsub import work as work_topic
from common.pubsub.topic import PubsubTopic
from common.salesforce.bulk import BulkApi
from common.salesforce.org import SalesforceOrg
from common.salesforce.session import Session
from common.work import NUDGE, Work

DOOR = "upsert_salesforce"

settings = config.read(DOOR, os.environ, config.sending)
database = Database(settings.database)
letters = DeadLetters(database)
session = Session(settings.salesforce)
book = MappingBook(database)
change_log = ChangeLog(database, book, call_seconds=settings.call_seconds)
works = work_topic.WorkTopic(PubsubTopic(settings.topics.work))
world = to_salesforce.World(
    book, change_log, SalesforceOrg(session, calls=settings.calls), clock.now, settings.call_seconds,
    table=PostgresTable(database), reserve_percent=settings.reserve_percent, nudge=lambda: works.publish(Work(NUDGE)),
)  # fmt: skip
crowds = bulk.World(world, BulkJobs(database, change_log), BulkApi(session))


@functions_framework.http
def upsert_salesforce(request: flask.Request) -> push.Answer | tuple[str, int, dict[str, str]]:
    if request.method in ("GET", "HEAD"):
        return health.ok(DOOR)
    polled = request.path.strip("/") == work_topic.PATH
    handle, topic = (_poll, work.TOPIC) if polled else (_handle, TOPIC)
    bury = push.burial(letters.bury_bytes, topic)
    return push.answer(DOOR, request.get_json(silent=True), handle=handle, bury=bury)


def _handle(delivery: push.Delivery) -> Sequence[Outcome]:
    if not codec.is_ours(delivery.data):
        return _capture(delivery.data)
    outcomes = to_salesforce.apply(codec.decode(delivery.data), world)
    _note("send", delivery, records=len(outcomes))
    return outcomes


def _capture(data: bytes) -> tuple[()]:
    """Debezium's: it goes into the change log, and comes back drained."""
    from common.debezium import envelope  # late: most never need it
    from common.flows import capture
    from common.postgres.captured import CaptureLog

    capture.apply(envelope.read(data), capture.World(book, CaptureLog(database, book), world.nudge))
    return ()


def _poll(delivery: push.Delivery) -> tuple[()]:
    if piece := work_topic.read(delivery, work.BULK_POLL):
        _note("bulk", delivery, job=piece.body["job"], state=bulk.step(int(piece.body["job"]), crowds))
    return ()


def _note(event: str, delivery: push.Delivery, **more: float | str) -> None:
    log.run(DOOR, event, trace=delivery.trace, **session.usage(), **more)
