"""The command line on channels: who pulls what, how far it is, what has to be compared."""

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from unittest import mock

import pytest

from common import bookmark
from common.bookmark import CHANNELS, Bookmark, Resync, Trouble
from common.bookmarks.folder import Folder
from common.events import Channel
from common.mapping import Direction
from common.postgres.connect import Database
from functions.cli.main import main
from tests.fakes.factories import NOON
from tests.integration.accounts import map_table

Isthmus = Callable[..., str]
TOPIC = "/data/AccountChangeEvent"


@pytest.fixture
def isthmus(
    database_environment: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> Iterator[Isthmus]:
    """The command line; what it printed. A refusal is raised as SystemExit."""

    def run_it(*arguments: str) -> str:
        capsys.readouterr()
        main(list(arguments))
        return capsys.readouterr().out

    with mock.patch.dict(os.environ, database_environment | {"PULL_STATE": str(tmp_path)}):
        yield run_it


@pytest.fixture
def shelf(tmp_path: Path) -> Folder:
    return Folder(str(tmp_path))


def test_refresh_writes_the_mappings_channels_down(isthmus: Isthmus, shelf: Folder, database: Database) -> None:
    """One for each object that comes to Postgres, however many tables it has; none for one that is only sent."""
    map_table(database)
    map_table(database, sobject="Employee__c", table="salesforce.employee", direction=Direction.SF_TO_PG)
    map_table(database, sobject="Lead", table="salesforce.lead", direction=Direction.PG_TO_SF)

    said = isthmus("channels", "refresh")
    generation = shelf.read(CHANNELS)[1]
    isthmus("channels", "refresh")

    assert f"{TOPIC}\n/data/Employee__ChangeEvent\n" == said
    wanted = [Channel(TOPIC, "Account"), Channel("/data/Employee__ChangeEvent", "Employee__c")]
    assert wanted == bookmark.decode_channels(shelf.read(CHANNELS)[0])
    assert generation == shelf.read(CHANNELS)[1], "what is written down already is not written again"


def test_a_mapping_that_goes_takes_its_channel_along(isthmus: Isthmus, shelf: Folder, database: Database) -> None:
    """`mapping delete` writes it down itself."""
    map_table(database)
    isthmus("channels", "refresh")

    isthmus("mapping", "delete", "Account")

    assert [] == bookmark.decode_channels(shelf.read(CHANNELS)[0])


def test_the_list_says_how_far_it_is_and_what_is_wrong(isthmus: Isthmus, shelf: Folder) -> None:
    """Place, times, trouble with what to do, and what is to be compared."""
    assert "isthmus channels refresh" in isthmus("channels", "list")
    _write(shelf)

    text = isthmus("channels", "list")
    (shown,) = json.loads(isthmus("channels", "list", "--json"))

    assert "delivery_limit since 2026-01-31 12:00: wait" in text
    assert ("0000000000179029", 7) == (shown["replay id"], shown["events"])
    assert "Account: overflow, all records; Account: expired, since 2026-01-31 12:00" == shown["to be compared"]


def test_what_was_compared_is_settled(isthmus: Isthmus, shelf: Folder) -> None:
    """The object's wishes are forgotten, the place stays; a second time there is nothing to settle."""
    _write(shelf)
    before = bookmark.decode(shelf.read(TOPIC)[0])

    assert "2 wishes are settled" in isthmus("channels", "settle", "account")

    assert replace(before, resyncs=()) == bookmark.decode(shelf.read(TOPIC)[0])
    with pytest.raises(SystemExit, match="nothing_to_settle"):
        isthmus("channels", "settle", "Account")


def test_without_a_place_to_keep_it_a_sentence_says_so(isthmus: Isthmus) -> None:
    """It names the setting."""
    with mock.patch.dict(os.environ, {"PULL_STATE": ""}), pytest.raises(SystemExit, match="PULL_STATE is not set"):
        isthmus("channels", "list")


def _write(shelf: Folder) -> None:
    trouble = Trouble("delivery_limit", "said", "wait", NOON)
    wishes = (Resync("Account", "overflow", None, NOON), Resync("Account", "expired", NOON, NOON))
    place = bytes.fromhex("0000000000179029")
    at = Bookmark("00D5w000004qGTOEA2", place, NOON, NOON, 7, trouble=trouble, resyncs=wishes)
    shelf.write(TOPIC, bookmark.encode(at), 0)
    shelf.write(CHANNELS, bookmark.encode_channels([Channel(TOPIC, "Account")]), 0)
