"""Door: the scheduler, or a nudge, wakes us; what Postgres owes Salesforce is claimed, merged and published."""

import os
from functools import partial

import flask
import functions_framework

from common import clock, config, health, log, work
from common.errors import IsthmusError
from common.flows.bulk import Gatherer
from common.flows.waking import Drainer, Rhythm
from common.postgres import due
from common.postgres.bulk_jobs import BulkJobs
from common.postgres.change_log import ChangeLog
from common.postgres.connect import Database
from common.postgres.dead_letters import DeadLetters
from common.postgres.listen import Listener
from common.postgres.mappings import MappingBook
from common.pubsub import push
from common.pubsub import work as work_topic
from common.pubsub.topic import MAX_SEND, PubsubTopic
from common.scheduler.job import Job

DOOR = "drain_change_log"

settings, waking = config.read(DOOR, os.environ, lambda env: (config.drain(env), config.waking(env)))
database = Database(settings.database)
bury = push.burial(DeadLetters(database).bury_bytes, work.TOPIC)
book = MappingBook(database)
change_log = ChangeLog(database, book, call_seconds=settings.call_seconds, claim_seconds=settings.claim_seconds)
topic = PubsubTopic(settings.topics.postgres_changes, max_changes=MAX_SEND)
rhythm = Rhythm(
    Job(waking.job, host=waking.host), partial(due.read, database), waking.idle_minutes, waking.sleepy
) if waking.job else None  # fmt: skip
works = work_topic.WorkTopic(PubsubTopic(settings.topics.work))
gather = Gatherer(book, BulkJobs(database, change_log), works, settings.bulk_from).run
listen = partial(Listener, settings.database)
drainer = Drainer(DOOR, change_log, topic, book, listen, clock.now, rhythm, gather=gather)


@functions_framework.http
def drain_change_log(request: flask.Request) -> tuple[str, int] | tuple[str, int, dict[str, str]]:
    if request.method in ("GET", "HEAD"):
        return health.ok(DOOR)
    if request.path.strip("/") == work_topic.PATH:
        return push.answer(DOOR, request.get_json(silent=True), handle=_nudged, bury=bury)
    try:
        records = drainer.scheduled(request.args.get("listen", 0.0, type=float), request.headers.get("traceparent", ""))
    except IsthmusError as exc:
        log.trouble(DOOR, exc)
        return f"{exc.reason}\n", 503
    return f"{records}\n", 200


def _nudged(delivery: push.Delivery) -> tuple[()]:
    if work_topic.read(delivery, work.NUDGE):
        drainer.nudged(delivery.trace)
    return ()
