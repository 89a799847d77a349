"""What never goes out, and how that is seen; external ids of records that were born without one; lives of one key."""

from datetime import datetime
from typing import Any

import pytest

from common.change import Op
from common.mapping import Field, Kind
from common.postgres.connect import Database
from common.postgres.table import PostgresTable
from tests.fakes.factories import a_change, at
from tests.fakes.org import Record
from tests.integration.accounts import TABLE, log, map_table, rows, run
from tests.integration.claiming import Hand
from tests.integration.test_parents_first import Road

FIELDS = (
    Field("Name", "name", Kind.TEXT),
    Field("Source__c", "source", Kind.TEXT, updateable=False),
    Field("Later__c", "later", Kind.TEXT, createable=False),
    Field(
        "Secret__c", "secret", Kind.TEXT, createable=False, updateable=False
    ),  # masked, computed, or not ours to write
)
LONG_AGO = at(0)
WHOLE = {"name": "n", "source": "s", "later": "l", "secret": "*****"}


@pytest.fixture
def road(database: Database, clock: Hand) -> Road:
    map_table(database, fields=FIELDS)
    return Road(database, clock)


def arrive(road: Road, record: Record, read_at: datetime = LONG_AGO) -> None:
    (mapping,) = road.book.all()
    PostgresTable(road.database).apply(mapping, [road.org.change(record, mapping, read_at)], read=True)


def the_record(road: Road) -> dict[str, Any]:
    (record,) = road.org.alive()
    return dict(record.fields)


def state(database: Database) -> list[tuple[str, str | None]]:
    return [(e["state"], e["last_error"]) for e in log(database)]


def test_a_new_record_gets_only_what_may_be_written(database: Database, road: Road) -> None:
    """Masked, computed and read-only fields stay here; what can only be written later is named."""
    names = ", ".join(WHOLE)
    run(database, f"INSERT INTO {TABLE} (id, {names}) VALUES ('a', {', '.join(':' + n for n in WHOLE)})", **WHOLE)

    road.round()

    assert {"External_Id__c": "a", "Name": "n", "Source__c": "s"} == the_record(road)
    assert [("done", "never_sent: Later__c: can be written once the record is there only")] == state(database)


@pytest.mark.parametrize("column", WHOLE)
def test_an_edit_of_one_column_says_whether_it_went(database: Database, road: Road, column: str) -> None:
    """Done, done without a call and with a reason, or merged with a reason: never silently lost."""
    run(database, f"INSERT INTO {TABLE} (id, name) VALUES ('a', 'n')")
    road.round()
    before = the_record(road)

    run(database, f"UPDATE {TABLE} SET {column} = 'edited' WHERE id = 'a'")
    road.round()

    went = {"name": {"Name": "edited"}, "later": {"Later__c": "edited"}}.get(column, {})
    assert before | went == the_record(road)
    assert {
        "name": ("done", None),
        "later": ("done", None),
        "source": ("done", "never_sent: Source__c: can be written on creation only"),
        "secret": ("merged", "never_sent: secret: Salesforce lets nobody write this"),
    }[column] == state(database)[-1]


def test_an_edit_that_leaves_the_filter_is_still_sent(database: Database, road: Road) -> None:
    """A filter says which records are read; what was edited here goes whatever it becomes."""
    run(database, "UPDATE isthmus.sync_configurations SET filter = 'Name = ''n'''")
    run(database, f"INSERT INTO {TABLE} (id, name) VALUES ('a', 'n')")
    road.round()

    run(database, f"UPDATE {TABLE} SET name = 'other' WHERE id = 'a'")
    road.round()

    assert "other" == the_record(road)["Name"]


