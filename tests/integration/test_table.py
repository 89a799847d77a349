"""Complete changes become rows: which version wins, and what stops one of them stops none of the others."""

from datetime import UTC
from typing import Any

import pytest

from common import config
from common.flows.drain import merge
from common.mapping import Direction, Field, Kind, Mapping
from common.ports import Verdict
from common.postgres import mappings
from common.postgres.change_log import ChangeLog
from common.postgres.connect import Database
from common.postgres.mappings import MappingBook
from common.postgres.statements import ConfigurationChanged
from common.postgres.table import PostgresTable
from tests.fakes.factories import at
from tests.integration.accounts import (
    TABLE,
    another,
    at_the_same_time,
    endings,
    insert,
    log,
    map_table,
    record,
    row,
    run,
    sfid,
    silently,
)
from tests.integration.arrivals import LONG_AGO, SEEN, Apply, found, gone, the_row

# -- values and versions -------------------------------------------------------------------------


def test_a_record_becomes_a_row(database: Database, apply: Apply) -> None:
    """Every kind, written as Salesforce writes it; nothing of it enters the change log."""
    change = record(
        Name="한강 🚢 O'Neill \\ \"x\"", Phone="", AnnualRevenue="9.12E8", NumberOfEmployees="5030396.0", Active__c="true",
        Founded__c="1900-01-01", Seen__c="2026-03-29T02:30:00.123+0000", Opens__c="23:59:59.999Z",
        ParentId="001000000000001", Score__c="0.10",
    )  # fmt: skip

    ended = apply(change)

    found = the_row(database)
    assert ["applied"] == ended
    assert ('한강 🚢 O\'Neill \\ "x"', None, 912000000, 5030396, True) == tuple(
        found[c] for c in ("name", "phone", "annual_revenue", "number_of_employees", "active")
    )
    assert ("1900-01-01", "2026-03-29T02:30:00.123000+00:00", "23:59:59.999000", sfid(1), "0.10") == (
        found["founded"].isoformat(), found["seen"].astimezone(UTC).isoformat(), found["opens"].isoformat(),
        found["parent_id"], str(found["score"]),
    )  # fmt: skip
    assert [] == log(database)
    assert [["SF_TO_PG", 1]] == run(database, "SELECT direction, synced_count FROM isthmus.sync_metrics")


@pytest.mark.parametrize(
    ("second", "ended", "name"),
    [
        ({"stamp": at(1)}, "applied", "second"),
        ({"stamp": at(-1)}, "stale", "first"),
        ({"stamp": at(0), "read_at": at(5)}, "applied", "second"),
        ({"stamp": at(0), "Name": "first"}, "stale", "first"),
        ({"stamp": at(0)}, "read", "first"),  # two edits shared a second, and neither was read
    ],
)
def test_the_newer_version_wins(
    database: Database, apply: Apply, second: dict[str, Any], ended: str, name: str
) -> None:
    """By stamp, then by when the read began; order of arrival decides nothing; a tie asks for a read."""
    apply(record(Name="first"))

    assert [ended] == apply(record(**({"Name": "second"} | second)))
    assert name == the_row(database)["name"]


def test_a_read_beats_the_push_of_its_second(database: Database, apply: Apply) -> None:
    """Pushed with the stamp of what was read: equal is old news, different asks for another read."""
    apply(record(Name="read", read_at=at(0.5)))

    assert ["stale", "read"] == [*apply(record(Name="read")), *apply(record(Name="pushed"))]
    assert ["stale"] == apply(record(Name="earlier read", read_at=at(0.3)))
    assert "read" == the_row(database)["name"]


def test_what_is_older_than_our_own_write_is_a_hint(database: Database, apply: Apply) -> None:
    """Salesforce may have changed what we wrote: whatever was seen before our write is read again."""
    insert(database, "a", 1, name="ours", isthmus_written_at=at(10).isoformat(), **SEEN)

    assert ["read"] == apply(record(Name="echo", stamp=at(9)))
    assert ["read"] == apply(record(Name="begun too early", stamp=at(9), read_at=at(9.5)), read=True)
    assert ["applied"] == apply(record(Name="trimmed", stamp=at(9), read_at=at(11)), read=True)
    assert "trimmed" == the_row(database)["name"]


