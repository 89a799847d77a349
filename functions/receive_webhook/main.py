"""Door: whoever holds a key of ours posts here, signed: changes of Salesforce's records, or a nudge."""

import os
from concurrent.futures import ThreadPoolExecutor

import flask
import functions_framework

from common import clock, config, health, log, signature, work
from common.errors import IsthmusError, Terminal
from common.http import body, reply
from common.pubsub.topic import PubsubTopic
from common.pubsub.work import WorkTopic
from common.salesforce import webhook
from common.turn import Together

DOOR = "receive_webhook"
LARGE = 500_000  #: bytes; reading takes many times as much memory, which its thread keeps: one thread reads such ones
GAP_SECONDS = 0.05  #: an application that nudges for every row costs twenty messages a second at most

settings, topics = config.read(DOOR, os.environ, lambda env: (config.webhook(env), config.topics(env)))
topic = PubsubTopic(topics.salesforce_changes)
wishes = WorkTopic(PubsubTopic(topics.work))
large_ones = ThreadPoolExecutor(1)
nudges = Together(lambda: wishes.publish(work.Work(work.NUDGE)), GAP_SECONDS)


@functions_framework.http
def receive_webhook(request: flask.Request) -> tuple[str, int] | reply.Reply:
    if request.method in ("GET", "HEAD"):
        return health.ok(DOOR)
    try:
        posted = body.read(request, webhook.MAX_BYTES, "Send fewer records at a time.")
        signature.verify(dict(request.headers), posted, settings.keys, clock.now())
        return _receive(request, posted)
    except IsthmusError as exc:
        body.leave(request)
        log.trouble(DOOR, exc)
        return reply.refused(exc)


def _receive(request: flask.Request, posted: bytes) -> tuple[str, int] | reply.Reply:
    if (path := request.path.strip("/")) == "nudge":
        nudges.do()
        return "", 204
    if path not in ("", "changes"):
        raise Terminal("path_unknown", f"received a request to {request.path[:200]}", "Post to /changes, or to /nudge.")
    trace = request.headers.get("traceparent", "")
    return large_ones.submit(_publish, posted, trace).result() if len(posted) > LARGE else _publish(posted, trace)


def _publish(posted: bytes, trace: str) -> reply.Reply:
    told = webhook.parse(posted, settings.org_id, clock.now())
    for changes in told.by_object():
        topic.publish(changes, trace=trace)
    wishes.publish(*(work.resync(lost.sobject, lost.reason) for lost in dict.fromkeys(told.lost)))
    log.run(DOOR, "received", changes=len(told.changes), refused=len(told.refused))
    return reply.taken(told.received, told.refused)
