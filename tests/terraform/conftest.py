"""One copy of terraform/ for the whole run, with bundles of nothing; its plans, made once."""

import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.terraform.plan import Plan
from tests.terraform.terraform import ROOT, Terraform, TerraformMissing

#: by the map of doors in terraform/doors.tf; some of them may not be built yet
DOORS = (
    "receive_outbound_message", "receive_webhook", "pull_change_events", "upsert_postgres", "drain_change_log",
    "upsert_salesforce", "keep_dead_letters", "reconcile", "backfill", "console",
)  # fmt: skip


@pytest.fixture(scope="session")
def terraform(tmp_path_factory: pytest.TempPathFactory) -> Terraform:
    """Terraform, ready to run; skipped where the machine lacks it."""
    folder = tmp_path_factory.mktemp("mesh")
    try:
        terraform = Terraform(folder)
        terraform.prepare()
    except TerraformMissing as exc:
        pytest.skip(str(exc))
    (folder / "build").mkdir()
    for door in DOORS:
        with zipfile.ZipFile(folder / "build" / f"{door}.zip", "w") as bundle:
            bundle.writestr("main.py", "")
    return terraform


@pytest.fixture(scope="session")
def tested(terraform: Terraform) -> tuple[bool, list[dict[str, Any]]]:
    """What `terraform test` says of the whole mesh."""
    return terraform.test()


@pytest.fixture(scope="session")
def plans(tested: tuple[bool, list[dict[str, Any]]]) -> dict[str, Plan]:
    """The plans of terraform/tests/planned.tftest.hcl, by run."""
    return {
        said["@testrun"]: Plan(said["test_plan"])
        for said in tested[1]
        if said["type"] == "test_plan" and "resource_changes" in said["test_plan"]
    }


@pytest.fixture(scope="session")
def plan(plans: dict[str, Plan]) -> Plan:
    """The mesh as it is by default."""
    return plans["defaults"]


def built() -> Iterator[Path]:
    """The doors that have code, as folders."""
    for door in DOORS:
        if (ROOT / "functions" / door / "main.py").is_file():
            yield ROOT / "functions" / door
