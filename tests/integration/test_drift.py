"""Objects that change in Salesforce in mid-stream: what is safe goes on, what is not stops its field alone."""

from collections.abc import Iterator
from typing import Any

import pytest

from common.errors import IsthmusError
from common.flows import drift, refill, to_postgres, upkeep
from common.postgres.connect import Database
from common.postgres.drifts import PostgresLooks
from common.postgres.refills import PostgresRefills
from common.salesforce.shapes import Describing
from tests.integration.accounts import log, rows, run
from tests.integration.both_ways import BothWays, Isthmus
from tests.standin.driving import Standin

TABLE = "salesforce.part"


def part(number: int) -> dict[str, Any]:
    """A fresh object for each test: its fields are changed for good."""
    return {
        "name": f"Part{number}__c",
        "fields": [
            {"name": "Name", "type": "string", "length": 80, "autoNumber": True, "displayFormat": "P-{0000}"},
            {"name": "External_Id__c", "type": "string", "length": 36, "externalId": True, "unique": True},
            {"name": "Title__c", "type": "string", "length": 40},
            {"name": "Size__c", "type": "string", "length": 40},
            {"name": "Color__c", "type": "picklist", "length": 255, "values": ["red", "blue"]},
        ],
    }


class Object(BothWays):
    """Both roads of an object whose fields a test changes."""

    def __init__(self, database: Database, standin: Standin, name: str) -> None:
        super().__init__(database, standin, name)
        self.looks = drift.World(self.book, Describing(self.session), PostgresLooks(database), self.hand)
        noticing = {"notice": drift.Notice(self.looks)}
        self.arriving = to_postgres.World(**{f: getattr(self.arriving, f) for f in self.arriving.__slots__} | noticing)

    def change(self, field: str, **given: Any) -> None:
        """In Setup."""
        self.move(2)
        self.standin.control("POST", f"objects/{self.sobject}/fields/{field}", given)

    def remove(self, field: str) -> None:
        self.move(2)
        self.standin.control("DELETE", f"objects/{self.sobject}/fields/{field}")

    def look(self) -> list[tuple[str, str, bool]]:
        return sorted((d.field, d.what, d.safe) for _, d in drift.look(self.looks))

    def one(self, **fields: Any) -> str:
        plain = {"Title__c": "bolt", "Size__c": "12", "Color__c": "red"}
        return self.standin.create(self.sobject, **plain | fields)

    def row(self, *columns: str) -> tuple[Any, ...]:
        (found,) = rows(self.database, f"SELECT {', '.join(columns)} FROM {TABLE}")
        return tuple(found.values())


@pytest.fixture(scope="module")
def numbers() -> Iterator[int]:
    return iter(range(1, 99))


@pytest.fixture(scope="module")
def standin() -> Iterator[Standin]:
    with Standin() as running:
        running.sign_in()
        yield running


@pytest.fixture
def it(database: Database, standin: Standin, isthmus: Isthmus, numbers: Iterator[int]) -> Iterator[Object]:
    definition = part(next(numbers))
    standin.control("POST", "objects", definition)
    isthmus("mapping", "create", definition["name"], "--yes", "--table", TABLE, "--fields", "Title__c,Size__c,Color__c")
    world = Object(database, standin, definition["name"])
    world.hand.move(-300)  # the command line has a clock of its own, and reads later
    yield world
    world.close()


def test_an_object_that_did_not_change_costs_one_call(it: Object) -> None:
    """Salesforce is asked for what changed since; nothing is written."""
    it.session.org_id
    it.forget_calls()

    assert ([], 1) == (it.look(), it.calls())