def test_one_record_many_times_in_a_batch(database: Database, apply: Apply) -> None:
    """The newest is written, the older ones are stale; equal versions with different values ask for a read."""
    batch = [record(Name=str(n), stamp=at(n)) for n in (1, 3, 2)]
    twins = [record(2, Name="x"), record(2, Name="y"), record(2, Name="x")]

    assert ["stale", "applied", "stale"] == apply(*batch)
    assert ["applied", "read", "stale"] == apply(*twins)
    assert "3" == the_row(database)["name"]


def test_big_batches(database: Database, apply: Apply) -> None:
    """More than one statement takes: all of it arrives, in the order of the asking."""
    changes = [record(n, Name=f"n{n}") for n in range(1201)]

    assert ["applied"] * 1201 == apply(*changes)
    assert ["stale"] * 1201 == apply(*reversed(changes))
    assert [[1201]] == run(database, f"SELECT count(*) FROM {TABLE} WHERE name = 'n' || substr(sfid, 10, 6)::int")


def test_nothing_is_nothing(apply: Apply) -> None:
    """An empty batch is no trouble."""
    assert [] == apply()


# -- bad neighbours ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("extra", "poison", "reason"),
    [
        ("SELECT", {"AnnualRevenue": "twelve"}, "value_refused"),
        ("SELECT", {"NumberOfEmployees": "99999999999"}, "value_refused"),
        ("SELECT", {"Founded__c": "2026-02-30"}, "value_refused"),
        ("SELECT", {"Name": "nul \0"}, "value_refused"),
        (f"ALTER TABLE {TABLE} ALTER phone SET NOT NULL", {"Phone": None}, "constraint"),
        (f"ALTER TABLE {TABLE} ADD CHECK (phone <> 'bad')", {"Phone": "bad"}, "constraint"),
        (f"CREATE UNIQUE INDEX ON {TABLE} (phone)", {"Phone": "taken"}, "constraint"),
    ],
)
def test_one_bad_record_never_holds_back_its_batch(
    database: Database, apply: Apply, extra: str, poison: dict[str, Any], reason: str, table: PostgresTable,
    account: Mapping,
) -> None:  # fmt: skip
    """The good ones commit, the bad one fails with its reason."""
    run(database, extra)
    insert(database, "other", 99, phone="taken")
    batch = [record(n, Phone=f"p{n}") for n in range(20)]
    batch[13] = record(13, **({"Phone": "p13"} | poison))

    verdicts = table.apply(account, batch)

    assert ["failed" if n == 13 else "applied" for n in range(20)] == [
        "applied" if e == "stale" else e for e in endings(verdicts)
    ]
    assert verdicts[13].outcome is not None
    assert reason == verdicts[13].outcome.reason
    assert [[20]] == run(database, f"SELECT count(*) FROM {TABLE}")


def test_a_child_without_its_parent_waits_alone(database: Database, table: PostgresTable, account: Mapping) -> None:
    """A foreign key of the application's own: the child is tried again later, its neighbours are written now."""
    run(database, f"ALTER TABLE {TABLE} ADD FOREIGN KEY (parent_id) REFERENCES {TABLE} (sfid)")

    verdicts = table.apply(account, [record(n, ParentId=sfid(77) if n == 3 else None) for n in range(8)])

    assert ["later" if n == 3 else "applied" for n in range(8)] == [
        "applied" if e == "stale" else e for e in endings(verdicts)
    ]
    assert [[7]] == run(database, f"SELECT count(*) FROM {TABLE}")


# -- rows born here ------------------------------------------------------------------------------


