"""A first load whose process is killed with -9 again and again while records change on both sides: equal at the end."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from common import codec
from common.backfill import Backfill
from common.flows import to_postgres
from common.mapping import Mapping
from common.postgres.connect import Database
from tests.integration.accounts import TABLE, another, map_table, run
from tests.integration.loading import FIELDS, Loader, records
from tests.integration.road import Road
from tests.stack.process import ROOT, clean_environment
from tests.standin.driving import Standin

RECORDS, SLICE, LIVE = 4000, 100, 600
KILL_AT = (5, 15)  #: slices done
WAIT_SECONDS = 120.0


@pytest.fixture
def loader(database: Database) -> Iterator[Loader]:
    map_table(database, fields=FIELDS)
    with Standin() as standin:
        standin.sign_in()
        road = Road(database, standin, mapped=False)
        yield Loader(database, standin, slice_records=SLICE, road=road)
        road.close()


class Process:
    """Does slices until it is killed, or done."""

    def __init__(self, loader: Loader, environment: dict[str, str], begun: Backfill, aside: Path) -> None:
        login = {"SF_LOGIN_URL": loader.standin.url, "SF_CLIENT_ID": "isthmus", "SF_CLIENT_SECRET": "isthmus"}
        command = [sys.executable, "-m", "tests.benchmarks.slices", str(begun.id), str(aside)]
        self._loader, self._begun = loader, begun
        self._process = subprocess.Popen(
            command, cwd=ROOT, env=clean_environment() | login | environment, stdout=subprocess.DEVNULL
        )

    def kill_at(self, slices: int) -> None:
        pause = threading.Event()
        for _ in range(int(WAIT_SECONDS / 0.002)):
            if self._loader.progress(self._begun)["slices"] >= slices:
                break
            assert self._process.poll() is None, "it ended by itself"
            pause.wait(0.002)
        self._process.send_signal(signal.SIGKILL)
        assert -signal.SIGKILL == self._process.wait(WAIT_SECONDS)

    def end(self) -> None:
        assert 0 == self._process.wait(WAIT_SECONDS)


def live(loader: Loader, database: Database, mapping: Mapping) -> None:
    """Records that change in Salesforce and arrive here at once; some are deleted, and some rows are edited here."""
    found = loader.standin.query_all("SELECT Id, Name FROM Account ORDER BY Name")
    chosen = [r["Id"] for r in found[:: RECORDS // LIVE]]
    for start in range(0, len(chosen), 50):
        part = chosen[start : start + 50]
        for sfid in part[:5]:
            loader.standin.rest("DELETE", f"sobjects/Account/{sfid}")
        edits = [{"attributes": {"type": "Account"}, "Id": i, "Phone": f"live {start}"} for i in part[5:]]
        loader.standin.rest("PATCH", "composite/sobjects", {"records": edits})
        read = loader.org.read(mapping, part, deleted=True)
        loader.table.apply(mapping, read.changes, read=True)
        run(database, f"UPDATE {TABLE} SET description = 'ours' WHERE sfid = ANY (:sfids)", sfids=part[-5:])
    loader.road.session.close(), database.close(), loader.database.close()  # this thread's


@pytest.mark.timeout(300)
def test_killed_and_gone_on_with_beside_live_changes(
    loader: Loader, settings: object, database_environment: dict[str, str], tmp_path: Path
) -> None:
    """No finished slice is repeated; what is older never overwrites what arrived meanwhile; both sides are equal."""
    records(loader.standin, RECORDS)
    (mapping,) = loader.road.book.of_object("Account")
    begun = loader.start()
    loader.message()
    loader.asked.clear()
    aside = tmp_path / "aside"
    aside.touch()

    with another(settings) as database:  # type: ignore[arg-type]
        changes = threading.Thread(target=live, args=(loader, database, mapping))
        for n, slices in enumerate(KILL_AT):
            process = Process(loader, database_environment, begun, aside)
            if n == 0:
                changes.start()
            process.kill_at(slices)
        Process(loader, database_environment, begun, aside).end()
        changes.join(WAIT_SECONDS)
    for message in aside.read_bytes().splitlines():
        to_postgres.apply(codec.decode(message), loader.up)
    loader.arrive()
    loader.road.send_all()

    told = loader.progress(begun)
    assert ("done", RECORDS, RECORDS // SLICE) == (told["state"], told["done"], told["slices"])
    names = [n for n, f in enumerate(FIELDS) if f.updateable]
    here, there = ({i: [row[n] for n in names] for i, row in side.items()} for side in (loader.here(), loader.there()))
    assert there == here
    assert len(there) < RECORDS and any(row[2] == "ours" for row in here.values())
    assert os.path.getsize(aside) < 1_000_000  # only what needed care
