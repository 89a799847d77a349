"""Debezium tells late: what arrives from Salesforce waits for a row's edits, and no edit is lost to an echo of our own."""

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from itertools import permutations
from typing import Any

import pytest

from common import clock as clocks
from common.change import Change
from common.errors import Transient
from common.flows import to_salesforce
from common.flows.drain import merge
from common.mapping import Capture, Mapping, Policy
from common.postgres import ddl, mappings
from common.postgres.connect import Database
from common.postgres.mappings import MappingBook
from common.postgres.table import PostgresTable
from tests.fakes.org import FakeOrg
from tests.integration.accounts import FIELDS, TABLE, endings, map_table, record, run, sfid
from tests.integration.arrivals import SOON, conflicts, gone, open_edits
from tests.integration.claiming import CALL, Hand, a_log, claim_and_take, sent
from tests.integration.wal import Wal


@pytest.fixture
def account(database: Database) -> Mapping:
    return map_table(database, capture=Capture.DEBEZIUM)


@pytest.fixture
def wal(database: Database, account: Mapping) -> Wal:
    return Wal(database)


def arrived(table: PostgresTable, account: Mapping, *changes: Change, read: bool = True) -> list[str]:
    return endings(table.apply(account, changes, read=read))


def told(wal: Wal, table: PostgresTable, account: Mapping, name: str = "0") -> None:
    """The first account stands on both sides, and everything was told."""
    assert ["applied"] == arrived(table, account, theirs(name, hours=-2))
    wal.tell_all()


def theirs(name: str, hours: int = 0, **fields: Any) -> Change:
    """What a read finds, so many hours from now."""
    stamp = clocks.now().replace(microsecond=0) + timedelta(hours=hours)
    return record(stamp=stamp, read_at=stamp + timedelta(seconds=5), Name=name, **fields)


def edit(database: Database, *names: str) -> None:
    """As the application does, each in a transaction of its own."""
    for name in names:
        run(database, f"UPDATE {TABLE} SET name = :name", name=name)


def the_name(database: Database) -> Any:
    ((name,),) = run(database, f"SELECT name FROM {TABLE}")
    return name


@pytest.mark.parametrize("read", [True, False])
def test_what_arrives_waits_for_an_edit_that_was_not_told(
    database: Database, wal: Wal, table: PostgresTable, account: Mapping, read: bool
) -> None:
    """The row keeps the edit; once it is in the log both sides are merged as ever."""
    told(wal, table, account)
    edit(database, "1")

    (waits,) = table.apply(account, [theirs("0", 1, Phone="theirs")], read=read)
    kept = the_name(database)
    wal.tell_all()
    ended = arrived(table, account, theirs("0", 1, Phone="theirs"), read=read)

    assert ("later", "capture_behind", "1") == (waits.outcome.ending, waits.outcome.reason, kept)  # type: ignore[union-attr]
    assert ["merged"] == ended
    assert [["1", "theirs"]] == run(database, f"SELECT name, phone FROM {TABLE}")
    assert [("UPDATE", {"name": "1"})] == open_edits(database)


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_the_echo_of_an_earlier_edit_beats_no_later_one(
    database: Database, wal: Wal, table: PostgresTable, account: Mapping, order: Sequence[int]
) -> None:
    """Five edits, two of them sent, the others told in any order, the echo between each: the fifth stands, no conflict."""
    told(wal, table, account)
    edit(database, "1", "2")
    wal.tell_all()
    now = a_log(database, Hand())
    (owed,) = claim_and_take(now)
    now.settle(account, [sent(owed)])
    edit(database, "3", "4", "5")
    envelopes = [e for e in wal.take() if b'"name": "2"' not in e.split(b'"after"')[1]]
    echo = theirs("2", 1)

    endings_meanwhile = []
    for n in order:
        endings_meanwhile += arrived(table, account, echo)
        wal.tell(envelopes[n])
    ended = arrived(table, account, echo)

    assert ["later"] * 3 == endings_meanwhile
    assert ["merged"] == ended
    assert "5" == the_name(database)
    assert "5" == open_edits(database)[-1][1]["name"]
    assert [] == conflicts(database)


