"""Everything on one machine: Postgres, Pub/Sub, the Salesforce stand-in, the doors, a scheduler."""

import json
import secrets
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from urllib.request import Request, urlopen

from common import clock, config
from common.console.tokens import Signer
from common.postgres.migrate import migrate
from tests.stack import emulator, ports, topology
from tests.stack.broker.clock import move_clock
from tests.stack.postgres import Postgres
from tests.stack.process import Child, clean_environment, python, takes_connections
from tests.stack.scheduler import client as scheduler_client

ORG = "00Dstandin00001EAA"
SECRET_PATH = "salesforce"
HMAC_KEY = "isthmus-on-one-machine-needs-no-secret"
JOBS = f"projects/{topology.PROJECT}/locations/here/jobs"
JOB = f"{JOBS}/drain"
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
    "console",
)


class Stack:
    """One stack in one folder.

    Args:
        folder: Its state; kept between runs.
        offset: Added to every port.
        pubsub: `auto`, `emulator` or `broker`.
        call_seconds: How long a call to the stand-in may still be carried out after it was made.
        moved_clock: Whether `move_clock` can be used; it needs the broker.
        follows: Whether a listener drains at every commit; else only nudges and the schedule do.
        pulls: Whether the schedule pulls change events.
        postgres: Server settings.
    """

    def __init__(
        self, folder: Path, offset: int = 0, *, pubsub: str = "auto", call_seconds: int = 60, moved_clock: bool = False,
        follows: bool = True, pulls: bool = True, postgres: Mapping[str, str] | None = None,
    ) -> None:  # fmt: skip
        self.folder = folder
        self.offset = offset
        self.follows = follows
        self.pulls = pulls
        self.clock_file = folder / "clock" if moved_clock else None
        self.postgres = Postgres(folder / "postgres", ports.POSTGRES + offset, postgres)
        self.uses_emulator = pubsub != "broker" and emulator.find() is not None
        self.pubsub_port = ports.PUBSUB + offset
        self.standin_url = f"http://127.0.0.1:{ports.STANDIN + offset}"
        self.standin_events = f"127.0.0.1:{ports.STANDIN_EVENTS + offset}"
        self.environment = {
            "DATABASE_URL": self.postgres.url(),
            "SF_LOGIN_URL": self.standin_url,
            "SF_CLIENT_ID": "isthmus",
            "SF_CLIENT_SECRET": "isthmus",
            "INBOUND": json.dumps({"org_id": ORG, "secret_path": SECRET_PATH, "hmac_keys": [HMAC_KEY]}),
            "GOOGLE_CLOUD_PROJECT": topology.PROJECT,
            "PUBSUB_EMULATOR_HOST": f"127.0.0.1:{self.pubsub_port}",
            "CALL_SECONDS": str(call_seconds),
            "CLAIM_SECONDS": "10",
            "SCHEDULE_JOB": JOB,
            "PULL_STATE": str(folder / "bookmarks"),
            "SF_PUBSUB_ENDPOINT": self.standin_events,
            "CONSOLE_SECRET": secrets.token_hex(32),  # a new one for each run: who was signed in asks for a new link
            "CONSOLE_URL": f"http://127.0.0.1:{ports.CONSOLE + offset}",
            "SCHEDULER_EMULATOR_HOST": f"127.0.0.1:{ports.SCHEDULER + offset}",
        }
        self.pubsub = self._pubsub()
        self.standin = self._child(
            "standin",
            python("-m", "tests.standin", "--port", str(ports.STANDIN + offset), "--grpc-port", str(ports.STANDIN_EVENTS + offset),
                   "--data", str(folder / "standin"), "--seed-org", ORG),
        )  # fmt: skip
        self.doors = {name: self._door(name) for name in DOORS}
        self.scheduler = self._child(
            "scheduler",
            python("-m", "tests.stack.scheduler", "--port", str(ports.SCHEDULER + offset),
                   "--data", str(folder / "scheduler")),
        )  # fmt: skip
        self.follower = self._follower()

    # -- addresses ---------------------------------------------------------------------------------

    def door_url(self, name: str) -> str:
        return f"http://127.0.0.1:{ports.door(name) + self.offset}"

    def console_link(self, role: str = "operator") -> str:
        """The console's page, signed in: it works once."""
        token = Signer(self.environment["CONSOLE_SECRET"]).link("you", role, clock.now())
        return f"{self.door_url('console')}/#token={token}"

    @property
    def outbound_url(self) -> str:
        """Where Salesforce posts its outbound messages."""
        return f"{self.door_url('receive_outbound_message')}/{SECRET_PATH}"

    # -- parts -------------------------------------------------------------------------------------

    def _child(self, name: str, command: list[str], environment: Mapping[str, str] | None = None) -> Child:
        return Child(name, command, clean_environment() | dict(environment or {}), self.folder / "logs" / f"{name}.log")

    def _pubsub(self) -> Child:
        if self.uses_emulator:
            return self._child("pubsub-emulator", emulator.command(self.pubsub_port))
        command = python(
            "-m", "tests.stack.broker", "--port", str(self.pubsub_port), "--data", str(self.folder / "broker")
        )
        return self._child("broker", command)

    def _door(self, name: str) -> Child:
        command = python(
            "-m", "tests.stack.door" if self.clock_file else "functions_framework",
            "--source", f"functions/{name}/main.py", "--target", name,
            "--host", "127.0.0.1", "--port", str(ports.door(name) + self.offset),
        )  # fmt: skip
        clock = {"CLOCK_FILE": str(self.clock_file)} if self.clock_file else {}
        return self._child(name, command, self.environment | clock | {"THREADS": "4"})

    def _follower(self) -> Child:
        """`isthmus drain --follow`: what psql writes is sent at once, for nobody nudges there."""
        return self.another("follower", "drain", "--follow")

    def another(self, name: str, *arguments: str) -> Child:
        """A process of the command line, not started yet; whoever starts it stops it."""
        command = python("-m", "tests.stack.door", "isthmus") if self.clock_file else python("-m", "functions.cli.main")
        clock = {"CLOCK_FILE": str(self.clock_file)} if self.clock_file else {}
        return self._child(name, [*command, *arguments], self.environment | clock)

    def move_clock(self, seconds: float) -> None:
        """Move the time of the broker, the scheduler, the stand-in and every door."""
        assert self.clock_file is not None and not self.uses_emulator
        moved = float(self.clock_file.read_text()) if self.clock_file.exists() else 0.0
        self.clock_file.write_text(str(moved + seconds))
        body = json.dumps({"move_seconds": seconds}).encode()
        with urlopen(Request(f"{self.standin_url}/standin/clock", data=body, method="POST"), timeout=10) as answer:
            answer.read()
        for part in ("PUBSUB_EMULATOR_HOST", "SCHEDULER_EMULATOR_HOST"):
            move_clock(self.environment[part], seconds)

    # -- life --------------------------------------------------------------------------------------

    def start(self) -> None:
        """Start everything; returns when every door answers. What started is stopped again where one part fails."""
        try:
            self._refuse_taken_ports()
            self.write_environment()
            self.start_postgres()
            self.start_pubsub()
            self.standin.start()
            self.scheduler.start()
            self.scheduler.wait_for_port(ports.SCHEDULER + self.offset)
            for door in self.doors.values():
                door.start()
            self.standin.wait_for_page(f"{self.standin_url}/health")
            for name, door in self.doors.items():
                door.wait_for_page(self.door_url(name))
            scheduler = self.environment["SCHEDULER_EMULATOR_HOST"]
            scheduler_client.create(scheduler, JOB, self.door_url("drain_change_log"))
            if self.pulls:
                scheduler_client.create(scheduler, f"{JOBS}/pull", self.door_url("pull_change_events"))
            scheduler_client.create(scheduler, f"{JOBS}/reconcile", self.door_url("reconcile"), schedule="7 * * * *")
            if self.follows:
                self.follower.start()
        except BaseException:
            self.stop()
            raise

    def _refuse_taken_ports(self) -> None:
        wanted = [
            ports.POSTGRES,
            ports.PUBSUB,
            ports.SCHEDULER,
            ports.STANDIN,
            ports.STANDIN_EVENTS,
            *(ports.door(d) for d in DOORS),
        ]
        taken = [str(p + self.offset) for p in wanted if takes_connections(p + self.offset)]
        if taken:
            raise SystemExit(
                f"Something already listens on {', '.join(taken)}. Stop it, or run beside it: "
                f"PORT_OFFSET={self.offset + 1000} make run"
            )

    def start_postgres(self) -> None:
        self.postgres.start()
        migrate(config.database(self.environment))

    def start_pubsub(self) -> None:
        self.pubsub.start()
        self.pubsub.wait_for_port(self.pubsub_port)
        self.create_topology()

    def create_topology(self) -> None:
        urls = {name: self.door_url(name) for name in DOORS}
        topology.create(self.environment["PUBSUB_EMULATOR_HOST"], urls)

    def start_door(self, name: str) -> None:
        self.doors[name].start()
        self.doors[name].wait_for_page(self.door_url(name))

    def stop(self) -> None:
        """Stop everything that runs; the state stays."""
        for together in ((self.follower, self.scheduler, *self.doors.values()), (self.standin, self.pubsub)):
            with ThreadPoolExecutor(len(together)) as pool:
                list(pool.map(Child.stop, together))
        self.postgres.stop()

    def write_environment(self) -> None:
        """The file to source: any client then talks to the same Postgres, Pub/Sub and Salesforce."""
        self.folder.mkdir(parents=True, exist_ok=True)
        names = self.environment | {"PORT_OFFSET": str(self.offset)}  # for `make psql`
        lines = [f"export {name}='{value}'" for name, value in names.items()]
        (self.folder / "env").write_text("\n".join(lines) + "\n")


@contextmanager
def running(stack: Stack) -> Iterator[Stack]:
    """A stack for as long as the block lasts."""
    stack.start()
    try:
        yield stack
    finally:
        stack.stop()
