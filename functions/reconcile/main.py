"""Door: the scheduler wakes us; what is long settled is pruned, objects are looked at, what was missed is found in slices."""

import json
import os
from functools import partial

import flask
import functions_framework

from common import clock, config, health, log, work
from common.errors import IsthmusError
from common.flows import drift, refill, upkeep
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
BUDGET_SECONDS = 50.0  #: one scheduled run; what is left is for the next one, or goes through topic `work`
SLICE_SECONDS = 240.0  #: one slice; the page that is under way then ends within the door's nine minutes
settings = config.read(DOOR, os.environ, config.comparing)
database, session = Database(settings.database), Session(settings.salesforce)
bury = push.burial(dead_letters.DeadLetters(database).bury_bytes, work.TOPIC)
org, topics = SalesforceOrg(session), settings.topics
world = comparisons.World(
    DOOR, mappings.MappingBook(database), census.SalesforceCensus(session, org), org, table.PostgresTable(database),
    reconciliations.Reconciliations(database), PubsubTopic(topics.salesforce_changes),
    work_topic.WorkTopic(PubsubTopic(topics.work)).publish, clock.now, api_limit.Purse(database), settings.reserve_percent,
)  # fmt: skip
looks = drift.World(world.mappings, shapes.Describing(session), drifts.PostgresLooks(database), clock.now)
filling = refill.World(refills.PostgresRefills(database), org, world.topic, clock.now)


@functions_framework.http
def reconcile(request: flask.Request) -> push.Answer | tuple[str, int, dict[str, str]]:
    if request.method in ("GET", "HEAD"):
        return health.ok(DOOR)
    if request.path.strip("/") == work_topic.PATH:
        return push.answer(DOOR, request.get_json(silent=True), handle=_wished, bury=bury)
    go_on = comparisons.within(BUDGET_SECONDS)
    try:
        gone = prune.Pruning(database, settings.retention, go_on, clock.now()).run()
        log.run(DOOR, "prune", rows=sum(gone.values()))
        kept = upkeep.run(looks, filling, partial(log.trouble, DOOR), go_on)
        begun = comparisons.scheduled(world, go_on)
    except IsthmusError as exc:
        log.trouble(DOOR, exc)
        return f"{exc.reason}\n", 503
    return json.dumps({"pruned": gone, "compared": begun} | kept) + "\n", 200, {"Content-Type": "application/json"}


def _wished(delivery: push.Delivery) -> tuple[()]:
    if piece := work_topic.read(delivery, work.RESYNC):
        comparisons.wished(piece, world, comparisons.within(SLICE_SECONDS))
    return ()
