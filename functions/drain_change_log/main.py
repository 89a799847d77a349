"""Door: the scheduler, or a nudge, wakes us; what Postgres owes Salesforce is claimed, merged and published."""

import os
import time

import flask
import functions_framework

from common import config, health, log, work
from common.errors import IsthmusError, Terminal
from common.flows import drain
from common.postgres.change_log import ChangeLog
from common.postgres.connect import Database
from common.postgres.dead_letters import DeadLetters
from common.postgres.listen import Listener
from common.postgres.mappings import MappingBook
from common.pubsub import push
from common.pubsub import work as work_topic
from common.pubsub.topic import MAX_SEND, PubsubTopic
from common.turn import Turn

DOOR = "drain_change_log"
BUDGET_SECONDS = 50.0  #: one run; the next is a minute after this one began
LOOK_SECONDS = 5.0  #: within a listen window: what was to be tried again later makes no noise when it is due

database_settings, topics, call_seconds, claim_seconds = config.read(
    DOOR, os.environ, lambda e: (config.database(e), config.topics(e), config.call_seconds(e), config.claim_seconds(e))
)
database = Database(database_settings)
letters = DeadLetters(database)
book = MappingBook(database)
change_log = ChangeLog(database, book, call_seconds=call_seconds, claim_seconds=claim_seconds)
topic = PubsubTopic(topics.postgres_changes, max_changes=MAX_SEND)
turn = Turn()


@functions_framework.http
def drain_change_log(request: flask.Request) -> tuple[str, int] | tuple[str, int, dict[str, str]]:
    if request.method in ("GET", "HEAD"):
        return health.ok(DOOR)
    if request.path.strip("/") == work_topic.PATH:
        return push.answer(DOOR, request.get_json(silent=True), handle=_nudged, bury=_bury)
    listen = min(request.args.get("listen", 0.0, type=float), BUDGET_SECONDS)
    try:
        records = _run(listen, request.headers.get("traceparent", ""))
    except IsthmusError as exc:
        log.trouble(DOOR, exc)
        return f"{exc.reason}\n", 503
    return f"{records}\n", 200


def _nudged(delivery: push.Delivery) -> tuple[()]:
    """Drain; a hundred nudges at once cost two drains."""
    if work_topic.read(delivery, work.NUDGE):
        with turn.unless_covered() as ours:
            if ours:
                _drain(time.monotonic(), delivery.trace)
    return ()


def _bury(delivery: push.Delivery, exc: Terminal) -> None:
    letters.bury_bytes(work.TOPIC, delivery.message_id, delivery.data, exc, delivery.attempt)


def _run(listen: float, trace: str) -> int:
    """Drain; then, in a listen window, drain again whenever something is captured."""
    began = time.monotonic()
    if listen <= 0:
        with turn.alone():
            return _drain(began, trace)
    with Listener(database_settings) as listener:
        with turn.alone():
            records = _drain(began, trace)
        while (left := began + listen - time.monotonic()) > 0:
            listener.wait(min(left, LOOK_SECONDS))
            with turn.alone():
                records += _drain(began, trace)
    return records


def _drain(began: float, trace: str) -> int:
    book.refresh()
    done = drain.run(change_log, topic, go_on=lambda: time.monotonic() - began < BUDGET_SECONDS, trace=trace)
    if done.records:
        log.run(DOOR, "drain", trace=trace, records=done.records, published=done.published, refused=done.refused)
    return done.records