def test_a_row_born_here_is_found_by_its_external_id(database: Database, apply: Apply) -> None:
    """No second row: the row takes the record's id, whatever is known of it already."""
    insert(database, "born", None, name="Acme")

    assert ["applied"] == apply(record(External_Id__c="born", Name="Acme", Phone="1"))
    assert [["born", sfid(1), "1"]] == run(database, f"SELECT id, sfid, phone FROM {TABLE}")


def test_a_row_born_here_with_edits_is_merged(database: Database, apply: Apply) -> None:
    """What was written here and is not there yet stays."""
    run(database, f"INSERT INTO {TABLE} (id, name) VALUES ('born', 'Ours')")

    assert ["merged"] == apply(record(External_Id__c="born", Name="Ours", Phone="1"))
    assert ("Ours", "1") == tuple(the_row(database)[c] for c in ("name", "phone"))


def test_a_record_born_there_takes_its_external_id_as_key(database: Database, apply: Apply) -> None:
    """Where the field is filled; else a key is minted. It never changes afterwards."""
    apply(record(1, External_Id__c="theirs"), record(2))
    apply(record(1, External_Id__c="renamed", stamp=at(1)))

    assert "theirs" == the_row(database)["id"]
    assert 36 == len(the_row(database, 2)["id"])


def test_only_a_read_replaces_a_records_id(database: Database, apply: Apply) -> None:
    """Deleted and made again under its external id: a late push of either one may not take the row; a read may."""
    insert(database, "a", 1, **SEEN)

    pushed = apply(record(2, External_Id__c="a", Name="second"))
    before = row(database, "a")
    read = apply(found(2, External_Id__c="a", Name="second"), read=True)
    late = apply(record(1, External_Id__c="a", Name="first", stamp=at(5)))

    assert (["read_buried"], ["applied"], ["read_buried"]) == (pushed, read, late)
    assert before is not None and sfid(1) == before["sfid"]
    assert ("a", "second") == tuple(the_row(database, 2)[c] for c in ("id", "name"))


# -- configuration, names, concurrency -----------------------------------------------------------


def test_a_changed_configuration_stops_every_write(database: Database, table: PostgresTable, account: Mapping) -> None:
    """Doors keep mappings in memory: with an old one nothing is written, nothing is deleted."""
    insert(database, "a", 1, name="old", **SEEN)
    with database.transaction() as tx:
        mappings.set_active(tx, [account.id], False)

    for change, read in ((record(Name="x"), False), (found(Name="x"), True), (gone(), True)):
        with pytest.raises(ConfigurationChanged):
            table.apply(account, [change], read=read)

    assert "old" == the_row(database)["name"]


def test_any_name_is_a_name(database: Database, table: PostgresTable) -> None:
    """Reserved words, capitals, quotes, and names that our own statements use inside."""
    names = [
        "n", "stamp", "settled", "sfid2", "external_id", "read_at", "record_id", "select", "Order", 'quo"te', "o'clock",
        "c0", "c1", "verdict", "t", "i", "row", "한글", "a b", "value", "name", "new", "old", "excluded", "{key", "100%",
    ]  # fmt: skip
    fields = tuple(Field(f"F{n}__c", name, Kind.TEXT) for n, name in enumerate(names))
    mapping = map_table(database, table='Odd Schema.My "Table"', fields=fields, direction=Direction.BIDIRECTIONAL)
    here = '"Odd Schema"."My ""Table"""'
    change_log = ChangeLog(database, MappingBook(database), call_seconds=720)

    written = table.apply(mapping, [record(mapping=mapping, External_Id__c="k", **{f.name: f.column for f in fields})])
    with database.transaction() as tx:
        (standing,) = tx.dicts(f"SELECT * FROM {here}")
    run(database, f"""UPDATE {here} SET "quo""te" = 'edited', n = 'edited', "select" = 'edited'""")
    merged = table.apply(
        mapping,
        [record(mapping=mapping, External_Id__c="k", stamp=at(1), **{f.name: f.column for f in fields})],
    )
    (owed,) = change_log.take(change_log.claim(10, merge).changes)
    run(database, f"INSERT INTO {here} (stamp) VALUES ('born'); DELETE FROM {here} WHERE stamp = 'born'")

    assert (["applied"], ["merged"]) == (endings(written), endings(merged))
    assert {name: name for name in names} == {name: standing[name] for name in names}
    assert {"F9__c": "edited", "F0__c": "edited", "F7__c": "edited"} == dict(owed.send.fields)
    assert ["UPDATE", "INSERT", "DELETE"] == [e["change_type"] for e in log(database)]