def test_what_loses_nothing_is_taken_over(it: Object, standin: Standin, isthmus: Isthmus) -> None:
    """More room, other picklist values, a field that came: noted once, nothing stops, longer values travel at once."""
    it.change("Title__c", length=200)
    it.change("Color__c", values=["red", "green"])
    standin.control("POST", f"objects/{it.sobject}/fields", {"name": "Weight__c", "type": "double", "precision": 18})

    first, again = it.look(), it.look()
    it.read(it.one(Title__c="x" * 200, Color__c="green"))

    assert [("Color__c", "values", True), ("Title__c", "widened", True), ("Weight__c", "added", True)] == first
    assert ([], ("x" * 200, "green")) == (again, it.row("title", "color"))
    said = isthmus("drift", "list", "--all")
    assert all(w in said for w in ("-blue, +green", "40 -> 200", f"`isthmus mapping add-field {it.sobject} Weight__c`"))
    assert "none" in isthmus("drift", "list")


def test_a_renamed_field_is_followed_in_mid_stream(it: Object, database: Database, standin: Standin) -> None:
    """By its durable id, and at the first read that is refused: the column keeps its name, edits under way arrive."""
    record = it.one()
    it.read(record)
    run(database, f"UPDATE {TABLE} SET size = 'edited'")
    (claimed,) = it.drain()
    it.change("Size__c", name="Width__c")
    standin.rest("PATCH", f"sobjects/{it.sobject}/{record}", {"Title__c": "nut"})

    read = it.read(record)
    sent = it.deliver(claimed)
    after = it.read(record)

    assert ["merged", "sent", "applied"] == [o.ending for o in (*read, *sent, *after)]
    assert ("edited", ("nut", "edited")) == (standin.get(it.sobject, record)["Width__c"], it.row("title", "size"))
    assert [("Width__c", "renamed")] == [(r["field"], r["what"]) for r in rows(database, "SELECT * FROM isthmus.drift")]


def test_a_removed_field_stops_alone(it: Object, database: Database, standin: Standin, isthmus: Isthmus) -> None:
    """The others go on both ways; edits of it wait, failed; a person lets it leave the mapping."""
    record = it.one()
    it.read(record)
    it.remove("Size__c")
    standin.rest("PATCH", f"sobjects/{it.sobject}/{record}", {"Title__c": "nut"})

    (read,) = it.read(record)
    run(database, f"UPDATE {TABLE} SET size = 'lost?', color = 'blue'")
    it.send()
    said = isthmus("drift", "list")
    assert "or the user may not see it" in isthmus("status")
    number = rows(database, "SELECT id FROM isthmus.drift WHERE settled_at IS NULL")[0]["id"]
    applied = isthmus("drift", "apply", str(number), "--yes")

    assert ("applied", ("nut", "lost?", "blue")) == (read.ending, it.row("title", "size", "color"))
    assert "blue" == standin.get(it.sobject, record)["Color__c"]
    waiting = [(e["new_data"], e["last_error"]) for e in log(database) if e["state"] == "failed"]
    assert [{"size": "lost?"}] == [data for data, _ in waiting]
    assert "removed in Salesforce" in waiting[0][1]
    assert ("Size__c" in said, "has left the mapping" in applied) == (True, True)
    it.book.refresh()
    assert ({"Title__c", "Color__c"}, ()) == (set(it.book.all()[0].by_name), it.book.all()[0].stopped)


def test_a_retyped_field_stops_until_its_column_is_mended(
    it: Object, database: Database, standin: Standin, isthmus: Isthmus
) -> None:
    """The DDL is shown, and run when a person says so; then the field is read for every row, also on equal stamps."""
    record = it.one()
    it.read(record)
    it.change("Size__c", type="double", precision=18, scale=2)

    noticed = it.look()
    standin.rest("PATCH", f"sobjects/{it.sobject}/{record}", {"Title__c": "nut", "Size__c": 3.5})
    it.read(record)
    stood = it.row("title", "size")
    said = isthmus("drift", "list")
    number = rows(database, "SELECT id FROM isthmus.drift WHERE settled_at IS NULL")[0]["id"]
    isthmus("drift", "apply", str(number), "--yes")

    assert [("Size__c", "retyped", False)] == noticed
    assert ("nut", "12") == stood
    assert 'ALTER TABLE "salesforce"."part" ALTER COLUMN "size" TYPE numeric' in said
    assert [["numeric", "3.5"]] == run(database, f"SELECT pg_typeof(size)::text, size::text FROM {TABLE}")
    it.book.refresh()
    run(database, f"UPDATE {TABLE} SET size = 4.25")
    it.send()
    assert 4.25 == standin.get(it.sobject, record)["Size__c"]


