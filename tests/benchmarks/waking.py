"""From a commit until Salesforce shows it, for each way of waking the drainer; and what each costs in a month."""

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import requests

from common import clock, config, signature, work
from common.pubsub.topic import PubsubTopic
from common.pubsub.work import WorkTopic
from tests.benchmarks import database
from tests.benchmarks.costs import FREE_VCPU_SECONDS, NEON_CU_HOURS, WAYS
from tests.benchmarks.latency import World, row
from tests.benchmarks.measure import Scale
from tests.benchmarks.table import Row
from tests.stack.ports import free_offset
from tests.stack.stack import HMAC_KEY, Stack, running

WARM_UP = 10
NOTES = """As `latency`, over the local broker, but each edit is followed by a nudge, and nobody listens: the nudge's own
call is counted. A schedule alone needs half its interval at the middle and all of it at worst, which is not measured.
The costs are arithmetic (`tests/benchmarks/costs.py`): vCPU-seconds a month beside Cloud Run's free 180,000, and hours of
the smallest Neon database that nobody else keeps awake, beside its free 100."""


def measure(scale: Scale) -> Iterator[Row]:
    """A row for each way of nudging, then one for each way's month."""
    changes = scale.of(220, 20)
    with tempfile.TemporaryDirectory(prefix="isthmus-bench-") as folder:
        Path(folder).chmod(0o755)
        with running(Stack(Path(folder) / "state", free_offset(), pubsub="broker", follows=False)) as stack:
            yield from _rows(stack, changes)
    for way, cost in WAYS.items():
        yield Row(
            way, f"{cost.vcpu_seconds:,.0f} vCPU-s", f"{FREE_VCPU_SECONDS:,} free", f"{cost.cu_hours:.0f} CU-h awake",
            f"<= {FREE_VCPU_SECONDS:,} and {NEON_CU_HOURS} CU-h",
            None if cost.vcpu_seconds > FREE_VCPU_SECONDS or cost.cu_hours > NEON_CU_HOURS else True,
        )  # fmt: skip


def _rows(stack: Stack, changes: int) -> Iterator[Row]:
    with ExitStack() as opened:
        postgres = opened.enter_context(database.plain(config.database(stack.environment)))
        world = World(stack, postgres, 2 * (changes + WARM_UP))
        opened.callback(world.close)
        for name, nudge in (("nudge over topic work", _publish(stack, opened)), ("signed nudge", _post(stack, opened))):
            took = [world.to_salesforce(nudge) for _ in range(WARM_UP + changes)][WARM_UP:]
            yield row(f"Postgres to Salesforce, {name}", took)


def _publish(stack: Stack, opened: ExitStack) -> Callable[[], None]:
    opened.enter_context(_environment(PUBSUB_EMULATOR_HOST=stack.environment["PUBSUB_EMULATOR_HOST"]))
    topic = WorkTopic(PubsubTopic(config.topics(stack.environment).work))
    return lambda: topic.publish(work.Work(work.NUDGE))


def _post(stack: Stack, opened: ExitStack) -> Callable[[], None]:
    session = opened.enter_context(requests.Session())
    url = f"{stack.door_url('receive_webhook')}/nudge"

    def nudge() -> None:
        session.post(url, data=b"", headers=signature.sign(HMAC_KEY, b"", clock.now()), timeout=30).raise_for_status()

    return nudge


@contextmanager
def _environment(**more: str) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in more}
    os.environ.update(more)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