def test_the_same_key_lives_twice(database: Database, road: Road) -> None:
    """Deleted and inserted again before anything was sent: the old record goes, a new one comes."""
    run(database, f"INSERT INTO {TABLE} (id, name) VALUES ('a', 'first')")
    road.round()
    run(database, f"DELETE FROM {TABLE}")
    run(database, f"INSERT INTO {TABLE} (id, name) VALUES ('a', 'second')")

    for _ in range(3):
        road.round()

    assert "second" == the_record(road)["Name"]
    assert [True, False] == [r.deleted for r in road.org.records.values()]
    assert {"done"} == {s for s, _ in state(database)}


def test_a_row_that_is_deleted_while_its_insert_is_sent_leaves_no_record(database: Database, road: Road) -> None:
    """The deletion waits for the answer, and takes the id that came with it."""
    run(database, f"INSERT INTO {TABLE} (id, name) VALUES ('a', 'n')")
    road.drain()
    run(database, f"DELETE FROM {TABLE}")

    road.send()
    road.round()

    assert [] == road.org.alive()
    assert {"done"} == {s for s, _ in state(database)}


def test_an_undeleted_record_brings_its_row_back(database: Database, road: Road) -> None:
    """Deleted here, restored there: the row is born anew under its key, once our deletion is through."""
    run(database, f"INSERT INTO {TABLE} (id, name) VALUES ('a', 'n')")
    road.round()
    run(database, f"DELETE FROM {TABLE}")
    road.round()
    (record,) = road.org.records.values()

    road.org.undelete(record.id)
    arrive(road, record, read_at=road.clock())

    assert [{"id": "a", "sfid": record.id, "name": "n"}] == rows(database, f"SELECT id, sfid, name FROM {TABLE}")
    assert {"done"} == {s for s, _ in state(database)}


# -- external ids that nobody gave -----------------------------------------------------------------


def test_a_record_without_external_id_is_addressed_by_its_id(database: Database, road: Road) -> None:
    """Its row has a key of its own; nothing is written back, and edits find the record."""
    record = road.org.records[road.org.create({"Name": "theirs"})]
    arrive(road, record)

    first = road.round()
    run(database, f"UPDATE {TABLE} SET name = 'edited'")
    road.round()

    assert [] == first
    assert {"Name": "edited"} == the_record(road)


@pytest.fixture
def writing_back(database: Database, clock: Hand) -> Road:
    map_table(database, fields=FIELDS, write_back_external_ids=True)
    return Road(database, clock)


def test_a_record_without_external_id_gets_its_rows_key(database: Database, writing_back: Road) -> None:
    """Where the mapping wants it: by its id, once, with whatever else was edited."""
    record = writing_back.org.records[writing_back.org.create({"Name": "theirs"})]
    arrive(writing_back, record)
    arrive(writing_back, record)
    run(database, f"UPDATE {TABLE} SET name = 'edited'")

    writing_back.round()

    [[key]] = run(database, f"SELECT id FROM {TABLE}")
    assert {"Name": "edited", "External_Id__c": key} == the_record(writing_back)
    assert 1 == len(writing_back.org.records)
    assert {"done"} == {s for s, _ in state(database)}


def test_one_with_an_external_id_is_left_alone(database: Database, writing_back: Road) -> None:
    """Nothing to write back."""
    arrive(writing_back, writing_back.org.records[writing_back.org.create({"Name": "n", "External_Id__c": "k"})])

    assert [] == log(database)
    assert [["k"]] == run(database, f"SELECT id FROM {TABLE}")


def test_writing_back_is_no_edit_of_a_person(database: Database, writing_back: Road) -> None:
    """A record that is deleted there before its key came takes its row along."""
    record = writing_back.org.records[writing_back.org.create({"Name": "theirs"})]
    arrive(writing_back, record)
    (mapping,) = writing_back.book.all()

    gone = a_change(record_id=record.id, op=Op.DELETE, fields={}, stamp=record.stamp, read_at=writing_back.clock())
    PostgresTable(database).apply(mapping, [gone], read=True)

    assert [[0]] == run(database, f"SELECT count(*) FROM {TABLE}")
    assert ["merged"] == [s for s, _ in state(database)]
