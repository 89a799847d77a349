"""Comparisons: what was missed is found, and both sides are equal; what cannot be seen stays."""

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from common.errors import Transient
from common.flows import reconcile
from common.work import Work, resync
from tests.integration.accounts import TABLE, run
from tests.integration.comparing import Comparing, accounts
from tests.standin.driving import Standin

Isthmus = Callable[..., str]


@pytest.fixture(scope="module")
def standin() -> Iterator[Standin]:
    with Standin() as running:
        yield running


# -- windows -------------------------------------------------------------------------------------


def test_a_window_finds_what_no_message_told(sides: Comparing) -> None:
    """New, changed, deleted, undeleted and merged records; the next window finds nothing."""
    one, two, three, loser = accounts(sides.standin, 4)
    first = sides.window()
    assert ({"compared": 4, "missing": 4}, True) == (first, sides.equal())

    sides.standin.rest("PATCH", f"sobjects/Account/{one}", {"Phone": "2"})
    sides.standin.rest("DELETE", f"sobjects/Account/{two}")
    sides.standin.control("POST", f"records/{three}/merge", {"losers": [loser], "values": {"Site": "merged"}})
    second = sides.window()
    assert ({"compared": 4, "older": 2, "gone": 2}, True) == (second, sides.equal())

    sides.standin.control("POST", f"records/{two}/undelete")
    third = sides.window()
    assert ({"compared": 4, "missing": 1}, True) == (third, sides.equal())
    assert {"compared": 4} == sides.window()


def test_a_window_goes_on_where_its_slice_ended(sides: Comparing, monkeypatch: pytest.MonkeyPatch) -> None:
    """Page by page, though all records share one second; each is compared once."""
    monkeypatch.setattr("common.salesforce.census.PAGE", 3)
    monkeypatch.setattr(reconcile, "CHUNK", 3)
    accounts(sides.standin, 10)
    number = reconcile.begin(sides.mapping, "test", sides.hand(), sides.comparing)
    run(
        sides.database,
        "UPDATE isthmus.reconciliation SET since = since - interval '1 hour', until = until + interval '1 hour'",
    )

    endings = [reconcile.step(number, sides.comparing, lambda: False) for _ in range(4)]
    sides.read_published()

    assert ["again", "again", "again", "done"] == endings
    assert ({"compared": 10, "missing": 10}, True) == (sides.found(number), sides.equal())


def test_what_is_being_edited_or_deleted_here_is_left_to_the_merge(sides: Comparing) -> None:
    """An edit that waits keeps its column; a deletion that waits is no missing row; a new row has no record yet."""
    kept, going = accounts(sides.standin, 2)
    sides.window()
    run(sides.database, f"UPDATE {TABLE} SET phone = 'ours' WHERE sfid = :sfid", sfid=kept)
    run(sides.database, f"DELETE FROM {TABLE} WHERE sfid = :sfid", sfid=going)
    run(sides.database, f"INSERT INTO {TABLE} (id, name) VALUES ('new', 'new')")
    sides.standin.rest("PATCH", f"sobjects/Account/{kept}", {"Site": "theirs"})

    found = sides.window(), sides.full()

    assert ({"compared": 2, "older": 1}, {"compared": 2}) == found
    assert [["theirs", "ours"]] == run(sides.database, f"SELECT site, phone FROM {TABLE} WHERE sfid = :sfid", sfid=kept)
    assert [None, kept] == [r[0] for r in run(sides.database, f"SELECT sfid FROM {TABLE} ORDER BY sfid NULLS FIRST")]


def test_a_filter_decides_who_has_a_row(sides: Comparing, isthmus: Isthmus) -> None:
    """Records outside are not missing; one that left takes its row along."""
    inside, leaves, outside = accounts(sides.standin, 3)
    sides.standin.rest("PATCH", f"sobjects/Account/{outside}", {"Phone": "9"})
    run(sides.database, "UPDATE isthmus.sync_configurations SET filter = 'Phone != ''9'''")
    sides.book.refresh()
    first = sides.window()
    sides.standin.rest("PATCH", f"sobjects/Account/{leaves}", {"Phone": "9"})

    second = sides.full()

    assert ({"compared": 3, "missing": 2}, {"compared": 1, "gone": 1}) == (first, second)
    assert [inside] == sides.keys()


