"""A field that joins a live mapping, and rules that change: the field alone is read for every row, and nothing is lost."""

from collections.abc import Iterator
from typing import Any

import pytest

from common.flows import refill
from common.postgres.connect import Database
from common.postgres.mappings import MappingBook
from common.postgres.refills import PostgresRefills
from tests.integration.accounts import TABLE, log, rows, run
from tests.integration.both_ways import BothWays, Isthmus
from tests.standin.driving import Standin


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


def some(standin: Standin, count: int) -> list[str]:
    return [standin.create("Account", Name=f"n{n}", Site=f"s{n}") for n in range(count)]


def sites(database: Database) -> dict[str, Any]:
    return {r["name"]: r["site"] for r in rows(database, f"SELECT name, site FROM {TABLE} ORDER BY name")}


def go(both: BothWays, *, steps: int = 99, page: int = 2) -> list[str]:
    """Some steps of the refill, two records a page; the records that are to be read whole."""
    both.move(5)
    left = iter([True] * steps + [False])
    world = refill.World(PostgresRefills(both.database), both.world.org, both.topic, both.hand)
    before, refill.PAGE = refill.PAGE, page
    try:
        refill.run(world, lambda: next(left))
    finally:
        refill.PAGE = before
    both.book.refresh()
    return sorted({c.record_id for changes in both.topic.take() for c in changes})


def test_a_new_field_is_filled_on_equal_stamps(
    isthmus: Isthmus, database: Database, both: BothWays, standin: Standin
) -> None:
    """No record was touched since its row was read: the later read wins. Versions and the log stay as they are."""
    both.read(*some(standin, 5))
    versions = run(database, f"SELECT sfid, system_modstamp, isthmus_read_at FROM {TABLE} ORDER BY sfid")
    both.forget_calls()

    said = isthmus("mapping", "add-field", "Account", "Site")

    assert "5 rows were filled" in said
    assert {f"n{n}": f"s{n}" for n in range(5)} == sites(database)
    assert versions == run(database, f"SELECT sfid, system_modstamp, isthmus_read_at FROM {TABLE} ORDER BY sfid")
    assert ([], []) == (log(database), rows(database, "SELECT * FROM isthmus.refill"))
    assert 4 >= both.calls()  # describe, one page, one that is empty, and who we are


def test_from_then_on_it_travels_both_ways(
    isthmus: Isthmus, database: Database, both: BothWays, standin: Standin
) -> None:
    (record,) = some(standin, 1)
    both.read(record)
    isthmus("mapping", "add-field", "Account", "Site", "--rule", "Site:column=place")

    run(database, f"UPDATE {TABLE} SET place = 'edited'")
    both.book.refresh()
    both.send()
    standin.rest("PATCH", f"sobjects/Account/{record}", {"Phone": "1"})
    both.read(record)

    assert "edited" == standin.get("Account", record)["Site"]
    assert [["edited", "1"]] == run(database, f"SELECT place, phone FROM {TABLE}")


def test_it_goes_on_where_it_was_ended(isthmus: Isthmus, database: Database, both: BothWays, standin: Standin) -> None:
    """A page that was written is not read again; a second field makes it begin anew, with both."""
    both.read(*some(standin, 5))
    isthmus("mapping", "add-field", "Account", "Site", "--later")

    go(both, steps=1)
    first = [site for site in sites(database).values() if site]
    isthmus("mapping", "add-field", "Account", "Fax", "--later")
    (row,) = rows(database, "SELECT fields, after_id FROM isthmus.refill")
    go(both)

    assert (2, {"fields": ["Fax", "Site"], "after_id": ""}) == (len(first), row)
    assert {f"n{n}": f"s{n}" for n in range(5)} == sites(database)
    assert [] == rows(database, "SELECT * FROM isthmus.refill")


def test_edits_and_newer_reads_are_never_overwritten(
    isthmus: Isthmus, database: Database, both: BothWays, standin: Standin
) -> None:
    """A row with an edit, and one that we wrote since, are read whole by the usual road; a newer one has the field."""
    edited, written, newer, _ = records = some(standin, 4)
    both.read(*records)
    isthmus("mapping", "add-field", "Account", "Site", "--later")
    both.book.refresh()
    page = both.world.org.page
    both.move(5)

    def meanwhile(*arguments: Any) -> Any:
        """What happens between the read and the write."""
        found = page(*arguments)
        run(database, f"UPDATE {TABLE} SET site = 'mine' WHERE sfid = :sfid", sfid=edited)
        run(database, "BEGIN; SET LOCAL isthmus.origin = 'salesforce.account'; "
            f"UPDATE {TABLE} SET isthmus_written_at = '2100-01-01' WHERE sfid = '{written}'; COMMIT")  # fmt: skip
        standin.rest("PATCH", f"sobjects/Account/{newer}", {"Site": "latest"})
        both.read(newer)
        return found

    both.world.org.page = meanwhile
    whole = go(both, steps=1, page=10)

    assert sorted([edited, written]) == whole
    assert {"n0": "mine", "n1": None, "n2": "latest", "n3": "s3"} == sites(database)


def test_other_rules_are_laid_upon_every_row(
    isthmus: Isthmus, database: Database, both: BothWays, standin: Standin
) -> None:
    """The field is read anew; edits written under the old rules must have arrived before."""
    both.read(*some(standin, 3))
    isthmus("mapping", "rule", "Account", "Name:map=n0:zero")
    ruled = sorted(r["name"] for r in rows(database, f"SELECT name FROM {TABLE}"))
    run(database, f"UPDATE {TABLE} SET name = 'other' WHERE name = 'n1'")

    with pytest.raises(SystemExit, match="1 edits of name have not arrived"):
        isthmus("mapping", "rule", "Account", "Name:none")
    both.book.refresh()
    both.send()
    both.read(*[r["sfid"] for r in rows(database, f"SELECT sfid FROM {TABLE}")])
    isthmus("mapping", "rule", "Account", "Name:none")

    assert ["n1", "n2", "zero"] == ruled
    assert ["n0", "n2", "other"] == sorted(r["name"] for r in rows(database, f"SELECT name FROM {TABLE}"))
    assert () == MappingBook(database).of_object("Account")[0].by_name["Name"].rules.words


def test_a_value_that_fits_no_column_stops_its_record_only(
    isthmus: Isthmus, database: Database, both: BothWays, standin: Standin
) -> None:
    """The page is read whole, record by record, by the usual road."""
    records = some(standin, 2)
    both.read(*records)
    isthmus("mapping", "add-field", "Account", "Site", "--later", "--rule", "Site:map=s1:x,Other:s0")

    assert sorted(records) == go(both)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("add-field", "Account", "Name"), "Name is mapped already"),
        (("add-field", "Account", "Nothing__c"), "Account has no field Nothing__c"),
        (("add-field", "Account", "BillingAddress"), "compound"),
        (("rule", "Account", "Name:column=title"), "its column has a name already"),
        (("rule", "Account", "Site:trim"), "Site is no mapped field"),
    ],
)
def test_what_cannot_be_added_is_refused(both: BothWays, isthmus: Isthmus, arguments: Any, words: str) -> None:
    with pytest.raises(SystemExit, match=words):
        isthmus("mapping", *arguments)
