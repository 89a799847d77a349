"""Value rules on both roads: rows say the ruled value, records the one that it came from; nobody quarrels about it."""

from collections.abc import Iterator
from typing import Any

import pytest

from common.change import Ending
from common.postgres.connect import Database
from tests.integration.accounts import log, rows, run
from tests.integration.both_ways import BothWays, Isthmus
from tests.standin.driving import Standin

TICKET: dict[str, Any] = {
    "name": "Ticket__c",
    "fields": [
        {"name": "Name", "type": "string", "length": 80, "autoNumber": True, "displayFormat": "T-{0000}"},
        {"name": "External_Id__c", "type": "string", "length": 36, "externalId": True, "unique": True},
        {"name": "Title__c", "type": "string", "length": 80},
        {"name": "Status__c", "type": "picklist", "length": 255, "values": ["Open", "Closed", "Lost"]},
        {"name": "Due__c", "type": "date"},
        {"name": "Seen__c", "type": "datetime"},
        {"name": "Note__c", "type": "string", "length": 80},
        {"name": "Paid__c", "type": "double", "precision": 18, "scale": 2},
    ],
}
RULED = (
    "--rule", "Title__c:column=headline", "--rule", "Title__c:trim",
    "--rule", "Status__c:map=Open:o,Closed:c",
    "--rule", "Due__c:shift=+1d", "--rule", "Seen__c:shift=-9h",
    "--rule", "Note__c:case=upper", "--rule", "Note__c:default=NONE", "--rule", "Note__c:readonly",
    "--rule", "Paid__c:constant=0", "--rule", "Paid__c:readonly",
)  # fmt: skip
TABLE = "salesforce.ticket"


@pytest.fixture(scope="module")
def standin() -> Iterator[Standin]:
    with Standin() as running:
        running.sign_in()
        running.control("POST", "objects", TICKET)
        yield running


@pytest.fixture
def both(database: Database, standin: Standin) -> Iterator[BothWays]:
    world = BothWays(database, standin, "Ticket__c")
    yield world
    world.close()


def the_row(database: Database) -> tuple[Any, ...]:
    (row,) = rows(database, f"SELECT headline, status, due::text, seen, note, paid::int FROM {TABLE}")
    return tuple(v.isoformat() if hasattr(v, "isoformat") else v for v in row.values())


def a_ticket(standin: Standin, **fields: Any) -> str:
    plain = {
        "Title__c": "Leak", "Status__c": "Open", "Due__c": "2026-01-31", "Seen__c": "2026-01-31T12:00:00.000Z",
        "Note__c": "Call first", "Paid__c": 12.5,
    }  # fmt: skip
    return standin.create("Ticket__c", **plain | fields)


def test_rows_say_the_ruled_values(isthmus: Isthmus, database: Database, both: BothWays, standin: Standin) -> None:
    """Each rule is carried out on the way in; the same record read again changes nothing."""
    isthmus("mapping", "create", "Ticket__c", "--yes", *RULED)
    record = a_ticket(standin)

    first, again = both.read(record), both.read(record)

    assert (["applied"], ["applied"]) == ([o.ending for o in first], [o.ending for o in again])
    assert ("Leak", "o", "2026-02-01", "2026-01-31T03:00:00+00:00", "CALL FIRST", 0) == the_row(database)
    standin.rest("PATCH", f"sobjects/Ticket__c/{record}", {"Note__c": None, "Status__c": "Lost"})
    both.read(record)
    assert ("Lost", "NONE") == tuple(the_row(database)[n] for n in (1, 4))
    assert [] == log(database)


def test_edits_travel_back_through_the_inverse(
    isthmus: Isthmus, database: Database, both: BothWays, standin: Standin
) -> None:
    """What is edited arrives in Salesforce's words; read back it makes no conflict, and nothing is sent again."""
    isthmus("mapping", "create", "Ticket__c", "--yes", *RULED)
    record = a_ticket(standin)
    both.read(record)

    run(database, f"UPDATE {TABLE} SET status = 'c', due = '2026-03-01', seen = '2026-02-01T00:00:00Z', note = 'x'")
    before = both.read(record)  # while the edits wait
    both.send()
    there = standin.get("Ticket__c", record)
    after = both.read(record)

    assert ("Closed", "2026-02-28", "Call first") == (there["Status__c"], there["Due__c"], there["Note__c"])
    assert there["Seen__c"].startswith("2026-02-01T09:00:00")
    assert (Ending.MERGED, Ending.APPLIED) == (before[0].ending, after[0].ending)
    assert [] == rows(database, "SELECT * FROM isthmus.conflict")
    assert ([], "c", "2026-03-01") == (both.drain(), *the_row(database)[1:3])


def test_an_edit_in_salesforces_own_word_is_no_conflict(
    isthmus: Isthmus, database: Database, both: BothWays, standin: Standin
) -> None:
    """`Closed` written into the column arrives as Closed and stands there as `c` afterwards."""
    isthmus("mapping", "create", "Ticket__c", "--yes", *RULED, "--policy", "salesforce_wins")
    record = a_ticket(standin)
    both.read(record)

    run(database, f"UPDATE {TABLE} SET status = 'Closed'")
    both.send()
    run(
        database, "UPDATE isthmus.change_log SET state = 'new', processed_at = NULL, claim = NULL"
    )  # as if its answer was lost
    both.read(record)

    assert ("Closed", "c") == (standin.get("Ticket__c", record)["Status__c"], the_row(database)[1])
    assert [] == rows(database, "SELECT * FROM isthmus.conflict")


