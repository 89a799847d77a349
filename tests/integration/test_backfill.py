"""First loads from Salesforce: whole, in slices, around edits and deletions, paused, killed and gone on with."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
import requests

from common import rules
from common.errors import Terminal, Transient
from common.flows import backfill
from common.mapping import Direction, Field, Kind
from common.postgres import mappings
from common.postgres.connect import Database
from tests.fakes.factories import a_mapping
from tests.integration.accounts import TABLE, another, log, map_table, rows, run, silently
from tests.integration.families import keys_of_parents, map_family
from tests.integration.loading import FIELDS, Loader, records
from tests.integration.road import Road
from tests.standin.driving import Standin

NASTY = ['"quoted", and comma', "two\nlines", "two\r\nlines", "\\.", "\\N", "null", "'; --", "가Ω🚀", " ", "#N/A"]


@pytest.fixture(scope="module")
def standin() -> Iterator[Standin]:
    with Standin() as running:
        yield running


@pytest.fixture
def org(standin: Standin) -> Standin:
    standin.control("POST", "reset")
    standin.sign_in()
    return standin


@pytest.fixture
def loader(database: Database, org: Standin) -> Iterator[Loader]:
    map_table(database, fields=FIELDS)
    road = Road(database, org, mapped=False)
    yield Loader(database, org, slice_records=100, road=road)
    road.close()


def test_every_record_becomes_a_row(loader: Loader) -> None:
    """In slices, each counted; nothing of it is an edit of ours; values as Salesforce has them."""
    records(loader.standin, 350)

    begun = loader.start()

    assert ["asking", "slice", "slice", "slice", "done"] == loader.run()
    assert 350 == len(loader.here())
    assert loader.there() == loader.here()
    assert [] == log(loader.database)
    told = loader.progress(begun)
    assert ("done", 350, 350, 4, 350) == tuple(told[n] for n in ("state", "done", "records", "slices", "written"))


def test_values_that_look_like_csv_or_sql_arrive_as_they_are(loader: Loader) -> None:
    """Line ends, quotes, COPY's own signs, numbers as Java writes them, and nothing at all."""
    for n, text in enumerate(NASTY):
        loader.standin.create(
            "Account", Name=f"n{n}", Description=text, AnnualRevenue=912260031.25, NumberOfEmployees=n
        )
    loader.standin.create("Account", Name="empty")

    loader.start()
    loader.run()

    assert loader.there() == loader.here()
    empty = rows(loader.database, f"SELECT description, annual_revenue, parent_id FROM {TABLE} WHERE name = 'empty'")
    assert [{"description": None, "annual_revenue": None, "parent_id": None}] == empty


def test_an_object_without_records_is_done_at_once(loader: Loader) -> None:
    begun = loader.start()

    assert ["asking"] == loader.run()
    assert "done" == loader.progress(begun)["state"]


def test_only_records_that_meet_the_filter_come(database: Database, org: Standin) -> None:
    """Planned, asked for and merged are the others only."""
    mapping = map_table(database, fields=FIELDS, filter="NumberOfEmployees >= 10")
    road = Road(database, org, mapped=False)
    loader = Loader(database, org, road=road)
    records(org, 15)

    loader.start()
    loader.run()

    assert 5 == len(loader.here()) == loader.query.count(mapping)
    assert {f"n{n}" for n in range(10, 15)} == {row[0] for row in loader.here().values()}
    road.close()


def test_rules_rule_here_too(database: Database, org: Standin) -> None:
    """Each value as a change would bring it; what a rule has no word for is put aside and buried like any."""
    renamed = rules.read({"map": {"n1": "one", "n2": "two"}})
    fields = (
        replace(FIELDS[0], rules=replace(renamed, exact=True)),
        replace(FIELDS[1], rules=rules.read({"default": "-"})),
    )
    map_table(database, fields=fields)
    road = Road(database, org, mapped=False)
    loader = Loader(database, org, road=road)
    records(org, 4)
    culprit = org.create("Account", Name="one")  # the column's word for another one

    begun = loader.start()
    loader.run()
    loader.arrive()

    assert {("n0", "-"), ("one", "-"), ("two", "-"), ("n3", "-")} == set(loader.here().values())
    assert {culprit} == {o.change.record_id for o in loader.graves.buried}
    assert (5, 4, 1) == tuple(loader.progress(begun)[n] for n in ("records", "written", "aside"))
    road.close()


