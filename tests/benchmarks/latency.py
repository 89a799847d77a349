"""From a commit on one side until the other side shows it, on a whole, warm stack."""

import http.client
import json
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from time import perf_counter
from typing import Any

from common import config
from common.postgres.connect import Connection, run
from tests.benchmarks import database
from tests.benchmarks.measure import Scale, percentile
from tests.benchmarks.table import Row
from tests.stack import emulator, sample
from tests.stack.ports import free_offset
from tests.stack.stack import Stack, running

P50_MS, P99_MS = 150, 1000
GAP_SECONDS = 0.05  #: between two changes
LOOK_SECONDS = 0.002  #: between two looks at the other side; adds as much
GIVE_UP_SECONDS = 30.0
NOTES = """The whole stack of `make run`, fsync on. One change at a time, 50 ms after the last one arrived, each of another
record, so that no two edits of a record share a second. The watch runs from before the REST call (or the UPDATE) is made
until a look at the other side, every 2 ms, shows the value: the call itself and the looks are counted. Each change's echo
travels back meanwhile."""


def measure(scale: Scale) -> Iterator[Row]:
    """Two rows for the local broker, two for the emulator where it is installed (and there is time for it); change events."""
    for pubsub in ["broker"] + ([] if scale.quick or emulator.why_not() else ["emulator"]):
        with tempfile.TemporaryDirectory(prefix="isthmus-bench-") as folder:
            Path(folder).chmod(0o755)
            with running(Stack(Path(folder) / "state", free_offset(), pubsub=pubsub)) as stack:
                yield from _rows(stack, pubsub, scale.of(220, 20))
    with tempfile.TemporaryDirectory(prefix="isthmus-bench-") as folder:
        Path(folder).chmod(0o755)
        with running(Stack(Path(folder) / "state", free_offset(), pubsub="broker", pulls=False)) as stack:
            yield _events(stack, scale.of(220, 20))


def _events(stack: Stack, changes: int) -> Row:
    """The same by change events alone: no outbound message is defined, `isthmus pull --follow` hears of every commit."""
    warm_up = 10
    puller = stack.another("puller", "pull", "--follow")
    with ExitStack() as opened:
        postgres = opened.enter_context(database.plain(config.database(stack.environment)))
        sample.quietly(stack, "mapping", "create", "Account", "--yes")
        puller.start()
        opened.callback(puller.stop)
        world = World(stack, postgres, changes + warm_up, messages=False)
        opened.callback(world.close)
        took = [world.to_postgres() for _ in range(warm_up + changes)][warm_up:]
    return row("Salesforce to Postgres, change events, broker", took)


def _rows(stack: Stack, pubsub: str, changes: int) -> Iterator[Row]:
    warm_up = 10
    with ExitStack() as opened:
        postgres = opened.enter_context(database.plain(config.database(stack.environment)))
        world = World(stack, postgres, 2 * (changes + warm_up))
        opened.callback(world.close)
        for way, measure_one in (
            ("Salesforce to Postgres", world.to_postgres),
            ("Postgres to Salesforce", world.to_salesforce),
        ):
            took = [measure_one() for _ in range(warm_up + changes)][warm_up:]
            yield row(f"{way}, {pubsub}", took)


def row(what: str, took: list[float]) -> Row:
    p50, p99 = percentile(took, 0.5) * 1000, percentile(took, 0.99) * 1000
    return Row(
        f"{what}, p50 / p99", f"{p50:.0f} / {p99:.0f} ms", f"worst {max(took) * 1000:.0f} ms of {len(took)}", "-",
        f"<= {P50_MS} / {P99_MS} ms", p50 <= P50_MS and p99 <= P99_MS,
    )  # fmt: skip


class World:
    """Both sides, and records that are used once."""

    def __init__(self, stack: Stack, postgres: Connection, records: int, *, messages: bool = True) -> None:
        self._postgres = postgres
        client = sample.Client(stack)
        if messages:
            sample.prepare(stack, client, ("Account",))
        self._token = client.token
        self._http = http.client.HTTPConnection(stack.standin_url.removeprefix("http://"), timeout=30)
        self._pause = threading.Event()
        self._unused = iter(self._create(client, records))
        arrived = "SELECT count(*) FROM salesforce.account"
        sample.wait_until(lambda: run(postgres, arrived) == [[records]], "the records", seconds=120)
        self._pause.wait(2.1)  # the first edit is not of the second in which its record was made

    def _create(self, client: sample.Client, records: int) -> list[str]:
        ids: list[str] = []
        for start in range(0, records, 200):
            made = [{"attributes": {"type": "Account"}, "External_Id__c": f"l-{n}", "Name": f"회사 {n}"}
                    for n in range(start, min(start + 200, records))]  # fmt: skip
            ids += [r["id"] for r in client.rest("POST", "composite/sobjects", {"records": made})]
        return ids

    def to_postgres(self) -> float:
        sfid = next(self._unused)
        look = f"SELECT FROM salesforce.account WHERE sfid = '{sfid}' AND phone = 'changed there'"
        return self._timed(
            lambda: self._rest("PATCH", sfid, {"Phone": "changed there"}), lambda: len(run(self._postgres, look)) == 1
        )

    def to_salesforce(self, nudge: Callable[[], object] = lambda: None) -> float:
        """Edit a row, then nudge; seconds until Salesforce shows it."""
        sfid = next(self._unused)
        edit = f"UPDATE salesforce.account SET phone = 'changed here' WHERE sfid = '{sfid}'"
        return self._timed(
            lambda: (run(self._postgres, edit), nudge()),
            lambda: bool(self._rest("GET", sfid)["Phone"] == "changed here"),
        )

    def _timed(self, commit: Callable[[], Any], seen: Callable[[], bool]) -> float:
        self._pause.wait(GAP_SECONDS)
        began = perf_counter()
        commit()
        while not seen():
            if perf_counter() - began > GIVE_UP_SECONDS:
                raise TimeoutError(f"a change did not arrive within {GIVE_UP_SECONDS:.0f} s")
            self._pause.wait(LOOK_SECONDS)
        return perf_counter() - began

    def _rest(self, method: str, sfid: str, body: Any = None) -> Any:
        headers = {"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"}
        path = f"/services/data/v66.0/sobjects/Account/{sfid}"
        self._http.request(method, path + ("?fields=Phone" if method == "GET" else ""),
                           None if body is None else json.dumps(body).encode(), headers)  # fmt: skip
        answer = self._http.getresponse()
        text = answer.read()
        assert answer.status < 300, text
        return json.loads(text) if text else None

    def close(self) -> None:
        self._http.close()
