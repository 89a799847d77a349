"""Door: the scheduler wakes us; what was settled long ago is pruned."""

import json
import os
import time

import flask
import functions_framework

from common import clock, config, health, log
from common.errors import IsthmusError
from common.postgres.connect import Database
from common.postgres.prune import Pruning

DOOR = "reconcile"
BUDGET_SECONDS = 50.0  #: one run; what is left is for the next one

database_settings, retention = config.read(DOOR, os.environ, lambda env: (config.database(env), config.retention(env)))
database = Database(database_settings)


@functions_framework.http
def reconcile(request: flask.Request) -> tuple[str, int] | tuple[str, int, dict[str, str]]:
    if request.method in ("GET", "HEAD"):
        return health.ok(DOOR)
    try:
        gone = _prune()
    except IsthmusError as exc:
        log.trouble(DOOR, exc)
        return f"{exc.reason}\n", 503
    return json.dumps({"pruned": gone}) + "\n", 200, {"Content-Type": "application/json"}


def _prune() -> dict[str, int]:
    began = time.monotonic()
    pruning = Pruning(database, retention, lambda: time.monotonic() - began < BUDGET_SECONDS, clock.now())
    gone = pruning.run()
    log.run(DOOR, "prune", rows=sum(gone.values()), took_ms=round((time.monotonic() - began) * 1000))
    return gone