def test_batches_in_opposite_order_do_not_block_each_other(
    database: Database, settings: config.Database, account: Mapping
) -> None:
    """Locks are taken in one order, whatever the order of the batch: no deadlock, no lost update."""
    for n in range(60):
        insert(database, f"k{(n * 37) % 60:02}", n, **SEEN)

    def write(number: int) -> None:
        with another(settings) as own:
            for turn in range(8):
                numbers = range(120) if number % 2 else reversed(range(120))
                stamp = at(1 + turn * 4 + number)
                batch = [record(n, Name=f"{stamp}", stamp=stamp) for n in numbers]
                PostgresTable(own).apply(account, batch, read=turn % 2 == 1)

    at_the_same_time(*[lambda number=number: write(number) for number in range(4)])  # type: ignore[misc]

    assert [[f"{at(1 + 7 * 4 + 3)}", 120]] == run(database, f"SELECT name, count(*) FROM {TABLE} GROUP BY name")


def test_a_shadowing_function_cannot_hijack_our_statements(database: Database, apply: Apply) -> None:
    """A function that somebody put into `public` under the name of one of Postgres' own is not ours to call."""
    run(
        database,
        """CREATE FUNCTION public.json_to_recordset(text) RETURNS SETOF record LANGUAGE plpgsql AS
               $$ BEGIN RAISE EXCEPTION 'hijacked'; END $$""",
    )

    assert ["applied"] == apply(record(Name="x"))
    assert ["applied"] == apply(found(Name="y", stamp=at(1)), read=True)


def test_every_verdict_has_its_place(table: PostgresTable, database: Database, account: Mapping) -> None:
    """One verdict per change, same order, each about its own change."""
    insert(database, "a", 1, **SEEN)
    with silently(database) as tx:
        tx.run(
            "INSERT INTO isthmus.tombstone (table_name, sfid, side) VALUES (:t, :s, 'salesforce')", t=TABLE, s=sfid(2)
        )
    changes = [record(3), record(2), record(1, stamp=LONG_AGO), record(4, AnnualRevenue="x"), gone(5)]

    verdicts: list[Verdict] = table.apply(account, changes)

    assert ["applied", "read_buried", "stale", "failed", "deleted"] == [
        "applied" if n == 0 and e == "stale" else e for n, e in enumerate(endings(verdicts))
    ]
    assert all(v.outcome.change is c for v, c in zip(verdicts, changes, strict=True) if v.outcome)


DEADLOCK_ONCE = f"""
    CREATE SEQUENCE writes;
    CREATE FUNCTION victim() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF nextval('writes') <= 2 THEN
            RAISE EXCEPTION 'deadlock detected' USING ERRCODE = 'deadlock_detected';
        END IF;
        RETURN NEW;
    END $$;
    CREATE TRIGGER victim BEFORE INSERT OR UPDATE ON {TABLE} FOR EACH ROW EXECUTE FUNCTION victim()"""


@pytest.mark.parametrize("read", [False, True])
def test_the_victim_of_a_deadlock_is_tried_again_at_once(database: Database, apply: Apply, read: bool) -> None:
    """A row born while we took our locks is met out of turn; its deadlock costs a moment, not a delivery."""
    run(database, DEADLOCK_ONCE)

    assert ["applied", "applied"] == apply(record(1, Name="x"), record(2, Name="x"), read=read)
    assert [["x"], ["x"]] == run(database, f"SELECT name FROM {TABLE}")
