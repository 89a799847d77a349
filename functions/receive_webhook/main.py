"""Door: whoever holds a key of ours posts here, signed; /nudge says that something was written to Postgres."""

import io
import os

import flask
import functions_framework
from werkzeug.exceptions import RequestEntityTooLarge

from common import clock, config, health, log, signature, work
from common.errors import IsthmusError, Terminal
from common.pubsub.topic import PubsubTopic
from common.pubsub.work import WorkTopic
from common.turn import Together

DOOR = "receive_webhook"
MAX_BYTES = 1_000_000
GAP_SECONDS = 0.05  #: an application that nudges for every row costs twenty messages a second at most

keys, topics = config.read(DOOR, os.environ, lambda env: (config.hmac_keys(env), config.topics(env)))
topic = WorkTopic(PubsubTopic(topics.work))
nudges = Together(lambda: topic.publish(work.Work(work.NUDGE)), GAP_SECONDS)


@functions_framework.http
def receive_webhook(request: flask.Request) -> tuple[str, int] | tuple[str, int, dict[str, str]]:
    if request.method in ("GET", "HEAD"):
        return health.ok(DOOR)
    try:
        signature.verify(dict(request.headers), _body(request), keys, clock.now())
    except Terminal as exc:
        request.stream = io.BytesIO()  # what is left of a refused body: the framework would read it to its end
        log.trouble(DOOR, exc)
        return f"{exc}\n", 413 if exc.reason == "body_too_large" else 401
    if request.path.strip("/") != "nudge":
        return f"Expected the path /nudge; got {request.path}.\n", 404
    try:
        nudges.do()
    except IsthmusError as exc:
        log.trouble(DOOR, exc)
        return f"{exc.reason}\n", 503
    return "", 204


def _body(request: flask.Request) -> bytes:
    request.max_content_length = MAX_BYTES
    try:
        body: bytes | None = request.get_data(cache=False)
    except RequestEntityTooLarge:
        body = None
    if body is None or len(body) >= MAX_BYTES:  # a body that told no length is cut off there
        raise Terminal("body_too_large", f"more than {MAX_BYTES} bytes", "A nudge needs no body at all.")
    return body
