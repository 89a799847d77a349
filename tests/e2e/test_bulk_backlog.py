"""A backlog through the Bulk API with every door under way, and the sender killed with -9 at each stage."""

import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.e2e.conftest import MakeStack
from tests.stack import sample
from tests.stack.stack import Stack

RowsOf = Callable[[Stack], sample.Rows]

RECORDS = 12_000
MOVE_EVERY = 2.0  #: real seconds in which ten pass for everybody
STEP_SECONDS = 601  #: after which a step counts as dead
pytestmark = pytest.mark.timeout(600)


def test_a_killed_sender_loses_nothing_of_a_bulk_job(start: MakeStack, rows: RowsOf) -> None:
    """12,000 rows born while nobody drained: killed while uploading, while Salesforce works, while settling."""
    stack = start(pubsub="broker", call_seconds=10, moved_clock=True)
    client, psql = sample.Client(stack), rows(stack)
    sample.prepare(stack, client, ("Account",))
    client.control("POST", "settings", {"bulkSecondsQueued": 120})
    for drainer in (stack.doors["drain_change_log"], stack.follower):
        drainer.kill()
    psql.run("INSERT INTO salesforce.account (id, name, number_of_employees) "
             f"SELECT 'b-' || n, '회사 ' || n, n FROM generate_series(1, {RECORDS}) AS n")  # fmt: skip

    stack.start_door("drain_change_log")
    stack.follower.start()
    _kill_when(stack, lambda: _sent_jobs(psql) > 0)
    stack.move_clock(STEP_SECONDS)
    _kill_when(stack, lambda: _job(psql)["state"] == "running")
    stack.move_clock(STEP_SECONDS)
    _kill_when(stack, lambda: _done(psql) > 0)
    stack.move_clock(STEP_SECONDS)
    sample.wait_until(lambda: _done(psql) == RECORDS, "the rest", seconds=240)

    sample.wait_until(lambda: _job(psql)["state"] == "done", "the job's end", seconds=60)
    assert RECORDS == client.rest("GET", "query?q=SELECT+COUNT()+FROM+Account")["totalSize"]
    assert [[0]] == psql.run("SELECT count(*) FROM salesforce.account WHERE sfid IS NULL")
    assert [[0]] == psql.run("SELECT count(*) FROM isthmus.dead_letter")


def _kill_when(stack: Stack, seen: Callable[[], bool]) -> None:
    """kill -9 the sender at that moment, and start it again."""

    moved = time.monotonic()

    def there() -> bool:
        nonlocal moved
        if seen():
            return True
        if time.monotonic() - moved > MOVE_EVERY:  # faster, and a step that lives would count as dead
            stack.move_clock(10)
            moved = time.monotonic()
        return False

    sample.wait_until(there, "the moment to kill", seconds=120)
    stack.doors["upsert_salesforce"].kill()
    stack.start_door("upsert_salesforce")


def _job(psql: sample.Rows) -> dict[str, Any]:
    found = psql.run("SELECT state::text, jsonb_array_length(sf_jobs) FROM isthmus.bulk_job ORDER BY id LIMIT 1")
    return {"state": found[0][0], "sent": found[0][1]} if found else {"state": "", "sent": 0}


def _sent_jobs(psql: sample.Rows) -> int:
    return int(_job(psql)["sent"])


def _done(psql: sample.Rows) -> int:
    return int(psql.run("SELECT count(*) FROM isthmus.change_log WHERE state = 'done'")[0][0])
