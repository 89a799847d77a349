"""The console's door as the cloud starts it, on a real Postgres and the stand-in, and people who call it."""

import secrets
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests

from common import clock, config
from common.console.tokens import Signer
from common.postgres.connect import Database
from tests.conftest import TEMPLATE, _execute
from tests.functions.conftest import SALESFORCE, TOPICS, Door, topic_name
from tests.stack.broker.client import PROJECT, Client
from tests.stack.broker.process import BrokerProcess
from tests.stack.postgres import Postgres
from tests.standin.driving import Standin

SECRET = secrets.token_hex(32)
JOB = f"projects/{PROJECT}/locations/here/jobs/drain"
ANSWER_SECONDS = 60


class Person:
    """Somebody at the console, as the page calls it."""

    def __init__(self, url: str, role: str | None) -> None:
        self.url = url
        self.http = requests.Session()
        self.http.trust_env = False
        self.http.headers["X-Isthmus-Console"] = "1"
        if role:
            link = Signer(SECRET).link(f"the {role}", role, clock.now())
            assert 204 == self.call("POST", "session", {"token": link}).status_code

    def call(self, method: str, path: str, body: Any = None, **more: Any) -> requests.Response:
        return self.http.request(method, f"{self.url}/api/{path}", json=body, timeout=ANSWER_SECONDS, **more)

    def get(self, path: str, **query: Any) -> Any:
        """What is answered; it must be 200."""
        return self._good(self.call("GET", path, params=query))

    def post(self, path: str, body: Any = None) -> Any:
        """What is answered; it must have been done."""
        return self._good(self.call("POST", path, body))

    def _good(self, answer: requests.Response) -> Any:
        assert answer.status_code in (200, 201), f"{answer.status_code}: {answer.text}"
        return answer.json()


SignIn = Callable[[str | None], Person]


@pytest.fixture(scope="session")
def standin() -> Iterator[Standin]:
    with Standin() as running:
        running.sign_in()
        yield running


@pytest.fixture(scope="session")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BrokerProcess]:
    process = BrokerProcess(tmp_path_factory.mktemp("console-broker"))
    client = Client(process.host)
    for short in TOPICS:
        client.publisher.create_topic(name=topic_name(short))
    client.close()
    yield process
    process.stop()


@pytest.fixture(scope="module")
def url(postgres_server: Postgres) -> Iterator[str]:
    """A migrated database of this module's own."""
    name = f"console_{secrets.token_hex(6)}"
    _execute(postgres_server, f"CREATE DATABASE {name} TEMPLATE {TEMPLATE} STRATEGY file_copy")
    yield postgres_server.url(name)
    _execute(postgres_server, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="module")
def database(url: str) -> Iterator[Database]:
    with Database(config.database({"DATABASE_URL": url})) as database:
        yield database


@pytest.fixture(scope="module")
def console(
    url: str, standin: Standin, broker: BrokerProcess, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Door]:
    folder = tmp_path_factory.mktemp("console")
    settings = SALESFORCE | {
        "CONSOLE_SECRET": SECRET, "DATABASE_URL": url, "SF_LOGIN_URL": standin.url, "GOOGLE_CLOUD_PROJECT": PROJECT,
        "PUBSUB_EMULATOR_HOST": broker.host, "PULL_STATE": str(folder / "bookmarks"), "CONSOLE_ORIGIN": "https://page.example.com",
    }  # fmt: skip
    door = Door("console", settings, folder)
    try:
        yield door.ready()
    finally:
        door.child.stop()


@pytest.fixture(scope="module")
def sign_in(console: Door) -> SignIn:
    """Signs somebody in; None stays outside."""
    return lambda role: Person(console.url, role)


@pytest.fixture(scope="module")
def operator(sign_in: SignIn) -> Person:
    return sign_in("operator")


@pytest.fixture(scope="module")
def viewer(sign_in: SignIn) -> Person:
    return sign_in("viewer")
