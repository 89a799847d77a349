"""A process of its own that does every slice of a backfill, as the door does; it tells its time and its peak of memory.

Settings as a door's; its arguments are the backfill's number, and a file for what is put aside.
"""

import json
import os
import sys
import time
from collections import deque
from collections.abc import Sequence
from pathlib import Path

from common import clock, codec, config
from common.change import Change
from common.flows import backfill
from common.postgres.backfills import BackfillTable
from common.postgres.connect import Database
from common.postgres.mappings import MappingBook
from common.postgres.table import PostgresTable
from common.pubsub.topic import MAX_CHANGES
from common.salesforce.bulk_query import BulkQueryApi
from common.salesforce.org import SalesforceOrg
from common.salesforce.session import Session
from common.work import Work


class Queue:
    """Topic `work`, in this process."""

    def __init__(self) -> None:
        self.pieces: deque[Work] = deque()

    def publish(self, *pieces: Work) -> None:
        self.pieces.extend(pieces)


class Aside:
    """A topic in a file, a message a line; on disk before it is confirmed."""

    def __init__(self, path: str) -> None:
        self._path = path

    def publish(self, changes: Sequence[Change], *, trace: str = "") -> None:
        with open(self._path, "ab") as file:
            file.writelines(message + b"\n" for message in codec.encode(changes, max_changes=MAX_CHANGES))


class Kept(BulkQueryApi):
    """Answers that the next round reads again."""

    def abandon(self, job_id: str) -> None:
        pass


def main() -> None:
    number, env, works = int(sys.argv[1]), os.environ, Queue()
    with Database(config.database(env)) as database, Session(config.salesforce(env)) as session:
        backfills = BackfillTable(database)
        world = backfill.World(
            MappingBook(database), backfills, Kept(session), SalesforceOrg(session), PostgresTable(database),
            Aside(sys.argv[2]), works, clock.now,
        )  # fmt: skip
        found = backfills.find(number)
        assert found is not None
        backfill.carry_on(found, backfills, works)
        began = time.perf_counter()
        while works.pieces:
            body = works.pieces.popleft().body
            backfill.step(body["backfill"], body["slice"], world)
        seconds = time.perf_counter() - began
    print(json.dumps({"seconds": seconds, "peak_bytes": _peak()}))


def _peak() -> int:
    """The most memory that this program ever had. (`getrusage` tells of the process that started it, too.)"""
    lines = Path("/proc/self/status").read_text().splitlines()
    (kib,) = (line.split()[1] for line in lines if line.startswith("VmHWM:"))
    return int(kib) * 1024


if __name__ == "__main__":
    main()
