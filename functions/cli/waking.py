"""Commands that wake the drainer, or stay awake in its stead: nudge, drain."""

import argparse
import signal
import threading
from functools import partial
from typing import Any

from common import clock, config, log, signature, work
from common.errors import Misconfigured, Transient
from common.flows.bulk import Gatherer
from common.flows.waking import Drainer
from common.postgres.bulk_jobs import BulkJobs
from common.postgres.change_log import ChangeLog
from common.postgres.connect import Database
from common.postgres.listen import Listener
from common.postgres.mappings import MappingBook

Groups = Any  #: argparse keeps the type of subparsers to itself
ANSWER_SECONDS = 30


def add_to(groups: Groups) -> None:
    nudge = groups.add_parser("nudge", help="say that something was written: what waits is drained now")
    nudge.add_argument("--url", help="receive_webhook's address/nudge, signed with INBOUND's first hmac key; "
                       "without it the message goes to topic work, with your Google identity")  # fmt: skip
    nudge.set_defaults(run=_nudge)
    drain = groups.add_parser("drain", help="publish what Postgres owes Salesforce, as the door drain_change_log does")
    drain.add_argument("--follow", action="store_true", help="stay, and drain at once whenever something is committed")
    drain.set_defaults(run=_drain)


def _nudge(chosen: argparse.Namespace, env: config.Environment) -> None:
    if chosen.url:
        _post(chosen.url, config.hmac_keys(env)[0])
        print(f"nudged {chosen.url}")
        return
    from common.pubsub.topic import PubsubTopic  # late: the other commands need no Pub/Sub
    from common.pubsub.work import WorkTopic

    name = config.topics(env).work
    WorkTopic(PubsubTopic(name)).publish(work.Work(work.NUDGE))
    print(f"nudged {name}")


def _post(url: str, key: str) -> None:
    import requests

    try:
        answer = requests.post(url, data=b"", headers=signature.sign(key, b"", clock.now()), timeout=ANSWER_SECONDS)
    except requests.RequestException as exc:
        raise Transient("nudge_failed", str(exc), "Check the address, then try again.") from exc
    if answer.status_code >= 400:
        said = f"{answer.status_code} {answer.text.strip()[:500]}"
        raise Misconfigured("nudge_refused", said, "Check the address, and the key in INBOUND.")


# -- always on -----------------------------------------------------------------------------------


def _drain(chosen: argparse.Namespace, env: config.Environment) -> None:
    from common.pubsub.topic import MAX_SEND, PubsubTopic
    from common.pubsub.work import WorkTopic

    settings = config.drain(env)
    log.for_project(env.get(config.PROJECT, ""))
    with Database(settings.database) as database:
        book = MappingBook(database)
        change_log = ChangeLog(database, book, call_seconds=settings.call_seconds, claim_seconds=settings.claim_seconds)
        topic = PubsubTopic(settings.topics.postgres_changes, max_changes=MAX_SEND)
        works = WorkTopic(PubsubTopic(settings.topics.work))
        gather = Gatherer(book, BulkJobs(database, change_log), works, settings.bulk_from).run
        drainer = Drainer(
            "drain", change_log, topic, book, partial(Listener, settings.database), clock.now, gather=gather
        )  # fmt: skip
        if chosen.follow:
            _follow(drainer)
        else:
            print(f"{drainer.scheduled()} records published")


def _follow(drainer: Drainer) -> None:
    """Until SIGTERM or SIGINT: what was claimed is published first."""
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    log.run("drain", "following")
    drainer.follow(ended.is_set, ended.wait)
    log.run("drain", "ended")