def test_a_newer_edit_of_salesforces_still_wins(
    database: Database, wal: Wal, table: PostgresTable, account: Mapping
) -> None:
    """Told late, an edit is judged by the time of its commit."""
    told(wal, table, account)
    edit(database, "ours")
    assert ["later"] == arrived(table, account, theirs("theirs", 1))
    wal.tell_all()

    ended = arrived(table, account, theirs("theirs", 1))

    assert ["merged"] == ended
    assert "theirs" == the_name(database)
    assert [["Name", "0", "ours", "theirs", "salesforce"]] == conflicts(database)


def test_our_own_note_upon_the_row_hides_no_edit(
    database: Database, wal: Wal, table: PostgresTable, account: Mapping
) -> None:
    """What we write down of a send is the row's last writer, and says nothing of the edit below."""
    told(wal, table, account)
    edit(database, "1")
    wal.tell_all()
    now = a_log(database, Hand())
    (owed,) = claim_and_take(now)
    edit(database, "2")
    now.settle(account, [sent(owed)])

    assert ["later"] == arrived(table, account, theirs("1", 1))
    assert "2" == the_name(database)


def test_an_edit_behind_a_savepoint_is_known_when_told(
    database: Database, wal: Wal, table: PostgresTable, account: Mapping
) -> None:
    """The row's xmin is a subtransaction's, which Debezium does not tell."""
    told(wal, table, account)
    with database.transaction() as tx:
        tx.run("SAVEPOINT one")
        tx.run(f"UPDATE {TABLE} SET name = '1'")
        tx.run("RELEASE one")
        tx.run(f"SELECT FROM {TABLE} FOR UPDATE")
    before = arrived(table, account, theirs("0", 1))
    wal.tell_all()

    assert (["later"], ["merged"]) == (before, arrived(table, account, theirs("0", 1)))


def test_a_row_born_here_is_adopted_when_its_birth_was_told(
    database: Database, wal: Wal, table: PostgresTable, account: Mapping
) -> None:
    """What it says is an edit like any other."""
    run(database, f"INSERT INTO {TABLE} (id, name) VALUES ('a', 'born')")
    before = arrived(table, account, theirs("other", -1, External_Id__c="a"))
    wal.tell_all()
    after = arrived(table, account, theirs("other", -1, External_Id__c="a"))

    assert (["later"], ["merged"]) == (before, after)
    assert "born" == the_name(database)


def test_a_deletion_that_was_not_told_revives_nothing(
    database: Database, wal: Wal, table: PostgresTable, account: Mapping
) -> None:
    """A read finds the record alive, for nobody could tell Salesforce yet."""
    told(wal, table, account)
    run(database, f"DELETE FROM {TABLE}")
    before = arrived(table, account, theirs("0", -1))
    wal.tell_all()
    after = arrived(table, account, theirs("0", -1))

    assert (["later"], ["dead"]) == (before, after)
    assert [("DELETE", None)] == open_edits(database)


def test_a_deletion_there_waits_too(database: Database, wal: Wal, table: PostgresTable, account: Mapping) -> None:
    """Whether the edit outlives it, the policy says, and that must know the edit."""
    told(wal, table, account)
    edit(database, "1")

    ended = arrived(table, account, gone(stamp=SOON))

    assert (["later"], "1") == (ended, the_name(database))


def test_what_is_told_again_later_holds_nothing_back(
    database: Database, wal: Wal, table: PostgresTable, account: Mapping
) -> None:
    """A connector that restarts tells edits that were followed by others long ago."""
    told(wal, table, account)
    edit(database, "1")
    old = wal.take()
    wal.tell(*old)
    arrived(table, account, theirs("2", 1))
    wal.tell(*wal.take(), *old)

    assert ["applied"] == arrived(table, account, theirs("3", 2), read=False)
    assert [] == run(database, "SELECT FROM isthmus.captured_edit")


