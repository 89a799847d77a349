"""Equality proved on demand, value for value; and fields that change without their record's stamp."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from common.comparing import Kind
from common.flows import reconcile
from common.flows import verify as verifying
from tests.integration.accounts import TABLE, run, silently
from tests.integration.comparing import Comparing, accounts
from tests.standin.driving import Standin

Isthmus = Callable[..., str]


@pytest.fixture(scope="module")
def standin() -> Iterator[Standin]:
    with Standin() as running:
        yield running


def quietly(sides: Comparing, assignment: str, record_id: str) -> None:
    """Change a row behind everybody's back."""
    with silently(sides.database) as tx:
        tx.run(f"UPDATE {TABLE} SET {assignment} WHERE sfid = :sfid", sfid=record_id)


def verified(isthmus: Isthmus, report: Path, *more: str) -> tuple[int, list[dict[str, Any]]]:
    """The exit code, and the report's lines."""
    code = 0
    try:
        isthmus("verify", "Account", "--report", str(report), *more)
    except SystemExit as exc:
        code = int(exc.code or 0)
    return code, [json.loads(line) for line in report.read_text(encoding="utf-8").splitlines()]


def test_equal_sides_are_equal(sides: Comparing, isthmus: Isthmus, tmp_path: Path) -> None:
    """Counts and digests of each range on both sides, and a last line for the whole."""
    accounts(sides.standin, 3)
    sides.window()

    code, (range_, whole) = verified(isthmus, tmp_path / "report")

    assert (0, True, range_["salesforce"]) == (code, whole["equal"], range_["postgres"])
    assert (3, 3, 0) == (range_["salesforce"]["count"], whole["rows"], whole["waiting"])


@pytest.mark.parametrize("size", [1, 2, 3, 100])
def test_every_difference_is_named(sides: Comparing, size: int) -> None:
    """However the ids fall into ranges: a value, a record without a row, a row without a record."""
    one, two, three, four = accounts(sides.standin, 4)
    sides.window()
    quietly(sides, "phone = '9', site = 'x'", one)
    with silently(sides.database) as tx:
        tx.run(f"DELETE FROM {TABLE} WHERE sfid = :sfid", sfid=two)
    sides.standin.rest("DELETE", f"sobjects/Account/{four}")

    ranges = list(verifying.ranges(sides.mapping, sides.pairs, size=size))

    found = [(d.record, d.what, d.field, d.salesforce, d.postgres) for r in ranges for d in r.differences]
    assert [
        (one, "value", "Phone", "1", "9"), (one, "value", "Site", None, "x"), (two, "no_row", "", None, None),
        (four, "no_record", "", None, None),
    ] == sorted(found, key=lambda f: (f[0], f[2]))  # fmt: skip
    assert (3, 3) == (sum(r.salesforce.count for r in ranges), sum(r.postgres.count for r in ranges))
    assert three not in {f[0] for f in found}


def test_a_report_names_fields_and_values_where_they_are_wanted(
    sides: Comparing, isthmus: Isthmus, tmp_path: Path
) -> None:
    """Values are people's data: they stay out unless they are asked for."""
    (one,) = accounts(sides.standin, 1)
    sides.window()
    quietly(sides, "name = '서울'", one)

    plain = verified(isthmus, tmp_path / "plain")
    full = verified(isthmus, tmp_path / "full", "--values")

    told = {"object": "Account", "record": one, "what": "value", "field": "Name"}
    assert (1, told) == (plain[0], plain[1][1])
    assert (1, told | {"salesforce": "n0", "postgres": "서울"}) == (full[0], full[1][1])


def test_what_waits_is_no_difference(sides: Comparing, isthmus: Isthmus, tmp_path: Path) -> None:
    """An edit, a deletion and a new row that Salesforce has not got yet; the edited row's other columns count."""
    one, two = accounts(sides.standin, 2)
    sides.window()
    run(sides.database, f"UPDATE {TABLE} SET phone = 'ours' WHERE sfid = :sfid", sfid=one)
    run(sides.database, f"DELETE FROM {TABLE} WHERE sfid = :sfid", sfid=two)
    run(sides.database, f"INSERT INTO {TABLE} (id, name) VALUES ('new', 'new')")

    equal = verified(isthmus, tmp_path / "report")
    quietly(sides, "site = 'x'", one)
    different = verified(isthmus, tmp_path / "report")

    assert (0, 3) == (equal[0], equal[1][-1]["waiting"])
    assert (1, "Site") == (different[0], different[1][1]["field"])


def test_values_are_compared_after_conversion(sides: Comparing) -> None:
    """Numbers by their worth, however many zeros they carry."""
    record_id = sides.standin.create("Account", Name="n", NumberOfEmployees=1200)
    sides.window()
    run(sides.database, f"ALTER TABLE {TABLE} ALTER number_of_employees TYPE numeric(9, 2)")

    (range_,) = verifying.ranges(sides.mapping, sides.pairs)

    assert (range_.equal, [record_id]) == (True, sides.keys())


# -- fields that change without their record's stamp ------------------------------------------------


def test_a_refresh_finds_what_moved_no_stamp(sides: Comparing, isthmus: Isthmus) -> None:
    """A formula over a parent's field: no message, no window and no full compare tells of it."""
    sides.standin.control(
        "POST", "objects/Account/fields",
        {"name": "Boss__c", "type": "string", "calculated": True, "calculatedFormula": "Parent.Name"},
    )  # fmt: skip
    isthmus("mapping", "delete", "Account")
    isthmus("mapping", "create", "Account", "--fields", "Name,Boss__c", "--table", "salesforce.boss", "--yes")
    sides.book.refresh()
    parent = sides.standin.create("Account", Name="before")
    sides.standin.create("Account", Name="child", ParentId=parent)
    sides.full()
    sides.standin.rest("PATCH", f"sobjects/Account/{parent}", {"Name": "after"})

    window, full = sides.window(), sides.full()
    number = sides.comparing.runs.begin(sides.mapping, Kind.REFRESH, "test", None, sides.hand())
    refreshed = sides.to_its_end(number)

    assert ({"compared": 2, "older": 1}, {"compared": 2}, {"compared": 2, "older": 1}) == (window, full, refreshed)
    assert [["after"]] == run(sides.database, "SELECT boss FROM salesforce.boss WHERE name = 'child'")


def test_a_refresh_comes_on_the_mappings_own_schedule(sides: Comparing, isthmus: Isthmus) -> None:
    """Where it has one; all ids are left alone where a person says so."""
    accounts(sides.standin, 1)
    said = isthmus("mapping", "schedule", "Account", "--refresh-minutes", "60", "--full-days", "never")
    assert ["60", "never"] == said.split()[-2:]

    begun = []
    for minutes in (0, 30, 31, 14 * 24 * 60):
        sides.move(60 * minutes)
        begun.append(reconcile.scheduled(sides.comparing, lambda: True))
        for piece in sides.works:
            reconcile.wished(piece, sides.comparing, lambda: True)
        sides.works.clear()

    assert [2, 1, 2, 2] == begun
    assert [["refresh", 3], ["window", 4]] == run(
        sides.database, "SELECT kind::text, count(*) FROM isthmus.reconciliation GROUP BY kind ORDER BY 1"
    )