def test_a_row_born_here_goes_over_whole(
    isthmus: Isthmus, database: Database, both: BothWays, standin: Standin
) -> None:
    """Every filled field in Salesforce's words; what is read-only stays here."""
    isthmus("mapping", "create", "Ticket__c", "--yes", *RULED)

    run(
        database,
        f"INSERT INTO {TABLE} (id, headline, status, due, note) VALUES ('t', 'New', 'o', '2026-01-01', 'mine')",
    )
    both.send()

    (found,) = standin.query("SELECT Title__c, Status__c, Due__c, Note__c FROM Ticket__c WHERE External_Id__c = 't'")
    assert ("New", "Open", "2025-12-31", None) == tuple(
        found[n] for n in ("Title__c", "Status__c", "Due__c", "Note__c")
    )


def test_towards_salesforce_only_what_cannot_be_undone_is_carried_out(
    isthmus: Isthmus, database: Database, both: BothWays, standin: Standin
) -> None:
    """Where nothing comes back, case, default and constant rule what is sent."""
    isthmus(
        "mapping", "create", "Ticket__c", "--yes", "--direction", "PG_TO_SF", "--rule", "Title__c:case=upper",
        "--rule", "Note__c:default=from us", "--rule", "Paid__c:constant=7", "--rule", "Status__c:map=Open:o",
    )  # fmt: skip

    run(database, f"INSERT INTO {TABLE} (id, title, status) VALUES ('one-way', 'loud', 'o')")
    both.send()

    (found,) = standin.query(
        "SELECT Title__c, Status__c, Note__c, Paid__c FROM Ticket__c WHERE External_Id__c = 'one-way'"
    )
    assert ("LOUD", "Open", "from us", 7) == tuple(found[n] for n in ("Title__c", "Status__c", "Note__c", "Paid__c"))


def test_one_ambiguous_value_stops_its_record_only(
    isthmus: Isthmus, database: Database, both: BothWays, standin: Standin
) -> None:
    """A value that reads like another one's word is kept with its reason; its neighbours are written."""
    isthmus("mapping", "create", "Ticket__c", "--yes", "--rule", "Note__c:map=Yes:ja")
    odd, fine = a_ticket(standin, Note__c="ja"), a_ticket(standin, Note__c="Yes")

    outcomes = both.read(odd, fine)

    assert {("failed", "value_ambiguous"), ("applied", "")} == {(o.ending, o.reason) for o in outcomes}
    assert [{"note": "ja"}] == rows(database, f"SELECT note FROM {TABLE}")


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ("Note__c:case=upper", "case cannot be undone"),
        ("Note__c:default=x", "default cannot be undone"),
        ("Paid__c:constant=1", "constant cannot be undone"),
        ("Status__c:map=Open:o,Closed:o", r"nobody knows which one to send back \(Open and Closed\)"),
        ("Status__c:map=Open:o,*:x", "map cannot be undone"),
        ("Status__c:map=Open:Lost", "'Lost' is a value of its own in Salesforce"),
        ("Due__c:shift=+9h", "a date moves by whole days"),
        ("Paid__c:trim", "trim is for text, and the field is decimal"),
        ("Paid__c:constant=abc", "cannot be undone"),
        ("Title__c:column=sfid", "the column sfid is taken"),
        ("Title__c:column=order", "'order' is no column's name"),
        ("Nothing__c:trim", "Nothing__c is no mapped field"),
        ("Note__c:shout", "shout needs a value"),
        ("Note__c:shout=x", "'shout' is no rule; rules are: trim"),
        ("Seen__c:shift=9 hours", "shift takes a number of d, h or m"),
        ("what is this", "is no rule"),
    ],
)
def test_what_cannot_be_kept_is_refused(isthmus: Isthmus, database: Database, rule: str, words: str) -> None:
    """With the reason, and before anything is made."""
    with pytest.raises(SystemExit, match=words):
        isthmus("mapping", "create", "Ticket__c", "--yes", "--rule", rule)

    assert [[None]] == run(database, "SELECT to_regclass('salesforce.ticket')")


def test_constants_are_of_the_fields_kind(isthmus: Isthmus) -> None:
    with pytest.raises(SystemExit, match="Paid__c: constant 'abc' is no decimal"):
        isthmus(
            "mapping", "create", "Ticket__c", "--yes", "--rule", "Paid__c:constant=abc", "--rule", "Paid__c:readonly"
        )


def test_rules_are_shown(isthmus: Isthmus) -> None:
    """Before they are made, and afterwards."""
    plan = isthmus("mapping", "create", "Ticket__c", "--yes", *RULED)
    listed = isthmus("mapping", "show", "Ticket__c")

    assert 'rule: Status__c -> status: map={"Open": "o", "Closed": "c"}' in plan
    assert all(part in listed for part in ("case=upper, default=NONE, readonly", "shift=-9h", "headline"))