# -- older and newer -----------------------------------------------------------------------------------


def test_a_newer_row_is_not_overwritten(loader: Loader) -> None:
    """What changed after the query was asked, and arrived before its slice, stays; the same slice twice changes nothing."""
    records(loader.standin, 3)
    begun = loader.start()
    loader.message()  # the answer is complete: a snapshot
    changed = loader.standin.query_all("SELECT Id FROM Account WHERE Name = 'n1'")[0]["Id"]
    loader.road.move(5)
    loader.standin.rest("PATCH", f"sobjects/Account/{changed}", {"Name": "newer"})
    (mapping,) = loader.road.book.of_object("Account")
    loader.table.apply(mapping, loader.org.read(mapping, [changed]).changes, read=True)

    loader.run()

    assert loader.there() == loader.here()
    assert "newer" == loader.here()[changed][0]
    assert (2, 1) == (loader.progress(begun)["written"], loader.progress(begun)["stale"])


def test_a_record_deleted_meanwhile_does_not_come_back(loader: Loader) -> None:
    """Its tombstone sends it the other way, where a read finds it deleted."""
    records(loader.standin, 3)
    begun = loader.start()
    loader.message()
    gone = loader.standin.query_all("SELECT Id FROM Account WHERE Name = 'n1'")[0]["Id"]
    loader.standin.rest("DELETE", f"sobjects/Account/{gone}")
    (mapping,) = loader.road.book.of_object("Account")
    loader.table.apply(mapping, loader.org.read(mapping, [gone], deleted=True).changes, read=True)

    loader.run()
    loader.arrive()

    assert gone not in loader.here()
    assert loader.there() == loader.here()
    assert 1 == loader.progress(begun)["aside"]


def test_edits_that_salesforce_lacks_are_merged_three_ways(loader: Loader) -> None:
    """The edited column stays, what Salesforce changed comes."""
    records(loader.standin, 2)
    loader.start()
    loader.run()
    run(loader.database, f"UPDATE {TABLE} SET phone = 'ours' WHERE name = 'n1'")
    sfid = loader.standin.query_all("SELECT Id FROM Account WHERE Name = 'n1'")[0]["Id"]
    loader.road.move(60)
    loader.standin.rest("PATCH", f"sobjects/Account/{sfid}", {"Description": "theirs"})

    loader.start()
    loader.run()
    loader.arrive()

    (row,) = rows(loader.database, f"SELECT phone, description FROM {TABLE} WHERE sfid = :sfid", sfid=sfid)
    assert {"phone": "ours", "description": "theirs"} == row
    assert [("UPDATE", {"phone": "ours"})] == [(e["change_type"], e["new_data"]) for e in log(loader.database)]


def test_rows_born_here_become_their_records_rows(loader: Loader) -> None:
    """Found by their external ids; no row stands twice."""
    records(loader.standin, 2)
    run(loader.database, f"INSERT INTO {TABLE} (id, name) VALUES ('e-1', 'ours'), ('other', 'ours too')")

    loader.start()
    loader.run()
    loader.arrive()

    found = rows(loader.database, f"SELECT id, sfid IS NULL AS new FROM {TABLE} ORDER BY id")
    assert [("e-0", False), ("e-1", False), ("other", True)] == [(r["id"], r["new"]) for r in found]


def test_one_record_that_the_table_refuses_holds_nobody_back(loader: Loader) -> None:
    """The others are written; it is buried with its reason by the road that changes take."""
    run(loader.database, f"ALTER TABLE {TABLE} ADD CHECK (number_of_employees <> 777)")
    loader.slice_records = 2000
    records(loader.standin, 1500)

    begun = loader.start()
    loader.run()
    loader.arrive()

    assert 1499 == len(loader.here())
    culprit = loader.standin.query_all("SELECT Id FROM Account WHERE Name = 'n777'")[0]["Id"]
    assert {(culprit, "constraint")} == {(o.change.record_id, o.reason) for o in loader.graves.buried}
    assert 0 < loader.progress(begun)["aside"] <= 500


