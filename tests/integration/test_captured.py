"""Debezium's road into the change log, on a real Postgres: what is logged, what is ours, what is too late."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from common.mapping import Capture, Mapping
from common.ports import Captured
from common.postgres import ddl, mappings
from common.postgres.captured import CaptureLog
from common.postgres.connect import Database
from common.postgres.mappings import MappingBook
from common.postgres.statements import ConfigurationChanged
from tests.integration.accounts import TABLE, at_the_same_time, log, map_table, run, silently
from tests.integration.accounts import another as connected

AT = datetime(2026, 1, 31, 12, tzinfo=UTC)


@pytest.fixture
def account(database: Database) -> Mapping:
    return map_table(database, capture=Capture.DEBEZIUM)


@pytest.fixture
def captures(database: Database, account: Mapping) -> CaptureLog:
    return CaptureLog(database, MappingBook(database))


def here(database: Database) -> int:
    """Where Postgres' log is now."""
    return int(run(database, "SELECT pg_current_wal_insert_lsn() - '0/0'")[0][0])


def an_edit(database: Database, **bent: Any) -> Captured:
    """An edit of the application's, later in the log than all before; bent by the fields given."""
    legal = Captured(TABLE, "a", "UPDATE", {"name": "old"}, {"name": "new"}, here(database) + 8, 4_000_000_000, AT)
    return replace(legal, **bent)


def test_what_it_tells_is_logged_once(database: Database, captures: CaptureLog, account: Mapping) -> None:
    """However often: a restart goes back to what was confirmed last."""
    edit = an_edit(database)

    got = [captures.insert(account, edit) for _ in range(3)]

    (row,) = log(database)
    assert [True, False, False] == got
    assert ("a", "UPDATE", {"name": "old"}, {"name": "new"}) == (
        row["record_id"], row["change_type"], row["old_data"], row["new_data"],
    )  # fmt: skip
    assert AT == row["created_at"]


def test_the_table_costs_the_application_no_log(database: Database, account: Mapping) -> None:
    """Neither an insertion nor an edit is written down in the application's transaction; TRUNCATE is refused still."""
    run(database, f"INSERT INTO {TABLE} (id, name) VALUES ('a', 'b')")
    run(database, f"UPDATE {TABLE} SET name = 'c'")

    assert [] == log(database)
    assert [] == run(database, "SELECT * FROM isthmus.own_transaction")
    with pytest.raises(Exception, match="TRUNCATE"):
        run(database, f"TRUNCATE {TABLE}")


def test_our_own_transactions_are_known(database: Database, captures: CaptureLog, account: Mapping) -> None:
    """What we wrote comes back from Postgres' log and is left out; the next one's edit is not."""
    with silently(database) as tx:
        tx.run(f"INSERT INTO {TABLE} (id) VALUES ('a')")
        tx.run(f"UPDATE {TABLE} SET name = 'ours'")
        ((ours,),) = tx.run("SELECT pg_current_xact_id()::xid::text::bigint")

    assert not captures.insert(account, an_edit(database, transaction=ours))
    assert captures.insert(account, an_edit(database, transaction=ours + 1))


def test_a_rolled_back_transaction_of_ours_leaves_nothing(database: Database, account: Mapping) -> None:
    """Its id may be noted only where it was committed."""
    with pytest.raises(Exception, match="zero"), silently(database) as tx:
        tx.run(f"INSERT INTO {TABLE} (id) VALUES ('a')")
        tx.run("SELECT 1 / 0")

    assert [] == run(database, "SELECT * FROM isthmus.own_transaction")


def test_of_two_edits_the_later_one_stands(database: Database, captures: CaptureLog, account: Mapping) -> None:
    """Whichever comes first: Pub/Sub keeps no order."""
    first = an_edit(database, old={"name": "o", "phone": "1"}, new={"name": "a", "phone": "2"})
    second = replace(first, old={"name": "a"}, new={"name": "b"}, position=first.position + 100)

    captures.insert(account, second)
    captures.insert(account, first)

    assert [{"name": "b"}, {"phone": "2"}] == [row["new_data"] for row in log(database)]


