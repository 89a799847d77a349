"""A mapping's filter: only records that meet it have rows, whichever way they are heard of."""

from collections.abc import Iterator
from typing import Any
from unittest import mock

import pytest

from common import clock
from common.change import Change, Ending, Op, Side
from common.flows import to_postgres
from common.postgres.connect import Database
from functions.cli import filters
from tests.fakes.factories import ACTION
from tests.integration.accounts import TABLE, log, rows, run
from tests.integration.both_ways import BothWays, Isthmus
from tests.standin.driving import Standin

SEOUL = "BillingCity = 'Seoul'"
FIELDS = "Name,Phone,BillingCity"


@pytest.fixture(scope="module")
def standin() -> Iterator[Standin]:
    with Standin() as running:
        running.sign_in()
        yield running


@pytest.fixture
def both(database: Database, standin: Standin, isthmus: Isthmus) -> Iterator[BothWays]:
    standin.control("POST", "reset")
    isthmus("mapping", "create", "Account", "--yes", "--fields", FIELDS, "--where", SEOUL)
    world = BothWays(database, standin, "Account")
    yield world
    world.close()


def an_account(standin: Standin, city: str = "Seoul", **fields: Any) -> str:
    return standin.create("Account", **{"Name": "n", "BillingCity": city} | fields)


def move(standin: Standin, record: str, city: str) -> None:
    assert 204 == standin.rest("PATCH", f"sobjects/Account/{record}", {"BillingCity": city}).status_code


def names(database: Database) -> list[str]:
    return sorted(r["name"] for r in rows(database, f"SELECT name FROM {TABLE}"))


def test_only_records_that_meet_it_have_rows(database: Database, both: BothWays, standin: Standin) -> None:
    """A hint of any other one ends without a row, and without a dead letter."""
    here, there = an_account(standin, Name="here"), an_account(standin, "Busan", Name="there")

    outcomes = both.read(here, there, here)

    assert {Ending.APPLIED, Ending.OUTSIDE} == {o.ending for o in outcomes}
    assert ["here"] == names(database)
    assert [] == rows(database, "SELECT * FROM isthmus.dead_letter")


def test_a_message_is_never_believed_without_a_read(database: Database, both: BothWays, standin: Standin) -> None:
    """However complete it is: only Salesforce can hold its record to the filter."""
    record = an_account(standin, "Busan")
    stamp = standin.get("Account", record)["SystemModstamp"]
    fields = {"SystemModstamp": stamp, "External_Id__c": None, "Name": "n", "Phone": None, "BillingCity": "Seoul"}
    pushed = Change(Side.SALESFORCE, "Account", record, Op.UPSERT, clock.parse(stamp), "message", fields, ACTION)
    both.move(5)

    (outcome,) = to_postgres.apply([pushed], both.arriving)

    assert (Ending.OUTSIDE, []) == (outcome.ending, names(database))


def test_a_row_goes_when_its_record_leaves_and_returns_under_its_key(
    database: Database, both: BothWays, standin: Standin
) -> None:
    """Nothing of it is captured or sent: the record lives on in Salesforce."""
    record = an_account(standin)
    both.read(record)
    (key,) = run(database, f"SELECT id FROM {TABLE}")

    move(standin, record, "Busan")
    left = both.read(record)
    after = names(database)
    move(standin, record, "Seoul")
    back = both.read(record)

    assert ([Ending.OUTSIDE], [], [Ending.APPLIED]) == ([o.ending for o in left], after, [o.ending for o in back])
    assert [key] == run(database, f"SELECT id FROM {TABLE}")
    assert ([], False) == (log(database), standin.get("Account", record)["IsDeleted"])


def test_a_mass_of_rows_waits_for_a_person(
    database: Database, both: BothWays, standin: Standin, isthmus: Isthmus
) -> None:
    """As with deletions: more than the guard lets go unasked stay, until somebody says so."""
    records = [an_account(standin, Name=f"n{n}") for n in range(4)]
    both.read(*records)
    run(database, "UPDATE isthmus.sync_configurations SET delete_guard_count = 2")
    both.book.refresh()
    for record in records:
        move(standin, record, "Busan")

    held = both.read(*records)
    run(database, "UPDATE isthmus.held_deletion SET allowed = true, decided_at = now(), decided_by = 'kim'")
    gone = both.read(*records)

    assert ({"held"}, {"outside"}) == ({o.ending for o in held}, {o.ending for o in gone})
    assert [] == names(database)


