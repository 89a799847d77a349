"""The DAGs in a real Airflow beside a whole stack; skipped, with the reason, where Airflow's environment is missing."""

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.airflow.cloud import Metadata, gate, serving
from tests.stack import sample
from tests.stack.ports import free_offset
from tests.stack.process import ROOT, clean_environment
from tests.stack.stack import Stack, running

PYTHON = ROOT / ".venv-airflow" / "bin" / "python"
DAGS = ROOT / "functions" / "dags"
RUN_SECONDS = 600.0
RECORDS = 300

pytestmark = [
    pytest.mark.timeout(1500),
    pytest.mark.skipif(not PYTHON.exists(), reason="Airflow is not installed: `make test/airflow`"),
]


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Accounts in Salesforce, mapped, none of them here."""
    folder = tmp_path_factory.mktemp("airflow") / "state"
    with running(Stack(folder, free_offset(), pubsub="broker", pulls=False, postgres={"fsync": "off"})) as stack:
        client = sample.Client(stack)
        for start in range(0, RECORDS, 100):
            records = [{"attributes": {"type": "Account"}, "Name": f"n{n}"} for n in range(start, start + 100)]
            client.rest("POST", "composite/sobjects", {"records": records})
        sample.quietly(stack, "mapping", "create", "Account", "--fields", "Name,Phone", "--yes")
        yield stack


@pytest.fixture(scope="module")
def environment(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """A worker's settings: its home, who signs it in, and where the doors are."""
    with ExitStack() as servers:
        doors = {name: servers.enter_context(serving(gate(stack.door_url(name)))) for name in ("backfill", "reconcile")}
        yield clean_environment() | {
            "AIRFLOW_HOME": str(tmp_path_factory.mktemp("home")),
            "GCE_METADATA_HOST": servers.enter_context(serving(Metadata)),
            "ISTHMUS_BACKFILL_URL": f"http://{doors['backfill']}",
            "ISTHMUS_RECONCILE_URL": f"http://{doors['reconcile']}",
            "ISTHMUS_POKE_SECONDS": "1",
        }


def run_dag(name: str, environment: dict[str, str], **params: Any) -> tuple[str, str]:
    """A run's end state, and everything that Airflow said."""
    command = [PYTHON, Path(__file__).with_name("run_dag.py"), name, json.dumps(params)]
    ran = subprocess.run(
        command, cwd=environment["AIRFLOW_HOME"], env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True, timeout=RUN_SECONDS, check=False,
    )  # fmt: skip
    assert 0 == ran.returncode, ran.stdout[-4000:]
    return ran.stdout.splitlines()[-1], ran.stdout


def test_a_run_brings_every_record_over(stack: Stack, environment: dict[str, str]) -> None:
    """Planned, run and watched by a worker that signs in as Cloud Run wants it; its slices are the door's own."""
    state, said = run_dag("isthmus_backfill", environment, object="Account", slice=100)

    psql = sample.Rows(stack)
    slices = psql.run("SELECT b.asked_by LIKE 'airflow %', s.number, s.records FROM isthmus.backfill AS b "
                      "JOIN isthmus.backfill_slice AS s ON s.backfill_id = b.id ORDER BY s.number")  # fmt: skip
    rows = psql.run("SELECT count(*) FROM salesforce.account")
    psql.close()
    assert "success" == state, said[-4000:]
    assert [[True, n, 100] for n in (1, 2, 3)] == slices
    assert [[RECORDS]] == rows


def test_a_run_that_the_door_refuses_fails_with_its_words(environment: dict[str, str]) -> None:
    """At once: trying again would not help."""
    state, said = run_dag("isthmus_backfill", environment, object="Nowhere")

    assert "failed" == state
    assert "Nowhere is not mapped" in said


def test_the_comparison_is_the_doors_own(environment: dict[str, str]) -> None:
    """One call; what the door compared and pruned stands in the task's log."""
    state, said = run_dag("isthmus_consistency", environment)

    assert "success" == state, said[-4000:]
    assert "'pruned':" in said


def test_the_file_needs_airflow_and_the_standard_library_only() -> None:
    """It is copied into a folder where nothing else of ours is."""
    tree = ast.parse((DAGS / "isthmus.py").read_text(encoding="utf-8"))
    named = {n.name for node in ast.walk(tree) if isinstance(node, ast.Import) for n in node.names}
    named |= {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}

    assert {"airflow"} == {name.partition(".")[0] for name in named} - sys.stdlib_module_names
