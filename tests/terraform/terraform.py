"""The real Terraform over a copy of terraform/: with providers from the registry, or with their schemas served offline."""

import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
OFFLINE = ROOT.parent / "shared" / "terraform"  #: schemas and rules of the providers, served without a registry
CACHE = ROOT / ".cache"
MADE_HERE = (".terraform", "*.tfstate*", "*.tfvars", "backend.tf", ".terraform.lock.hcl")  #: by people, for people


class TerraformMissing(Exception):
    """What keeps Terraform from running here, in one sentence."""


class Terraform:
    """A folder with a copy of terraform/, and a `build` folder beside it.

    Raises:
        TerraformMissing: the program, or its providers, are not here.
    """

    def __init__(self, folder: Path) -> None:
        if shutil.which("terraform") is None:
            raise TerraformMissing("Terraform is not installed (https://developer.hashicorp.com/terraform/install)")
        self.root = folder / "terraform"
        shutil.copytree(ROOT / "terraform", self.root, ignore=shutil.ignore_patterns(*MADE_HERE))
        self._environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("TF_")},
            "TF_IN_AUTOMATION": "1",
            "CHECKPOINT_DISABLE": "1",
        }
        self._offline = OFFLINE.is_dir()
        if self._offline:
            self._environment["TF_CLI_CONFIG_FILE"] = str(_offline_configuration())
        else:
            (CACHE / "terraform-plugins").mkdir(parents=True, exist_ok=True)
            self._environment["TF_PLUGIN_CACHE_DIR"] = str(CACHE / "terraform-plugins")

    def prepare(self, module: str = ".") -> None:
        """Find a root module's modules and providers; nothing is downloaded offline."""
        if self._offline:
            self._checked("get", module=module)
            return
        done = self.run("init", "-backend=false", "-input=false", module=module)
        if done.returncode:
            raise TerraformMissing(
                f"neither the registry nor ../shared/terraform has Terraform's providers: {_last_line(done.stderr)}"
            )

    def run(
        self, *arguments: str, module: str = ".", environment: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run it in a root module, without colours."""
        return subprocess.run(
            ["terraform", *arguments, *([] if arguments[0] in ("get", "fmt") else ["-no-color"])],
            cwd=self.root / module, env=self._environment | dict(environment or {}), capture_output=True, text=True,
            check=False, timeout=240,
        )  # fmt: skip

    def test(
        self, module: str = ".", environment: Mapping[str, str] | None = None
    ) -> tuple[bool, list[dict[str, Any]]]:
        """Run `terraform test`: whether all passed, and what it said, plans included."""
        done = self.run("test", "-json", "-verbose", module=module, environment=environment)
        return not done.returncode, [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]

    def _checked(self, *arguments: str, module: str) -> None:
        done = self.run(*arguments, module=module)
        assert not done.returncode, done.stdout + done.stderr


def _offline_configuration() -> Path:
    """Serve the schemas from a copy, in which "exactly one of" counts the argument itself, as the provider does."""
    copy = CACHE / "terraform"
    shutil.copytree(OFFLINE, copy, dirs_exist_ok=True)
    rules = copy / "schemas" / "google-rules.json"
    held = json.loads(rules.read_text(encoding="utf-8"))
    for arguments in held.values():
        for name, rule in arguments.items():
            if name not in rule.get("exactly_one_of", [name]):
                rule["exactly_one_of"].append(name)
    rules.write_text(json.dumps(held), encoding="utf-8")
    done = subprocess.run(
        [copy / "offline", CACHE / "terraform-offline"], capture_output=True, text=True, check=False, timeout=240
    )
    if done.returncode:
        raise TerraformMissing(f"../shared/terraform could not be set up: {_last_line(done.stderr)}")
    return CACHE / "terraform-offline" / "terraform.rc"


def _last_line(text: str) -> str:
    return (text.strip().splitlines() or ["it said nothing"])[-1].strip()
