"""Where everything listens: loopback only, each port moved by PORT_OFFSET."""

import fcntl
import os
import tempfile
from pathlib import Path

from tests.stack.process import takes_connections

DOORS = (
    "receive_outbound_message",
    "receive_webhook",
    "pull_change_events",
    "upsert_postgres",
    "drain_change_log",
    "upsert_salesforce",
    "keep_dead_letters",
    "reconcile",
    "backfill",
    "console",  # on a port of its own, which people remember
)  #: in the order of their ports; not every one exists yet

CONSOLE = 8080
PUBSUB = 8085
SCHEDULER = 8086
STANDIN = 8090
STANDIN_EVENTS = 8091  #: its Pub/Sub API, over gRPC
FIRST_DOOR = 8101
POSTGRES = 8432


def offset() -> int:
    """PORT_OFFSET, 0 where it is not set.

    Raises:
        SystemExit: it is no number that leaves room for every port.
    """
    text = os.environ.get("PORT_OFFSET", "").strip() or "0"
    if not text.isdigit() or int(text) > 50_000:
        raise SystemExit(f"PORT_OFFSET is {text!r}; set it to a number from 0 to 50000, such as 1000.")
    return int(text)


def door(name: str) -> int:
    return CONSOLE if name == "console" else FIRST_DOOR + DOORS.index(name)


def free_offset() -> int:
    """An offset that moves every port to where nobody listens, and that nobody else is given while this process lives.

    Raises:
        RuntimeError: there is none.
    """
    wanted = [POSTGRES, PUBSUB, SCHEDULER, STANDIN, STANDIN_EVENTS, *(door(name) for name in DOORS)]
    for moved in range(2000, 50_000, 50):
        if _reserve(moved) and not any(takes_connections(port + moved) for port in wanted):
            return moved
    raise RuntimeError("no free ports")


def _reserve(moved: int) -> bool:
    """Hold a lock file's lock until this process ends."""
    lock = os.open(Path(tempfile.gettempdir(), f"isthmus-ports-{moved}.lock"), os.O_CREAT | os.O_RDWR)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        return False
    return True
