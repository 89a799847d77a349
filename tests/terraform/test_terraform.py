"""Terraform's own judgement: shape, schema, and the tests beside the modules."""

import pytest

from tests.terraform.terraform import ROOT, Terraform

ROOTS = sorted(
    str(path.parent.relative_to(ROOT / "terraform"))
    for path in (ROOT / "terraform").rglob("versions.tf")
    if "modules" not in path.parts and ".terraform" not in path.parts
)


def test_it_is_formatted(terraform: Terraform):
    """`terraform fmt` has nothing to do."""
    done = terraform.run("fmt", "-check", "-recursive", "-diff")

    assert ("", 0) == (done.stdout, done.returncode)


@pytest.mark.parametrize("root", ROOTS)
def test_it_is_valid(terraform: Terraform, root: str):
    """Every root module suits its providers' schemas and rules."""
    terraform.prepare(root)

    done = terraform.run("validate", module=root)

    assert not done.returncode, done.stderr


def test_its_own_tests_pass(tested):
    """`terraform test` with mocked providers."""
    passed, said = tested

    failures = [m["diagnostic"] for m in said if m["type"] == "diagnostic" and m["diagnostic"]["severity"] == "error"]
    assert (True, []) == (passed, [f"{f['summary']}: {f['detail']}" for f in failures])


def test_bootstrap_passes_its_tests(terraform: Terraform):
    """People deploy, or one branch of one repository does."""
    terraform.prepare("bootstrap")

    passed, said = terraform.test("bootstrap")

    assert passed, [m["diagnostic"] for m in said if m["type"] == "diagnostic"]


def test_missing_bundles_are_named(terraform: Terraform):
    """An apply without bundles says what to run."""
    filtered = terraform.run("test", "-filter=tests/made.tftest.hcl", environment={"TF_VAR_bundles": "/nowhere"})

    assert filtered.returncode
    assert "/nowhere/drain_change_log.zip does not exist: run `make bundle` first" in " ".join(
        filtered.stdout.split()
    ) + " ".join(filtered.stderr.replace("│", "").split())
