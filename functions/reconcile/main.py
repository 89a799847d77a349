"""Door: the scheduler wakes us; what was settled long ago is pruned, what was missed is found. Long comparisons go in slices."""

import json
import os

import flask
import functions_framework

from common import clock, config, health, log, work
from common.errors import IsthmusError
from common.flows import reconcile as comparisons
from common.postgres.api_limit import Purse
from common.postgres.connect import Database
from common.postgres.dead_letters import DeadLetters
from common.postgres.mappings import MappingBook
from common.postgres.prune import Pruning
from common.postgres.reconciliations import Reconciliations
from common.postgres.table import PostgresTable
from common.pubsub import push
from common.pubsub import work as work_topic
from common.pubsub.topic import PubsubTopic
from common.salesforce.census import SalesforceCensus
from common.salesforce.org import SalesforceOrg
from common.salesforce.session import Session

DOOR = "reconcile"
BUDGET_SECONDS = 50.0  #: one scheduled run; what is left is for the next one, or goes through topic `work`
SLICE_SECONDS = 240.0  #: one slice; the page that is under way then ends within the door's nine minutes
settings = config.read(DOOR, os.environ, config.comparing)
database, session = Database(settings.database), Session(settings.salesforce)
bury = push.burial(DeadLetters(database).bury_bytes, work.TOPIC)
org, topics = SalesforceOrg(session), settings.topics
world = comparisons.World(
    DOOR, MappingBook(database), SalesforceCensus(session, org), org, PostgresTable(database), Reconciliations(database),
    PubsubTopic(topics.salesforce_changes), work_topic.WorkTopic(PubsubTopic(topics.work)).publish, clock.now,
    Purse(database), settings.reserve_percent,
)  # fmt: skip


@functions_framework.http
def reconcile(request: flask.Request) -> push.Answer | tuple[str, int, dict[str, str]]:
    if request.method in ("GET", "HEAD"):
        return health.ok(DOOR)
    if request.path.strip("/") == work_topic.PATH:
        return push.answer(DOOR, request.get_json(silent=True), handle=_wished, bury=bury)
    go_on = comparisons.within(BUDGET_SECONDS)
    try:
        gone = Pruning(database, settings.retention, go_on, clock.now()).run()
        log.run(DOOR, "prune", rows=sum(gone.values()))
        begun = comparisons.scheduled(world, go_on)
    except IsthmusError as exc:
        log.trouble(DOOR, exc)
        return f"{exc.reason}\n", 503
    return json.dumps({"pruned": gone, "compared": begun}) + "\n", 200, {"Content-Type": "application/json"}


def _wished(delivery: push.Delivery) -> tuple[()]:
    if piece := work_topic.read(delivery, work.RESYNC):
        comparisons.wished(piece, world, comparisons.within(SLICE_SECONDS))
    return ()
