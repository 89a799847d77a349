"""The command line on outbound messages: what is known of each, and what it lacks."""

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from unittest import mock

import pytest

from common.mapping import Direction
from common.postgres.connect import Database
from common.postgres.mappings import MappingBook
from functions.cli.main import main
from tests.fakes.factories import ACTION
from tests.integration.accounts import FIELDS, map_table, run

Isthmus = Callable[..., str]

WSDL = """<definitions><types><schema xmlns="http://www.w3.org/2001/XMLSchema">
<complexType name="Account"><sequence>{}</sequence></complexType>
<complexType name="AccountNotification"><sequence><element name="sObject" type="ens:Account"/></sequence></complexType>
</schema></types></definitions>"""


@pytest.fixture
def isthmus(database_environment: dict[str, str], capsys: pytest.CaptureFixture[str]) -> Iterator[Isthmus]:
    """The command line; what it printed. A refusal is raised as SystemExit."""

    def run_it(*arguments: str) -> str:
        capsys.readouterr()
        main(list(arguments))
        return capsys.readouterr().out

    with mock.patch.dict(os.environ, database_environment):
        yield run_it


def a_wsdl(folder: Path, *fields: str) -> str:
    file = folder / "message.wsdl"
    file.write_text(WSDL.format("".join(f'<element name="{name}"/>' for name in fields)))
    return str(file)


def test_what_a_message_lacks_is_listed_and_fails_the_check(
    isthmus: Isthmus, database: Database, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """By table and action; exit code 2, so that a pipeline stops."""
    map_table(database, fields=FIELDS[:2])
    isthmus("outbound-message", "register", a_wsdl(tmp_path, "Id", "Name"), "--action-id", ACTION[:15])

    (listed,) = json.loads(isthmus("outbound-message", "list", "--json"))
    capsys.readouterr()
    with pytest.raises(SystemExit) as ended:
        main(["outbound-message", "check"])

    said = capsys.readouterr().out
    lacks = "SystemModstamp, External_Id__c, Phone"
    assert ("Account", ACTION, 2, "salesforce.account", lacks) == tuple(
        listed[name] for name in ("object", "action id", "fields", "table", "lacks")
    )
    assert 2 == ended.value.code
    assert f"WARNING: Account (action {ACTION}) lacks what salesforce.account maps" in said
    assert lacks in said
    assert "register it" in said


def test_a_message_with_every_mapped_field_passes(isthmus: Isthmus, database: Database, tmp_path: Path) -> None:
    map_table(database, fields=FIELDS[:2])
    names = ("Id", "SystemModstamp", "External_Id__c", "Name", "Phone", "More__c")

    said = isthmus("outbound-message", "register", a_wsdl(tmp_path, *names))

    assert "note" not in said
    assert "1 outbound messages are known; none lacks a mapped field" in isthmus("outbound-message", "check")


def test_the_mapping_may_stand_for_the_wsdl(isthmus: Isthmus, database: Database) -> None:
    """Every field that any of the object's tables needs."""
    map_table(database, fields=FIELDS[:2])
    map_table(database, fields=FIELDS[2:3], table="salesforce.account_too", direction=Direction.SF_TO_PG)

    said = isthmus("outbound-message", "register", "--as-mapped", "account")

    wanted = {"Id", "SystemModstamp", "External_Id__c", "Name", "Phone", "AnnualRevenue"}
    assert "Account: 6 fields" in said
    assert [{"": frozenset(wanted)}] * 2 == [m.listed for m in MappingBook(database).of_object("Account")]
    assert "none lacks" in isthmus("outbound-message", "check")


def test_a_mapping_without_a_message_is_noted(isthmus: Isthmus, database: Database) -> None:
    """It may be fed by change events: no failure. One that is only sent needs none."""
    map_table(database)
    map_table(database, sobject="Lead", table="salesforce.lead", direction=Direction.PG_TO_SF)

    said = isthmus("outbound-message", "check")

    assert ("no outbound message of Account is known" in said, "Lead" in said) == (True, False)
    assert "none; `isthmus outbound-message register" in isthmus("outbound-message", "list")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--as-mapped", "Nothing"], "Nothing is not mapped"), (["--as-mapped", "Account", "--action-id", "x"], "04k"),
    ],
)  # fmt: skip
def test_what_cannot_be_registered(isthmus: Isthmus, database: Database, arguments: list[str], words: str) -> None:
    map_table(database)

    with pytest.raises(SystemExit, match=words):
        isthmus("outbound-message", "register", *arguments)

    assert [] == run(database, "SELECT FROM isthmus.outbound_message")
