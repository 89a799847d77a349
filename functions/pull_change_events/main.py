"""Door: the scheduler wakes us; what Salesforce's event bus tells since the stored replay ids is published."""

import os

import flask
import functions_framework

from common import clock, config, health
from common.bookmarks import shelf
from common.errors import IsthmusError
from common.flows.pull import World
from common.flows.pulling import Puller
from common.ids import ours
from common.pubsub.topic import PubsubTopic
from common.pubsub.work import WorkTopic
from common.salesforce.events.bus import EventBus
from common.salesforce.session import Session

DOOR = "pull_change_events"

settings = config.read(DOOR, os.environ, config.pulling)
world = World(
    door=DOOR,
    events=EventBus(settings.bus, Session(settings.salesforce)),
    shelf=shelf(settings.state),
    topic=PubsubTopic(settings.topics.salesforce_changes),
    ask=WorkTopic(PubsubTopic(settings.topics.work)).publish,
    now=clock.now,
    holder=ours(),
)
puller = Puller(world)


@functions_framework.http
def pull_change_events(request: flask.Request) -> tuple[str, int] | tuple[str, int, dict[str, str]]:
    if request.method in ("GET", "HEAD"):
        return health.ok(DOOR)
    try:
        events = puller.scheduled(request.args.get("listen", 0.0, type=float))
    except IsthmusError as exc:
        return f"{exc.reason}\n", 503
    return f"{events}\n", 200
