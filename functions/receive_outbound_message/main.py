"""Door: Salesforce posts an outbound message here; it is answered once Pub/Sub has every change."""

import io
import os
import time
from hmac import compare_digest
from itertools import groupby

import flask
import functions_framework
from werkzeug.exceptions import RequestEntityTooLarge

from common import config, health, log
from common.errors import IsthmusError, Terminal
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
        request.stream = io.BytesIO()  # what is left of a refused body: the framework would read it to its end
        log.trouble(DOOR, exc)
        return outbound.fault(exc, ours=False), 400, XML
    except IsthmusError as exc:
        log.trouble(DOOR, exc)
        return outbound.fault(exc, ours=True), 503, XML


def _receive(request: flask.Request) -> tuple[str, int, dict[str, str]]:
    began = time.monotonic()
    if not compare_digest(request.path.strip("/").encode(), inbound.secret_path.encode()):
        raise Terminal("wrong_path", hint="Use the endpoint's whole address, with its secret path.")
    changes = outbound.parse(_body(request), inbound.org_id)
    for _, of_one_object in groupby(changes, key=lambda c: c.sobject):
        topic.publish(list(of_one_object), trace=request.headers.get("traceparent", ""))
    log.run(DOOR, "received", changes=len(changes), took_ms=round((time.monotonic() - began) * 1000))
    return outbound.ACK, 200, XML


def _body(request: flask.Request) -> bytes:
    request.max_content_length = outbound.MAX_BYTES
    try:
        body: bytes | None = request.get_data(cache=False)
    except RequestEntityTooLarge:
        body = None
    if body is None or len(body) >= outbound.MAX_BYTES:  # a body that told no length is cut off there
        raise Terminal("body_too_large", f"more than {outbound.MAX_BYTES} bytes", "Select fewer fields.")
    return body