def test_a_row_born_again_under_its_key_is_known(
    database: Database, wal: Wal, table: PostgresTable, account: Mapping
) -> None:
    """Whatever is told first: its birth, or the end of its life before."""
    told(wal, table, account)
    run(database, f"UPDATE {TABLE} SET name = 'x'")
    key = run(database, f"DELETE FROM {TABLE} RETURNING id")[0][0]
    run(database, f"INSERT INTO {TABLE} (id, name) VALUES (:key, 'again')", key=key)
    wal.tell(*reversed(wal.take()))

    assert ["merged"] == arrived(table, account, of_another(theirs("other", -1, External_Id__c=key)))


def of_another(change: Change) -> Change:
    return replace(change, record_id=sfid(2))


def test_what_a_trigger_adds_to_our_own_write_is_known_when_told(database: Database, table: PostgresTable) -> None:
    """It is written after our statement, in our transaction."""
    extra = f"""
        CREATE FUNCTION public.stamp() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN UPDATE {TABLE} SET source = 'stamped ' || NEW.name WHERE id = NEW.id; RETURN NULL; END $$;
        CREATE TRIGGER b_stamp AFTER INSERT OR UPDATE OF name ON {TABLE} FOR EACH ROW EXECUTE FUNCTION public.stamp()
    """
    account = map_table(database, capture=Capture.DEBEZIUM, extra=extra)
    wal = Wal(database)
    told(wal, table, account)

    assert ["applied"] == arrived(table, account, theirs("1", 1), read=False)


def test_rows_that_stood_there_when_debezium_began_are_known(database: Database, table: PostgresTable) -> None:
    """Their edits were captured by the trigger."""
    account = map_table(database)
    arrived(table, account, theirs("0", -2))
    with database.transaction() as tx:
        for statement in ddl.change_capture(account, replace(account, capture=Capture.DEBEZIUM)):
            tx.run_bound(statement)
        mappings.set_capture(tx, account, Capture.DEBEZIUM)
        (account,) = mappings.read(tx)

    assert ["applied"] == arrived(table, account, theirs("1", 1), read=False)


def test_with_the_trigger_nothing_of_this_is_kept(database: Database, table: PostgresTable) -> None:
    """Nor asked: what arrives costs what it did."""
    account = map_table(database)
    arrived(table, account, theirs("0"))

    assert "known_row" not in table.apply_statement(account, [])
    assert [] == run(database, "SELECT FROM isthmus.known_row")


def test_where_salesforce_wins_a_send_waits_for_the_edits_before(database: Database, clock: Hand) -> None:
    """Told first, the last edit would meet a value that it did not find, and lose against our own."""
    account = map_table(database, capture=Capture.DEBEZIUM, policy=Policy.SALESFORCE_WINS, fields=FIELDS[:1])
    wal, table, change_log = Wal(database), PostgresTable(database), a_log(database, clock)
    org = FakeOrg(clocks.now, clocks.now, lambda record: None)
    number = org.create({"Name": "0"})
    world = to_salesforce.World(MappingBook(database), change_log, org, clocks.now, CALL, table)
    table.apply(account, org.read(account, [number]).changes, read=True)
    wal.tell_all()
    edit(database, "1", "2")
    first, second = wal.take()

    wal.tell(second)
    changes = change_log.claim(1000, merge).changes
    with pytest.raises(Transient, match="capture_behind"):
        to_salesforce.apply(changes, world)
    wal.tell(first)
    to_salesforce.apply(changes, world)

    assert "2" == org.records[number].fields["Name"]
    assert [] == conflicts(database)


def test_a_snapshot_that_is_taken_anew_loses_no_edit(
    database: Database, wal: Wal, table: PostgresTable, account: Mapping
) -> None:
    """A connector that lost its place goes on behind the edits that it had not told: its snapshot has them."""
    told(wal, table, account)
    edit(database, "1")
    wal.tell_all()
    edit(database, "2", "3")
    held = json.loads(wal.take()[-1])

    got = wal.tell(*2 * [json.dumps(held | {"op": "r", "before": None}).encode()])

    assert [True, False] == got
    assert [("UPDATE", {"name": "1"}), ("UPDATE", {"name": "3"})] == open_edits(database)
    assert ["merged"] == arrived(table, account, theirs("0", 1))
    assert "3" == the_name(database)
