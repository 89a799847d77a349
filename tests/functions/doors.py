"""Doors started by hand, with the least that each one needs."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.stack.broker.client import PROJECT
from tests.stack.postgres import free_port
from tests.stack.process import Child, clean_environment, python

ORG = "00D5w000004qGTOEA2"
SECRET_PATH = "salesforce/s3cr3t"
NOWHERE = "postgresql://postgres@127.0.0.1:9/nowhere"  # nobody listens there

DATABASE = {"DATABASE_URL": NOWHERE}
SALESFORCE = {"SF_LOGIN_URL": "http://127.0.0.1:9", "SF_CLIENT_ID": "i", "SF_CLIENT_SECRET": "s3cr3t"}
KEYS = {"INBOUND": json.dumps({"hmac_keys": ["k" * 32]})}
PUBSUB = {"GOOGLE_CLOUD_PROJECT": PROJECT, "PUBSUB_EMULATOR_HOST": "127.0.0.1:9"}
INBOUND = {"INBOUND": json.dumps({"org_id": ORG, "secret_path": SECRET_PATH})}

DOORS = {
    "receive_outbound_message": INBOUND | PUBSUB,
    "receive_webhook": KEYS | PUBSUB,
    "upsert_postgres": DATABASE | SALESFORCE | PUBSUB,
    "drain_change_log": DATABASE | PUBSUB,
    "upsert_salesforce": DATABASE | SALESFORCE | PUBSUB,
    "keep_dead_letters": DATABASE | PUBSUB,
    "backfill": DATABASE | SALESFORCE | PUBSUB,
    "reconcile": DATABASE | SALESFORCE | PUBSUB,
}

Open = Callable[..., "OpenDoor"]


def command(door: str, port: int) -> list[str]:
    return python(
        "-m", "functions_framework", "--source", f"functions/{door}/main.py", "--target", door,
        "--host", "127.0.0.1", "--port", str(port),
    )  # fmt: skip


class OpenDoor:
    """A door that answers."""

    def __init__(self, name: str, settings: Mapping[str, str], log: Path) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.child = Child(name, command(name, self.port), clean_environment() | settings, log)
        self.child.start()
        self.child.wait_for_page(self.url)

    def peak_bytes(self) -> int:
        """The most memory that any of its processes ever had."""
        group = self.child._process.pid
        return max(_peak(path) for path in Path("/proc").glob("[0-9]*") if _group(path) == group)


@contextmanager
def opened(folder: Path) -> Iterator[Open]:
    """Opens doors; they end with the block."""
    doors: list[OpenDoor] = []

    def open_door(name: str, **settings: str) -> OpenDoor:
        doors.append(OpenDoor(name, DOORS[name] | settings, folder / f"{len(doors)}-{name}.log"))
        return doors[-1]

    try:
        yield open_door
    finally:
        for door in doors:
            door.child.stop()


def _group(process: Path) -> int:
    try:
        return int((process / "stat").read_text().rpartition(")")[2].split()[2])
    except OSError:  # it ended meanwhile
        return 0


def _peak(process: Path) -> int:
    (line,) = (one for one in (process / "status").read_text().splitlines() if one.startswith("VmHWM"))
    return int(line.split()[1]) * 1024
