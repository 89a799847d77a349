"""What goes into a bundle: found by reading, pinned, and the same bytes each time."""

import sys
import zipfile
from pathlib import Path

import pytest

from functions.bundle import archive, imports, pins
from tests.conftest import ROOT

MODULES = {
    "functions/door/main.py": "import os\nfrom common import used\nfrom common.room import late\nfrom flask import Request\n",
    "common/__init__.py": "",
    "common/used.py": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import numpy\n    from common import typed\n",
    "common/typed.py": "",
    "common/unused.py": "import requests\n",
    "common/room/__init__.py": "",
    "common/room/late.py": "def f():\n    import fastavro\n    from common.room.deep import g\n",
    "common/room/deep.py": "from common.postgres.queries import load\nQ = load('table')\nR = load('a' if Q else 'b')\n",
    "common/postgres/__init__.py": "",
    "common/postgres/queries.py": "def load(name): ...\n",
}


@pytest.fixture
def project(tmp_path):
    """A small project with one door."""
    for name, text in MODULES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def write(project, name, text):
    (project / name).write_text(text)


def test_what_can_run_is_followed(project):
    """Late imports too, each with its packages; not what only type checkers read, and not what nobody imports."""
    needs = imports.follow(Path("functions/door/main.py"), project)

    unused = {"common/typed.py", "common/unused.py"}
    assert set(MODULES) - unused == {str(f) for f in needs.files}
    assert {"flask", "fastavro"} == {v for v in needs.vendors if "." not in v}
    assert {f"sql/queries/{name}.sql" for name in ("table", "a", "b")} == {str(q) for q in needs.sql(project)}


def test_sql_of_a_name_that_only_a_run_can_tell_is_refused(project):
    """It would be missing in the cloud, at the first request that needs it."""
    write(project, "common/used.py", "from common.postgres.queries import load\nname = input()\nQ = load(name)\n")

    with pytest.raises(ValueError, match=r"common/used.py:3: `load` of what"):
        imports.follow(Path("functions/door/main.py"), project)


LOCK = """flask==3.1 \\
    --hash=sha256:aa \\
    --hash=sha256:bb
    # via functions-framework
functions-framework==3.10 \\
    --hash=sha256:cc
    # via isthmus (pyproject.toml)
tzdata==1 ; sys_platform == 'win32' \\
    --hash=sha256:dd
    # via flask
werkzeug==3 ; python_version < '4' \\
    --hash=sha256:ee
    # via
    #   flask
    #   other
pytest==9 \\
    --hash=sha256:ff
    # via isthmus (pyproject.toml)
"""


def test_pins_are_the_doors_and_theirs():
    """Each with all its hashes; what is not installed where doors run, and what no door imports, stays out."""
    got = pins.requirements({"flask", "flask.Flask"}, pins.read(LOCK))

    assert got.splitlines() == [
        "# For Python 3.13 on Linux, out of requirements.lock.",
        "flask==3.1 \\", "    --hash=sha256:aa \\", "    --hash=sha256:bb",
        "functions-framework==3.10 \\", "    --hash=sha256:cc", "werkzeug==3 \\", "    --hash=sha256:ee",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("module", "words"), [("pytest", None), ("requests", "make lock"), ("nowhere", "no installed")]
)
def test_a_module_that_is_not_pinned_is_refused(module, words):
    if words is None:
        assert "pytest==9" in pins.requirements({module}, pins.read(LOCK))
        return
    with pytest.raises(ValueError, match=words):
        pins.requirements({module}, pins.read(LOCK))


def test_every_doors_needs_can_be_told():
    """Its packages are pinned, and its SQL is named where it is loaded."""
    held = {door: archive.contents(door, ROOT) for door in archive.doors(ROOT)}

    assert all({"main.py", "requirements.txt", "common/config.py"} <= set(files) for files in held.values())
    assert ["console"] == [door for door, files in held.items() if "Procfile" in files]


def test_every_door_is_bundled():
    """All but those that start nothing in the cloud."""
    assert {"upsert_postgres", "receive_webhook"} <= set(archive.doors(ROOT))
    assert not {"cli", "bundle"} & set(archive.doors(ROOT))


@pytest.mark.parametrize("door", ["receive_outbound_message", "upsert_postgres"])
def test_two_builds_are_the_same_bytes(door, tmp_path):
    """Whenever and in whatever order: Terraform deploys what has changed, and only that."""
    held = archive.contents(door, ROOT)
    archive.write(held, tmp_path / "one.zip")
    archive.write(dict(reversed(archive.contents(door, ROOT).items())), tmp_path / "two.zip")

    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "two.zip").read_bytes()
    with zipfile.ZipFile(tmp_path / "one.zip") as bundle:
        assert sorted(held) == bundle.namelist()
        assert {(1980, 1, 1, 0, 0, 0)} == {entry.date_time for entry in bundle.infolist()}


def test_the_deployed_python_is_terraforms():
    """One version, named twice."""
    text = (ROOT / "terraform" / "variables.tf").read_text()

    assert f'"python{pins.PYTHON.replace(".", "")}"' in text
    assert sys.version_info >= (3, 11)


@pytest.mark.parametrize(("vendors", "pages"), [({"functions_framework"}, False), ({"functions_framework.aio"}, True)])
def test_a_door_that_serves_pages_says_how_it_is_started(vendors, pages):
    """Others are started as functions, by their name."""
    assert pages == archive.serves_pages(vendors)


def test_a_receiver_needs_no_database():
    """Nor Salesforce's client: it starts fast and small."""
    held = archive.contents("receive_outbound_message", ROOT)

    assert not [name for name in held if name.startswith(("common/postgres", "sql/"))]
    assert b"simple-salesforce" not in held["requirements.txt"]
    assert b"pg8000" not in held["requirements.txt"]
