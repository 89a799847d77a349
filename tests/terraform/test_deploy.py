"""`make deploy`: the order of its steps, and what each is told."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.terraform.terraform import ROOT

PROGRAM = """#!/bin/sh
echo "$(basename "$0") $*" >> "$STEPS"
case "$*" in *"$FAILS"*) exit 1 ;; esac
case "$*" in *apply*) echo "$TF_VAR_database_url $TF_VAR_inbound" >> "$TOLD" ;; esac
"""


@pytest.fixture
def deploy(tmp_path: Path):
    """Runs terraform/deploy with programs that only write down how they were called."""
    (tmp_path / "terraform").mkdir()
    (tmp_path / "build").mkdir()
    shutil.copy(ROOT / "terraform" / "deploy", tmp_path / "terraform" / "deploy")
    for name in ("terraform", "isthmus"):
        program = tmp_path / "bin" / name
        program.parent.mkdir(exist_ok=True)
        program.write_text(PROGRAM, encoding="utf-8")
        program.chmod(0o755)

    def run(fails: str = "nothing at all", **settings: str) -> tuple[int, list[str], str]:
        environment = {
            "PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}", "ISTHMUS": str(tmp_path / "bin" / "isthmus"),
            "STEPS": str(tmp_path / "steps"), "TOLD": str(tmp_path / "told"), "FAILS": fails, **settings,
        }  # fmt: skip
        done = subprocess.run([tmp_path / "terraform" / "deploy"], env=environment, check=False, capture_output=True)
        told = (tmp_path / "told").read_text(encoding="utf-8") if (tmp_path / "told").exists() else ""
        return done.returncode, (tmp_path / "steps").read_text(encoding="utf-8").splitlines(), told

    return run


def test_doors_are_replaced_between_the_halves_of_a_migration(deploy):
    """What suits the old doors first, the new doors, then what needs them; at last it is looked at."""
    code, steps, told = deploy(DATABASE_URL="postgresql://u:p$1@h/d", INBOUND='{"org_id": "00D"}', AUTO="1")

    assert 0 == code
    assert [
        "isthmus migrate --pre",
        "terraform -chdir=terraform init -input=false",
        "terraform -chdir=terraform apply -auto-approve -input=false",
        "isthmus migrate --post",
        "terraform -chdir=terraform output -json",
        "isthmus doctor --deployment build/deployment.json",
    ] == steps
    assert 'postgresql://u:p$1@h/d {"org_id": "00D"}\n' == told


@pytest.mark.parametrize("fails", ["migrate --pre", "apply"])
def test_nothing_follows_a_step_that_failed(deploy, fails):
    """Doors stay as they are where the database could not be prepared; no half is run before its doors are there."""
    code, steps, _ = deploy(fails)

    assert 1 == code
    assert steps[-1].endswith(fails)