# -- all records ---------------------------------------------------------------------------------


@pytest.mark.parametrize("sizes", [{}, {"slice_rows": 3, "rest_rows": 2}], ids=["rest", "bulk"])
def test_all_records_are_compared_by_rest_or_by_bulk(sides: Comparing, sizes: dict[str, int]) -> None:
    """In slices by id; rows whose records are nowhere go, once nothing can be hidden from us."""
    ids = accounts(sides.standin, 10)
    sides.window()
    sides.comparing = replace(sides.comparing, **sizes)
    for n in (1, 4):
        sides.standin.rest("DELETE", f"sobjects/Account/{ids[n]}")
    sides.standin.control("DELETE", "deleted")
    sides.standin.rest("DELETE", f"sobjects/Account/{ids[7]}")
    sides.standin.rest("PATCH", f"sobjects/Account/{ids[8]}", {"Phone": "2"})
    new = accounts(sides.standin, 2)

    blind = sides.full()
    assert {"compared": 9, "missing": 2, "older": 1, "gone": 1, "unseen": 2} == blind
    assert sorted({*ids, *new} - {ids[7]}) == sorted(sides.keys())

    sides.grant_view_all()
    assert ({"compared": 9, "purged": 2}, True) == (sides.full(), sides.equal())


def test_a_hidden_record_is_not_deleted(sides: Comparing) -> None:
    """It is counted and shown; the row stays."""
    hidden, _ = accounts(sides.standin, 2)
    sides.window()
    sides.standin.control("POST", "access", {"username": "integration@standin.test", "records": [hidden]})

    assert {"compared": 1, "unseen": 1} == sides.full()
    assert 2 == len(sides.keys())


# -- slices and wishes ---------------------------------------------------------------------------


def test_a_wish_becomes_runs_and_each_run_goes_on_by_itself(sides: Comparing) -> None:
    """Repeated wishes are one; a slice that somebody else is at comes again later; one that has ended is done with."""
    accounts(sides.standin, 3)
    for _ in range(2):
        reconcile.wished(resync("Account", "overflow"), sides.comparing, lambda: True)
    assert 1 == len({tuple(w.body.items()) for w in sides.works})

    (slice_, *_) = sides.works
    sides.comparing.runs.turn(slice_.body["run"])
    with pytest.raises(Transient, match="being_compared"):
        reconcile.wished(slice_, sides.comparing, lambda: True)
    sides.move(660)  # whoever took it has died
    reconcile.wished(slice_, sides.comparing, lambda: True)
    reconcile.wished(slice_, sides.comparing, lambda: True)
    sides.read_published()

    assert ({"compared": 3, "missing": 3}, True) == (sides.found(slice_.body["run"]), sides.equal())


def test_the_schedule_compares_windows_and_asks_for_the_rest(sides: Comparing) -> None:
    """A window each time, all ids once a week; what changed a moment ago is left to the next window."""
    accounts(sides.standin, 2)
    assert 1 == reconcile.scheduled(sides.comparing, lambda: True)
    assert [] == sides.topic.take()

    sides.move(7 * 24 * 3600)
    assert 2 == reconcile.scheduled(sides.comparing, lambda: True)
    sides.read_published()

    assert sides.equal()
    assert [["full", "running"], ["window", "done"], ["window", "done"]] == run(
        sides.database, "SELECT kind::text, state::text FROM isthmus.reconciliation ORDER BY 1, 2"
    )
    assert [Work] == [type(w) for w in sides.works]


def test_a_run_that_salesforce_refuses_fails_visibly(sides: Comparing) -> None:
    """And does not come again by itself."""
    sides.standin.control("POST", "faults", {
        "status": 400, "match": "queryAll", "times": 1, "errorCode": "MALFORMED_QUERY", "message": "unexpected token",
    })  # fmt: skip

    found = sides.window()

    assert "failed" == found["state"]
    assert "MALFORMED_QUERY" in found["last_error"]
