"""Door: messages that ran out of attempts are pushed here, to /<topic>; they are sent on again, or kept with a reason."""

import os
from collections.abc import Sequence

import flask
import functions_framework

from common import clock, config, health, log
from common.change import Outcome
from common.flows import dead_letters
from common.postgres.connect import Database
from common.postgres.dead_letters import DeadLetters
from common.postgres.mappings import MappingBook
from common.pubsub import push
from common.pubsub.topic import PubsubTopic

DOOR = "keep_dead_letters"
TOPICS = ("salesforce-changes", "postgres-changes", "work")

database_settings, names = config.read(DOOR, os.environ, lambda env: (config.database(env), config.topics(env)))
database = Database(database_settings)
letters = DeadLetters(database)
book = MappingBook(database)
topics = {short: PubsubTopic(names.full(short)) for short in TOPICS}


@functions_framework.http
def keep_dead_letters(request: flask.Request) -> push.Answer | tuple[str, int, dict[str, str]]:
    if request.method in ("GET", "HEAD"):
        return health.ok(DOOR)
    topic = request.path.strip("/")
    if topic not in TOPICS:
        return f"Expected the path /<topic>, one of {', '.join(TOPICS)}; got /{topic}.\n", 404

    def handle(delivery: push.Delivery) -> Sequence[Outcome]:
        message = dead_letters.Message(
            topic, delivery.data, delivery.message_id, delivery.published_at, delivery.attributes
        )
        outcomes = dead_letters.keep(message, topics[topic], letters, clock.now, book.paused)
        log.run(DOOR, "kept" if outcomes else "sent_on", trace=delivery.trace, topic=topic)
        return outcomes

    return push.answer(DOOR, request.get_json(silent=True), handle=handle, bury=push.burial(letters.bury_bytes, topic))