def test_a_row_with_edits_under_way_goes_after_they_have_arrived(
    database: Database, both: BothWays, standin: Standin
) -> None:
    """Nothing that was written here is lost with its row."""
    record = an_account(standin)
    both.read(record)
    run(database, f"UPDATE {TABLE} SET phone = 'edited'")
    move(standin, record, "Busan")

    early = both.read(record)
    both.send()
    late = both.read(record)

    assert [("later", "edits_first"), ("outside", "")] == [(o.ending, o.reason) for o in (*early, *late)]
    assert ("edited", []) == (standin.get("Account", record)["Phone"], names(database))


def test_a_row_whose_edits_failed_waits_for_a_person(database: Database, both: BothWays, standin: Standin) -> None:
    record = an_account(standin)
    both.read(record)
    run(database, f"UPDATE {TABLE} SET phone = 'edited'")
    run(database, "UPDATE isthmus.change_log SET state = 'failed', last_error = 'refused'")
    move(standin, record, "Busan")

    (outcome,) = both.read(record)

    assert ("merged", "edits_failed", ["n"]) == (outcome.ending, outcome.reason, names(database))


def test_an_older_read_takes_nothing_away(database: Database, both: BothWays, standin: Standin) -> None:
    """A read from before the record came back is stale, in whatever order the two arrive."""
    record = an_account(standin, "Busan")
    both.move(5)
    outside = both.world.org.read(both.book.of_object("Account")[0], [record], deleted=True).outside
    move(standin, record, "Seoul")
    both.read(record)

    (verdict,) = both.arriving.table.let_go(both.book.of_object("Account")[0], outside)

    assert (Ending.STALE, ["n"]) == (verdict.outcome and verdict.outcome.ending, names(database))


def test_a_deleted_record_is_no_record_outside(database: Database, both: BothWays, standin: Standin) -> None:
    """Dead ones are told from those that merely left."""
    record, gone = an_account(standin), an_account(standin, "Busan")
    both.read(record)
    for each in (record, gone):
        standin.rest("DELETE", f"sobjects/Account/{each}")

    outcomes = both.read(record, gone)

    assert [Ending.DELETED] * 2 == [o.ending for o in outcomes]


def test_another_filter_says_who_leaves_and_who_comes(
    database: Database, both: BothWays, standin: Standin, isthmus: Isthmus
) -> None:
    """Both are read anew; nobody else is."""
    seoul, busan = an_account(standin, Name="seoul"), an_account(standin, "Busan", Name="busan")
    daegu = an_account(standin, "Daegu", Name="daegu")
    both.read(seoul, busan, daegu)
    asked: list[str] = []

    with mock.patch.object(filters.reread, "ask", lambda mapping, ids, env: asked.extend(ids)):
        said = isthmus("mapping", "filter", "Account", "BillingCity IN ('Busan')", "--yes")
    both.book.refresh()
    both.read(*asked)

    assert "1 rows of salesforce.account leave, 1 records come" in said
    assert ({seoul, busan}, ["busan"]) == (set(asked), names(database))
    assert "BillingCity IN ('Busan')" in isthmus("mapping", "list")


@pytest.mark.parametrize(
    ("condition", "words"),
    [
        ("Nothing__c = 1", "Nothing__c"),
        ("Name = 'x') OR (Name != NULL", "not closed"),
        ("Name = 'x", "not closed"),
        ("Name = 'x' LIMIT 5", "MALFORMED_QUERY"),
    ],
)
def test_what_is_no_condition_is_refused(both: BothWays, isthmus: Isthmus, condition: str, words: str) -> None:
    """In Salesforce's own words, and nothing is changed."""
    with pytest.raises(SystemExit, match=words):
        isthmus("mapping", "filter", "Account", condition, "--yes")

    both.book.refresh()
    assert SEOUL == both.book.of_object("Account")[0].filter


def test_a_mapping_that_reads_nothing_has_no_filter(isthmus: Isthmus) -> None:
    with pytest.raises(SystemExit, match="nothing is read from Salesforce"):
        isthmus("mapping", "create", "Contact", "--yes", "--direction", "PG_TO_SF", "--where", "LastName != NULL")