def test_a_field_that_comes_back_goes_on(it: Object, database: Database, standin: Standin) -> None:
    """What was stopped is taken up again, and read for every row; nobody has to do anything."""
    record = it.one()
    it.read(record)
    it.remove("Size__c")
    it.look()
    standin.control("POST", f"objects/{it.sobject}/fields", {"name": "Size__c", "type": "string", "length": 40})
    standin.rest("PATCH", f"sobjects/{it.sobject}/{record}", {"Size__c": "back"})

    found = it.look()

    assert ("Size__c", "restored", True) in found
    assert [{"fields": ["Size__c"]}] == rows(database, "SELECT fields FROM isthmus.refill")
    assert [] == rows(database, "SELECT * FROM isthmus.drift WHERE settled_at IS NULL")
    it.read(record)
    assert ("back",) == it.row("size")


def test_a_renamed_external_id_is_followed(it: Object, database: Database, standin: Standin) -> None:
    """Rows that are born here are sent under its new name."""
    it.change("External_Id__c", name="Key__c")
    it.look()

    run(database, f"INSERT INTO {TABLE} (id, title) VALUES ('born', 'screw')")
    it.send()

    (found,) = standin.query(f"SELECT Title__c FROM {it.sobject} WHERE Key__c = 'born'")
    assert "screw" == found["Title__c"]


def test_a_refusal_that_no_look_heals_is_looked_at_once_a_minute(it: Object) -> None:
    """Each message that comes again would else cost two calls."""
    it.session.org_id
    noticing = drift.Notice(it.looks)
    it.forget_calls()

    first, again = noticing(it.sobject), noticing(it.sobject)
    it.move(61)
    later = noticing(it.sobject)

    assert ([False] * 3, 4) == ([first, again, later], it.calls())


def test_the_hourly_run_tells_of_stopped_fields_and_goes_on_with_refills(
    it: Object, database: Database, standin: Standin, isthmus: Isthmus
) -> None:
    """Once each; an object that is gone keeps nobody from the others."""
    it.read(it.one())
    isthmus("mapping", "add-field", it.sobject, "Name", "--later")
    run(database, "INSERT INTO isthmus.sync_configurations (sf_object_name, pg_table_name, sync_direction, fields) "
        "VALUES ('Aaa__c', 'salesforce.aaa', 'SF_TO_PG', '[]')")  # fmt: skip
    it.remove("Size__c")
    told: list[IsthmusError] = []
    refills = refill.World(PostgresRefills(database), it.world.org, it.topic, it.hand)
    it.book.refresh()

    first = upkeep.run(it.looks, refills, told.append, lambda: True)
    upkeep.run(it.looks, refills, told.append, lambda: True)

    assert {"changed": 1, "filled": 1} == first
    assert ["object_missing", "field_stopped", "object_missing"] == [e.reason for e in told]
    assert f"{it.sobject}.Size__c: removed" in told[1].detail
    assert (standin.query(f"SELECT Name FROM {it.sobject}")[0]["Name"],) == it.row("name")


def test_what_is_ignored_is_told_no_more(it: Object, database: Database, isthmus: Isthmus) -> None:
    it.remove("Size__c")
    it.look()
    number = rows(database, "SELECT id FROM isthmus.drift WHERE settled_at IS NULL")[0]["id"]

    isthmus("drift", "ignore", str(number), "--yes")

    assert "none" in isthmus("drift", "list")
    assert "nothing changed" in isthmus("drift", "look")
    with pytest.raises(SystemExit, match="drift_missing"):
        isthmus("drift", "apply", "99999", "--yes")
