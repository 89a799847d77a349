"""The command that pulls change events, once or for ever: pull."""

import argparse
import signal
import threading
from typing import Any

from common import clock, config, ids, log

Groups = Any  #: argparse keeps the type of subparsers to itself
DOOR = "pull"


def add_to(groups: Groups) -> None:
    pull = groups.add_parser(
        "pull", help="publish what Salesforce's event bus tells, as the door pull_change_events does"
    )
    pull.add_argument("--follow", action="store_true", help="stay, and publish every event at once")
    pull.set_defaults(run=_pull)


def _pull(chosen: argparse.Namespace, env: config.Environment) -> None:
    from common.bookmarks import shelf
    from common.flows.pull import World
    from common.flows.pulling import Puller
    from common.pubsub.topic import PubsubTopic
    from common.pubsub.work import WorkTopic
    from common.salesforce.events.bus import EventBus
    from common.salesforce.session import Session

    settings = config.pulling(env)
    log.for_project(env.get(config.PROJECT, ""))
    bus = EventBus(settings.bus, Session(settings.salesforce))
    topic, works = PubsubTopic(settings.topics.salesforce_changes), WorkTopic(PubsubTopic(settings.topics.work))
    puller = Puller(World(DOOR, bus, shelf(settings.state), topic, works.publish, clock.now, ids.ours()))
    try:
        if chosen.follow:
            _follow(puller)
        else:
            print(f"{puller.scheduled()} events published")
    finally:
        bus.close()


def _follow(puller: Any) -> None:
    """Until SIGTERM or SIGINT: what was heard is published first."""
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    log.run(DOOR, "following")
    puller.follow(ended.is_set, ended.wait)
    log.run(DOOR, "ended")
