"""Mappings as a file: exported, planned, applied, against the stand-in and a real Postgres."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
import yaml

from common.mapping import Mapping, Policy
from common.postgres import mappings
from common.postgres.connect import Database
from functions.cli import reread
from tests.integration.accounts import TABLE, log, rows, run
from tests.integration.both_ways import BothWays, Isthmus
from tests.standin.driving import Standin

Document = dict[str, Any]


@pytest.fixture(scope="module")
def standin() -> Iterator[Standin]:
    with Standin() as running:
        running.sign_in()
        yield running


@pytest.fixture
def both(database: Database, standin: Standin, isthmus: Isthmus) -> Iterator[BothWays]:
    standin.control("POST", "reset")
    isthmus("mapping", "create", "Account", "--yes", "--fields", "Name,Phone")
    world = BothWays(database, standin, "Account")
    world.hand.move(-300)  # the command line has a clock of its own, and reads later
    yield world
    world.close()


@pytest.fixture
def file(tmp_path: Path) -> Callable[..., str]:
    """Writes a document of one account mapping, bent, and of others."""

    def write(*others: Document, **bent: Any) -> str:
        account = {"object": "Account", "table": TABLE, "fields": {"Name": "name", "Phone": "phone"}} | bent
        path = tmp_path / "mappings.yaml"
        path.write_text(yaml.safe_dump({"mappings": [account, *others]}))
        return str(path)

    return write


def mapped(database: Database) -> dict[str, Mapping]:
    with database.transaction() as tx:
        return {m.sobject: m for m in mappings.read(tx)}


def test_what_is_exported_differs_in_nothing(both: BothWays, isthmus: Isthmus, tmp_path: Path) -> None:
    """Nothing is planned, and a check finds nothing."""
    isthmus("mapping", "create", "Contact", "--yes", "--rule", "Phone:map=1:one", "--where", "LastName != 'x'")
    path = str(tmp_path / "out.yaml")

    said = isthmus("mapping", "export", path)

    assert "2 mappings" in said
    assert "Nothing differs." in isthmus("mapping", "plan", path, "--check")
    assert "Nothing differs." in isthmus("mapping", "apply", path)
    assert isthmus("mapping", "export") == Path(path).read_text()


def test_a_plan_does_nothing_and_a_check_exits_with_2(
    both: BothWays, database: Database, isthmus: Isthmus, file: Callable[..., str]
) -> None:
    path = file({"object": "Contact"}, fields=["Name", "Site"], policy="postgres_wins")

    said = isthmus("mapping", "plan", path)
    with pytest.raises(SystemExit) as ended:
        isthmus("mapping", "plan", path, "--check")

    assert 2 == ended.value.code
    assert all(
        line in said
        for line in (
            "~ Account <-> salesforce.account: policy last_writer_wins -> postgres_wins",
            "+ Account <-> salesforce.account: fields come: Site",
            "- Account <-> salesforce.account: fields leave, their columns stay: Phone",
            "+ Contact <-> salesforce.contact: every field, BIDIRECTIONAL",
        )
    )
    assert (["Account"], Policy.LAST_WRITER_WINS) == (list(mapped(database)), mapped(database)["Account"].policy)


def test_what_is_applied_is_so(
    both: BothWays, database: Database, standin: Standin, isthmus: Isthmus, file: Callable[..., str]
) -> None:
    """Fields come filled, fields leave, rules and policy change, an object joins with its parent's key; then nothing differs."""
    both.read(standin.create("Account", Name="one", Site="here", Phone="1"))
    contact = {
        "object": "Contact",
        "fields": ["LastName", "AccountId"],
        "parent_keys": ["AccountId"],
        "filter": "LastName != 'x'",
    }
    path = file(contact, fields={"Name": {"map": {"one": "eins"}}, "Site": "site"}, policy="postgres_wins")

    isthmus("mapping", "apply", path, "--yes")

    found = mapped(database)
    assert ("postgres_wins", ["Name", "Site"]) == (found["Account"].policy, [f.name for f in found["Account"].fields])
    assert [["eins", "here", "1"]] == run(database, f"SELECT name, site, phone FROM {TABLE}")
    assert (["account__external_id"], "LastName != 'x'") == (
        [k.column for k in found["Contact"].parent_keys], found["Contact"].filter,
    )  # fmt: skip
    assert "Nothing differs." in isthmus("mapping", "plan", path, "--check")
    run(database, f"UPDATE {TABLE} SET phone = '2', site = 'there'")
    assert [{"site": "there"}] == [e["new_data"] for e in log(database)]


def test_another_filter_reads_who_leaves_and_who_comes(
    both: BothWays, database: Database, standin: Standin, isthmus: Isthmus, file: Callable[..., str]
) -> None:
    stays, leaves = standin.create("Account", Name="stays"), standin.create("Account", Name="leaves")
    both.read(stays, leaves)

    with mock.patch.object(reread, "ask") as asked:
        isthmus("mapping", "apply", file(filter="Name = 'stays'"), "--yes")

    assert [leaves] == asked.call_args.args[1]
    assert "Name = 'stays'" == mapped(database)["Account"].filter


def test_what_is_impossible_stops_everything(
    both: BothWays, database: Database, isthmus: Isthmus, file: Callable[..., str]
) -> None:
    """Before anything is done."""
    path = file({"object": "Contact"}, direction="SF_TO_PG", policy="postgres_wins")

    with pytest.raises(SystemExit, match="plan_impossible"):
        isthmus("mapping", "apply", path, "--yes")

    assert (["Account"], "last_writer_wins") == (list(mapped(database)), mapped(database)["Account"].policy)


def test_a_field_whose_edits_are_under_way_does_not_leave(
    both: BothWays, database: Database, isthmus: Isthmus, file: Callable[..., str]
) -> None:
    run(database, f"INSERT INTO {TABLE} (name, phone) VALUES ('a', '1')")

    with pytest.raises(SystemExit, match="1 edits of phone have not arrived"):
        isthmus("mapping", "apply", file(fields=["Name"]), "--yes")

    assert ["new"] == [r["state"] for r in rows(database, "SELECT state::text FROM isthmus.change_log")]


@pytest.mark.parametrize("text", ["mappings: [", "no: thing", "- 1"])
def test_what_is_no_document_is_refused(isthmus: Isthmus, tmp_path: Path, text: str) -> None:
    path = tmp_path / "odd.yaml"
    path.write_text(text)

    with pytest.raises(SystemExit, match="document"):
        isthmus("mapping", "plan", str(path))
    with pytest.raises(SystemExit, match="document"):
        isthmus("mapping", "plan", str(tmp_path / "nowhere.yaml"))