def test_families_find_each_other(database: Database, org: Standin) -> None:
    """Whatever comes first, relationship columns are filled at the end."""
    map_family(database)
    road = Road(database, org, mapped=False)
    loader = Loader(database, org, slice_records=2, road=road)
    parent = org.create("Account", Name="parent", External_Id__c="P")
    org.create("Account", Name="child", External_Id__c="A", ParentId=parent)
    org.create("Contact", LastName="c", External_Id__c="C", AccountId=parent)

    for sobject in ("Contact", "Account"):
        loader.start(sobject=sobject)
        loader.run()

    assert {"P": (None,), "A": ("P",), "C": ("P", None)} == keys_of_parents(database)
    road.close()


# -- pausing, dying, going on --------------------------------------------------------------------------


def test_a_pause_stops_after_a_slice_and_resume_goes_on_there(loader: Loader) -> None:
    records(loader.standin, 250)
    begun = loader.start()
    loader.message(), loader.message()

    loader.backfills.pause(begun.id, True)
    stopped = loader.run()
    told = loader.progress(begun)
    loader.backfills.pause(begun.id, False)
    backfill.carry_on(begun, loader.backfills, loader)

    assert [""] == stopped
    assert ("paused", 100, 250) == (told["state"], told["done"], told["records"])
    assert ["slice", "done"] == loader.run()
    assert loader.there() == loader.here()


class Killed(BaseException):
    """The process is gone."""


