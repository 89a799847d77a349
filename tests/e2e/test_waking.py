"""Every way of waking the drainer, on a whole stack."""

import json
import signal
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from common import schedule
from tests.e2e.conftest import MakeStack
from tests.stack import sample
from tests.stack.broker.clock import read_clock
from tests.stack.scheduler.client import connect
from tests.stack.stack import JOB, Stack

RowsOf = Callable[[Stack], sample.Rows]


@pytest.fixture
def quiet(start: MakeStack) -> Callable[..., tuple[Stack, sample.Client]]:
    """A stack in which nobody listens, with the sample accounts on both sides."""

    def make(**options: object) -> tuple[Stack, sample.Client]:
        stack = start(follows=False, **options)
        client = sample.Client(stack)
        sample.prepare(stack, client, ("Account",))
        sample.load(client)
        return stack, client

    return make


def _edit(client: sample.Client, psql: sample.Rows, words: str, *statements: str) -> Callable[[], bool]:
    """Change a row, with more statements in the same transaction; whether Salesforce shows it."""
    _arrived(psql)
    psql.run("; ".join([f"UPDATE salesforce.account SET phone = '{words}' WHERE id = 'sample-1'", *statements]))
    return lambda: client.rest("GET", "sobjects/Account/External_Id__c/sample-1")["Phone"] == words


def _arrived(psql: sample.Rows) -> None:
    look = "SELECT count(*) FROM salesforce.account WHERE id = 'sample-1' AND sfid IS NOT NULL"
    sample.wait_until(lambda: psql.run(look) == [[1]], "the sample")


def test_nudges_wake_it(quiet: Callable[..., tuple[Stack, sample.Client]], rows: RowsOf, pubsub: str) -> None:
    """With a Google identity a message on topic work; without one a signed request. Both arrive within seconds."""
    stack, client = quiet(pubsub=pubsub)
    psql = rows(stack)

    for n, arguments in enumerate(([], ["--url", f"{stack.door_url('receive_webhook')}/nudge"])):
        seen = _edit(client, psql, f"nudged {n}")
        sample.quietly(stack, "nudge", *arguments)
        sample.wait_until(seen, f"the edit after `nudge {arguments}`", seconds=10)


class Watch:
    """The drainer's job as its own client sees it, on the stack's moved clock."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._host = stack.environment["SCHEDULER_EMULATOR_HOST"]
        self.client = connect(self._host)

    def minutes(self) -> int:
        pace = schedule.parse(self.client.get_job(name=JOB).schedule)
        assert pace is not None
        return pace.minutes

    def now(self) -> datetime:
        return datetime.fromtimestamp(read_clock(self._host), UTC)

    def next(self) -> datetime:
        return self.client.get_job(name=JOB).schedule_time

    def to_the_next_look(self) -> float:
        """Move every clock there; how many minutes that was."""
        seconds = (self.next() - self.now()).total_seconds() + 0.1
        self._stack.move_clock(seconds)
        return seconds / 60

    def idle(self) -> None:
        """Let looks pass until they are a quarter of an hour apart."""

        def slow() -> bool:
            self.to_the_next_look()
            return self.minutes() == 15

        sample.wait_until(slow, "a pace of a quarter of an hour", seconds=60)

    def close(self) -> None:
        self.client.transport.close()


@pytest.fixture
def watched(quiet: Callable[..., tuple[Stack, sample.Client]], rows: RowsOf) -> Iterator[Any]:
    """A quiet stack on a moved clock, idle for long: stack, client, psql, watch."""
    stack, client = quiet(pubsub="broker", moved_clock=True)
    psql = rows(stack)
    _arrived(psql)
    watch = Watch(stack)
    watch.idle()
    yield client, psql, watch
    watch.close()


def test_the_schedule_follows_the_work(watched: Any) -> None:
    """An edit that nobody nudges for goes with the next look, within a quarter of an hour; then looks come quickly."""
    client, psql, watch = watched
    seen = _edit(client, psql, "without a nudge")

    waited = watch.to_the_next_look()

    sample.wait_until(seen, "the edit")
    sample.wait_until(lambda: watch.minutes() == 1, "looks every minute")
    assert 0 < waited <= 15.1
    watch.idle()


def test_a_retry_is_scheduled_for_its_minute(watched: Any) -> None:
    """What Salesforce could not take is due later: the next look is moved to that minute, and takes it along."""
    client, psql, watch = watched
    later = watch.now() + timedelta(minutes=7)
    seen = _edit(
        client,
        psql,
        "later",
        f"UPDATE isthmus.change_log SET state = 'retry', next_attempt_at = '{later}' WHERE state = 'new'",
    )

    watch.client.run_job(name=JOB)

    sample.wait_until(lambda: later <= watch.next() < later + timedelta(minutes=1), "the look in that minute")
    assert not seen()
    watch.to_the_next_look()
    sample.wait_until(seen, "the retry")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_follower_ends_cleanly(start: MakeStack, number: signal.Signals) -> None:
    """`isthmus drain --follow` says goodbye and exits with 0 as soon as it is told; it waits for a lost database."""
    stack = start(pubsub="broker")
    follower = stack.follower
    sample.wait_until(lambda: "following" in follower.tail(), "the follower")
    stack.postgres.kill()
    sample.wait_until(lambda: "database_unavailable" in follower.tail(), "its trouble")

    follower._signal(number)

    assert 0 == follower._process.returncode
    lines = [json.loads(line) for line in follower.log.read_text().splitlines()]
    assert ["following", "ended"] == [line["event"] for line in lines if line["event"] != "trouble"]
