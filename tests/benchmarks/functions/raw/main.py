"""What the receiver is measured against: a function that publishes the request's body as it is."""

import os

import flask
import functions_framework
from google.pubsub_v1 import PublisherClient, PubsubMessage

TOPIC = os.environ["TOPIC"]

client = PublisherClient()


@functions_framework.http
def raw(request: flask.Request) -> tuple[str, int]:
    if request.method == "GET":
        return "", 200
    client.publish(topic=TOPIC, messages=[PubsubMessage(data=request.get_data(cache=False))], timeout=20.0)
    return "", 200
