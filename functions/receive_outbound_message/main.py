"""Door: Salesforce posts an outbound message here; it is answered once Pub/Sub has every change."""

import os
import time
from hmac import compare_digest
from itertools import groupby

import flask
import functions_framework

from common import config, health, log
from common.errors import IsthmusError, Terminal
from common.http import body
from common.pubsub.topic import PubsubTopic
from common.salesforce import outbound

DOOR = "receive_outbound_message"
XML = {"Content-Type": "text/xml; charset=utf-8"}

inbound, topics = config.read(DOOR, os.environ, lambda env: (config.inbound(env), config.topics(env)))
topic = PubsubTopic(topics.salesforce_changes)


@functions_framework.http
def receive_outbound_message(request: flask.Request) -> tuple[str, int, dict[str, str]]:
    if request.method in ("GET", "HEAD"):
        return health.ok(DOOR)
    try:
        return _receive(request)
    except Terminal as exc:
        body.leave(request)
        log.trouble(DOOR, exc)
        return outbound.fault(exc, ours=False), 400, XML
    except IsthmusError as exc:
        log.trouble(DOOR, exc)
        return outbound.fault(exc, ours=True), 503, XML


def _receive(request: flask.Request) -> tuple[str, int, dict[str, str]]:
    began = time.monotonic()
    if not compare_digest(request.path.strip("/").encode(), inbound.secret_path.encode()):
        raise Terminal("wrong_path", hint="Use the endpoint's whole address, with its secret path.")
    changes = outbound.parse(body.read(request, outbound.MAX_BYTES, "Select fewer fields."), inbound.org_id)
    for _, of_one_object in groupby(changes, key=lambda c: c.sobject):
        topic.publish(list(of_one_object), trace=request.headers.get("traceparent", ""))
    log.run(DOOR, "received", changes=len(changes), took_ms=round((time.monotonic() - began) * 1000))
    return outbound.ACK, 200, XML