@pytest.mark.parametrize("point", ["page", "follow_family", "finish", "publish"])
def test_whoever_dies_in_a_slice_leaves_it_to_the_next(loader: Loader, monkeypatch: Any, point: str) -> None:
    """While it streams, after it merged, after it was done: the message comes again, and no finished slice is repeated."""
    records(loader.standin, 350)
    loader.start()
    loader.message(), loader.message()
    piece = loader.asked[0]
    owner = {"page": loader.query, "follow_family": loader.table, "finish": loader.backfills, "publish": loader}[point]

    def die(*_: object, **__: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(owner, point, die)
        with pytest.raises(Killed):
            loader.message()
    asked: list[str] = []
    page = loader.query.page
    monkeypatch.setattr(
        loader.query, "page", lambda job, place, most: (asked.append(place), page(job, place, most=most))[1]
    )
    loader.asked = [piece, piece]
    loader.run()

    assert loader.there() == loader.here()
    assert len(asked) == len(set(asked)) == (2 if point == "publish" else 3)


def test_a_slice_that_somebody_is_at_is_left_to_him(loader: Loader, settings: Any) -> None:
    """The second message comes again, until the first one's transaction has ended."""
    records(loader.standin, 150)
    begun = loader.start()
    loader.message()
    piece = loader.asked[0]

    with another(settings) as database, Loader(database, loader.standin, road=loader.road).backfills.turn(begun, 1):
        with pytest.raises(Transient, match="slice_taken"):
            loader.message()
    loader.asked = [piece]

    assert ["slice", "done"] == loader.run()


def test_what_breaks_off_leaves_nothing_behind(loader: Loader, monkeypatch: Any) -> None:
    """Half a page's bytes: nothing is written, the connection is opened anew, and the message goes on."""
    records(loader.standin, 50)
    begun = loader.start()
    loader.message()
    piece = loader.asked[0]

    def half(response: requests.Response) -> Iterator[bytes]:
        yield response.content[:3000]
        raise Transient("salesforce_silent", "cut")

    with monkeypatch.context() as patch:
        patch.setattr("common.salesforce.session._chunks", half)
        with pytest.raises(Transient, match="cut"):
            loader.message()
    empty = loader.here()
    loader.asked = [piece]
    loader.run()

    assert {} == empty
    assert ("done", None) == tuple(loader.progress(begun)[n] for n in ("state", "last_error"))
    assert loader.there() == loader.here()


# -- the other direction -------------------------------------------------------------------------------


def fill(database: Database, count: int) -> None:
    """Rows that stood there before anybody captured edits."""
    with silently(database) as tx:
        tx.run(
            f"INSERT INTO {TABLE} (id, name, phone) SELECT 'r-' || n, 'n' || n, n FROM generate_series(1, {count}) n"
        )


def test_rows_that_salesforce_never_had_are_sent(loader: Loader) -> None:
    """In slices, by the road that edits take: records stand there, ids came back, and it is over when all was sent."""
    fill(loader.database, 250)
    run(loader.database, f"UPDATE {TABLE} SET phone = 'edited' WHERE id = 'r-7'")

    begun = loader.start(Direction.PG_TO_SF)
    done = []
    while loader.asked:
        done.append(loader.message() if not loader.road.waiting() else loader.road.send_all())

    assert ["asking", "slice", "slice", "slice", "done"] == [d for d in done if d]
    here, there = ({i: row[:2] for i, row in side.items()} for side in (loader.here(), loader.there()))
    assert there == here
    assert (250, "edited") == (len(here), next(phone for name, phone in here.values() if name == "n7"))
    assert ("done", 249, 249) == tuple(
        loader.progress(begun)[n] for n in ("state", "done", "records")
    )  # one was sent before


def test_a_log_that_is_full_is_emptied_first(loader: Loader, monkeypatch: Any) -> None:
    """A small database must hold it; the message comes again."""
    monkeypatch.setattr(backfill, "MOST_WAITING", 99)
    fill(loader.database, 150)
    loader.start(Direction.PG_TO_SF)
    loader.message(), loader.message()
    piece = loader.asked[-1]

    with pytest.raises(Transient, match="log_full"):
        loader.message()
    loader.road.send_all()
    loader.asked = [piece]
    loader.message()
    loader.road.send_all()
    loader.run()

    assert 150 == len(loader.there())


def test_rows_that_failed_already_are_not_captured_again(loader: Loader) -> None:
    """They wait for a person, who knows why; the others are sent."""
    fill(loader.database, 3)
    run(loader.database, f"UPDATE {TABLE} SET phone = 'refused' WHERE id = 'r-2'")
    run(loader.database, "UPDATE isthmus.change_log SET state = 'failed'")

    begun = loader.start(Direction.PG_TO_SF)
    loader.message(), loader.message()

    assert ["failed", "new", "new"] == sorted(e["state"] for e in log(loader.database))
    assert (2, 1) == (loader.progress(begun)["written"], loader.progress(begun)["stale"])


# -- refusals ------------------------------------------------------------------------------------------


def test_two_at_a_time_are_refused(loader: Loader) -> None:
    loader.start()

    with pytest.raises(Terminal, match="under way already"):
        loader.start()


def test_a_field_mapped_after_the_query_was_asked_ends_it(loader: Loader) -> None:
    """Its column would stay empty, and nobody would know."""
    records(loader.standin, 1)
    begun = loader.start()
    loader.message()
    with loader.database.transaction() as tx:
        tx.run(f"ALTER TABLE {TABLE} ADD COLUMN site text")
        mappings.store_fields(tx, a_mapping(fields=(*FIELDS, Field("Site", "site", Kind.TEXT))))
    loader.road.book.refresh()

    assert ["failed"] == loader.run()
    assert "Site" in loader.progress(begun)["last_error"]


def test_an_answer_that_salesforce_keeps_no_more_ends_it(loader: Loader) -> None:
    """After seven days; what was written stays, and another one may begin."""
    records(loader.standin, 150)
    begun = loader.start()
    loader.message(), loader.message()
    found = loader.backfills.find(begun.id)
    assert found is not None
    loader.query.abandon(found.sf_job)

    assert ["failed"] == loader.run()
    assert (100, "query_failed") == (len(loader.here()), loader.progress(begun)["last_error"].partition(":")[0])
    loader.start()


def test_a_query_that_salesforce_gave_up_is_told(loader: Loader) -> None:
    """With its words, and the backfill is over; another one may begin."""
    records(loader.standin, 1)
    loader.standin.control("POST", "settings", {"bulkSecondsQueued": 3600})
    begun = loader.start()
    with pytest.raises(Transient):
        backfill.step(begun.id, 1, loader.world)
    found = loader.backfills.find(begun.id)
    assert found is not None
    loader.query.abandon(found.sf_job)

    assert ["failed"] == loader.run()
    assert "gone" in loader.progress(begun)["last_error"]
    loader.start()
