"""Door: the scheduler wakes us; what is long settled is pruned, objects are looked at, what was missed is found in slices."""

import os
from functools import partial

import flask
import functions_framework

from common import bookmark, clock, config, health, log, work
from common.bookmarks import shelf
from common.errors import IsthmusError
from common.flows import drift, hourly, refill, upkeep
from common.flows import reconcile as comparisons
from common.postgres import api_limit, dead_letters, drifts, mappings, prune, reconciliations, refills, table
from common.postgres.connect import Database
from common.pubsub import push
from common.pubsub import work as work_topic
from common.pubsub.topic import PubsubTopic
from common.salesforce import census, shapes
from common.salesforce.org import SalesforceOrg
from common.salesforce.session import Session

DOOR = "reconcile"

settings = config.read(DOOR, os.environ, config.comparing)
database, session = Database(settings.database), Session(settings.salesforce)
bury = push.burial(dead_letters.DeadLetters(database).bury_bytes, work.TOPIC)
org, topics, pages = SalesforceOrg(session), settings.topics, shelf(settings.state) if settings.state else None
world = comparisons.World(
    DOOR, mappings.MappingBook(database), census.SalesforceCensus(session, org), org, table.PostgresTable(database),
    reconciliations.Reconciliations(database), PubsubTopic(topics.salesforce_changes),
    work_topic.WorkTopic(PubsubTopic(topics.work)).publish, clock.now, api_limit.Purse(database), settings.reserve_percent,
    settle=partial(bookmark.settle, pages) if pages else comparisons.by_hand,
)  # fmt: skip
looks = drift.World(world.mappings, shapes.Describing(session), drifts.PostgresLooks(database), clock.now)
filling = refill.World(refills.PostgresRefills(database), org, world.topic, clock.now)
duties = hourly.Hourly(
    world, lambda go_on: prune.Pruning(database, settings.retention, go_on, clock.now()).run(),
    partial(upkeep.run, looks, filling, partial(log.trouble, DOOR)), pages if settings.sleepy else None,
)  # fmt: skip


@functions_framework.http
def reconcile(request: flask.Request) -> push.Answer | tuple[str, int, dict[str, str]] | dict[str, object]:
    if request.method in ("GET", "HEAD"):
        return health.ok(DOOR)
    if request.path.strip("/") == work_topic.PATH:
        return push.answer(DOOR, request.get_json(silent=True), handle=_wished, bury=bury)
    try:
        return duties.run(comparisons.within(hourly.BUDGET_SECONDS))
    except IsthmusError as exc:
        log.trouble(DOOR, exc)
        return f"{exc.reason}\n", 503


def _wished(delivery: push.Delivery) -> tuple[()]:
    if piece := work_topic.read(delivery, work.RESYNC):
        comparisons.wished(piece, world, comparisons.within(comparisons.SLICE_SECONDS))
    return ()