def test_two_who_bring_one_rows_edits_at_once_agree(
    database: Database, captures: CaptureLog, account: Mapping, settings: Any
) -> None:
    """One waits for the other: no column is logged with the older value behind the newer one."""
    edits = [an_edit(database, new={"name": str(n)}, position=here(database) + 8 + n) for n in range(8)]

    def bring(edit: Captured) -> None:
        with connected(settings) as own:
            CaptureLog(own, MappingBook(own)).insert(account, edit)

    at_the_same_time(*[lambda edit=edit: bring(edit) for edit in edits])  # type: ignore[misc]

    names = [row["new_data"]["name"] for row in log(database)]
    assert sorted(names) == names
    assert "7" == names[-1]


def test_a_deletion_leaves_its_tombstone_at_once(database: Database, account: Mapping) -> None:
    """In its own transaction: what is under way from Salesforce must not revive the row meanwhile."""
    run(database, f"INSERT INTO {TABLE} (id, sfid) VALUES ('a', '001000000000001AAA')")
    run(database, f"DELETE FROM {TABLE}")

    assert [["a", "001000000000001AAA", "postgres"]] == run(
        database, "SELECT record_id, sfid, side FROM isthmus.tombstone"
    )


@pytest.mark.parametrize(("has_record", "known", "logged"), [
    (False, False, True), (True, False, False), (False, True, False),
])  # fmt: skip
def test_of_a_snapshot_only_what_salesforce_never_had_is_new(
    database: Database, captures: CaptureLog, account: Mapping, has_record: bool, known: bool, logged: bool
) -> None:
    """A row that has its record, or whose edits are logged already, is left alone where it says what is known: snapshots are taken again."""
    if known:
        captures.insert(account, an_edit(database))
    row = an_edit(database, change_type="INSERT", old={}, new={"name": "new"}, snapshot=True, has_record=has_record)

    assert logged == captures.insert(account, row)


def test_a_new_configuration_is_read_first(database: Database, captures: CaptureLog, account: Mapping) -> None:
    """An edit of a column that was mapped a moment ago is not overlooked."""
    with database.transaction() as tx:
        mappings.set_active(tx, [account.id], False)

    with pytest.raises(ConfigurationChanged):
        captures.insert(account, an_edit(database))


def switch(database: Database, before: Mapping, capture: Capture) -> Mapping:
    """`isthmus mapping capture`."""
    with database.transaction() as tx:
        for statement in ddl.change_capture(before, replace(before, capture=capture)):
            tx.run_bound(statement)
        mappings.set_capture(tx, before, capture)
        return mappings.read(tx)[0]


def test_from_debezium_to_the_trigger_and_back_nothing_is_logged_twice_or_never(database: Database) -> None:
    """Each edit is logged by who captured when it was made, however late it is told."""
    account = map_table(database, capture=Capture.DEBEZIUM)
    captures = CaptureLog(database, MappingBook(database))
    run(database, f"INSERT INTO {TABLE} (id, name) VALUES ('a', '1')")
    before = here(database) - 1

    account = switch(database, account, Capture.TRIGGER)
    run(database, f"UPDATE {TABLE} SET name = '2'")
    after = here(database)
    told = [
        captures.insert(account, an_edit(database, record_id=r, position=p)) for r, p in (("b", before), ("c", after))
    ]
    account = switch(database, account, Capture.DEBEZIUM)
    told += [captures.insert(account, an_edit(database, record_id=r, position=p))
             for r, p in (("d", after), ("e", here(database)))]  # fmt: skip
    run(database, f"UPDATE {TABLE} SET name = '3'")

    assert [True, False, False, True] == told
    assert ["a", "b", "e"] == [row["record_id"] for row in log(database)]


@pytest.mark.parametrize("capture", list(Capture))
def test_a_deleted_mapping_leaves_the_table_as_it_was(database: Database, capture: Capture) -> None:
    """No trigger of ours, and Postgres' own log as small as before."""
    account = map_table(database, capture=capture)
    with database.transaction() as tx:
        for statement in ddl.end_capture(account):
            tx.run_bound(statement)
        mappings.delete(tx, account)

    triggers = "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal AND tgrelid = to_regclass(:table)"
    identity = "SELECT relreplident::text FROM pg_class WHERE oid = to_regclass(:table)"
    with database.transaction() as tx:
        assert [] == tx.run(triggers, table=TABLE)
        assert [["d"]] == tx.run(identity, table=TABLE)
