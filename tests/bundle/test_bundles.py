"""Each door's bundle alone: it imports, loads and answers with nothing but what it names."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests

from common import clock, health, signature, work
from common.postgres.connect import Database
from tests.bundle.conftest import NAMES, Unpacked
from tests.functions.conftest import DOORS, HMAC_KEYS, topic_name
from tests.integration.accounts import map_table, run
from tests.stack.broker.client import Client
from tests.stack.broker.process import BrokerProcess

Unpack = Callable[[str], Unpacked]
Started = Callable[..., str]

#: Runs every import statement that stands in a bundle, late ones too, and loads every file of SQL that is named.
EVERYTHING = """
import ast, pathlib, sys
sys.path.insert(0, ".")
count = 0
def running(tree):
    for node in ast.iter_child_nodes(tree):
        if not (isinstance(node, ast.If) and getattr(node.test, "id", "") == "TYPE_CHECKING"):
            yield node
            yield from running(node)
for path in sorted(pathlib.Path().rglob("*.py")):
    for node in running(ast.parse(path.read_text())):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            exec(compile(ast.Module([node], []), str(path), "exec"), {})
            count += 1
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "load" and isinstance(node.args[0], ast.Constant):
            from common.postgres.queries import load
            assert load(node.args[0].value), node.args[0].value
assert not [name for name in sys.modules if name.partition(".")[0] in ("tests", "pytest")]
print(count, pathlib.Path(sys.modules["common"].__file__).parent)
"""


@pytest.mark.parametrize("door", NAMES)
def test_it_has_all_it_imports_and_no_package_more(door: str, unpack: Unpack) -> None:
    """Every import statement runs, in an environment that holds its requirements and nothing else."""
    bundle = unpack(door)

    ran = bundle.run("-c", EVERYTHING)
    listed = json.loads(bundle.run("-m", "pip", "list", "--format", "json", "--disable-pip-version-check").stdout)

    assert (0, "") == (ran.returncode, ran.stderr)
    count, where = ran.stdout.split()
    assert (True, str(bundle.folder / "common")) == (int(count) > 20, where)
    lines = (bundle.folder / "requirements.txt").read_text().splitlines()
    named = {line.split("==")[0] for line in lines if "==" in line}
    assert named == {p["name"].lower().replace("_", "-").replace(".", "-") for p in listed} - {"pip", "setuptools"}


@pytest.mark.parametrize("door", [name for name in NAMES if name in DOORS])
def test_it_starts_from_its_own_folder(door: str, unpack: Unpack, started: Started) -> None:
    """functions-framework finds main.py at the root; the answer names the release that was bundled."""
    address = started(unpack(door))

    answer = requests.get(address, timeout=30).json()

    assert {"door": door, "status": "ok", "release": health.release()} == answer


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BrokerProcess]:
    process = BrokerProcess(tmp_path_factory.mktemp("bundle-broker"))
    yield process
    process.stop()


@pytest.fixture(scope="module")
def pubsub(broker: BrokerProcess) -> Iterator[Client]:
    client = Client(broker.host)
    for short in ("salesforce-changes", "postgres-changes", "work"):
        client.publisher.create_topic(name=topic_name(short))
    yield client
    client.close()


def test_a_bundle_publishes(unpack: Unpack, started: Started, pubsub: Client) -> None:
    """What is imported late works too: a nudge reaches Pub/Sub."""
    inbox = pubsub.subscription(topic_name("work"))
    address = started(unpack("receive_webhook"), PUBSUB_EMULATOR_HOST=pubsub.host)

    answer = requests.post(f"{address}/nudge", headers=signature.sign(HMAC_KEYS[0], b"", clock.now()), timeout=30)

    assert 204 == answer.status_code
    assert work.Work(work.NUDGE) == work.decode(*pubsub.take(inbox))


def test_a_bundle_drains(
    unpack: Unpack, started: Started, pubsub: Client, database: Database, database_environment: dict[str, str]
) -> None:
    """Its SQL is with it: an edit is claimed in a real Postgres and published."""
    map_table(database)
    run(database, "INSERT INTO salesforce.account (id, name) VALUES ('a', 'b')")
    inbox = pubsub.subscription(topic_name("postgres-changes"))
    address = started(unpack("drain_change_log"), PUBSUB_EMULATOR_HOST=pubsub.host, **database_environment)

    answer = requests.post(address, timeout=60)

    assert (200, "1\n") == (answer.status_code, answer.text)
    assert b'"id":"a"' in pubsub.take(inbox)[0]


def test_no_bundle_holds_what_is_not_deployed(unpack: Unpack) -> None:
    """No test, no command line, no stand-in, no other door."""
    for door in NAMES:
        files = [str(p.relative_to(unpack(door).folder)) for p in unpack(door).folder.rglob("*.py")]
        own = ("common/", f"functions/{door}/")
        assert [] == [n for n in files if not n.startswith(own) and n not in ("main.py", "functions/__init__.py")]
        assert Path("main.py") in [Path(name) for name in files]
