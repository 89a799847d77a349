"""What a settlement writes down, and which edits need not, or cannot, be sent."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from common import config
from common.change import Op
from common.flows.drain import merge
from common.postgres.change_log import ChangeLog
from common.postgres.connect import Database
from common.postgres.dead_letters import DeadLetters
from tests.integration.accounts import (
    TABLE,
    Background,
    another,
    at_the_same_time,
    insert,
    log,
    row,
    rows,
    run,
    set_log,
    sfid,
    silently,
    wait_for_blocked,
)
from tests.integration.claiming import CALL, Hand, a_log, claim_and_take, failed, keys, sent, states, the, waits

# -- what need not be sent -----------------------------------------------------------------------


def test_inserted_and_deleted_again_is_nothing(database: Database, change_log: ChangeLog) -> None:
    """Neither is sent, if nobody tried."""
    run(database, f"INSERT INTO {TABLE} (id, name) VALUES ('a', 'x')")
    run(database, f"DELETE FROM {TABLE}")

    claimed = change_log.claim(10, merge)

    assert (1, []) == (claimed.records, list(claimed.changes))
    assert [("a", "merged"), ("a", "merged")] == states(database)
    assert all(e["processed"] and e["processed_at"] for e in log(database))


def test_an_attempted_insert_is_deleted_there_too(database: Database, change_log: ChangeLog, clock: Hand) -> None:
    """A lost attempt may have made the record: its deletion is sent."""
    run(database, f"INSERT INTO {TABLE} (id, name) VALUES ('a', 'x')")
    claim_and_take(change_log)
    run(database, f"DELETE FROM {TABLE}")
    clock.move(CALL + 1)

    owed = claim_and_take(change_log)

    assert [(Op.DELETE, None, "a")] == [(o.send.op, o.send.sfid, o.send.external_id) for o in owed]


def test_a_reborn_row_waits_for_its_deletion(database: Database, change_log: ChangeLog) -> None:
    """Deleted and inserted again under its key: first the old record goes, then a new one comes, whole and unnamed."""
    insert(database, "a", 1, name="old", phone="p")
    run(database, f"DELETE FROM {TABLE}")
    run(database, f"INSERT INTO {TABLE} (id, name) VALUES ('a', 'new')")

    first = claim_and_take(change_log)
    change_log.settle(the(change_log), [sent(o) for o in first])
    second = claim_and_take(change_log)
    change_log.settle(the(change_log), [sent(o, sfid(2)) for o in second])

    assert [(Op.DELETE, sfid(1))] == [(o.send.op, o.send.sfid) for o in first]
    assert [(Op.UPSERT, None, {"Name": "new"})] == [(o.send.op, o.send.sfid, dict(o.send.fields)) for o in second]
    assert sfid(2) == row(database, "a")["sfid"]  # type: ignore[index]


def test_a_row_deleted_and_reborn_while_its_record_is_made(database: Database, change_log: ChangeLog) -> None:
    """The id that arrives belongs to the first life: its deletion is sent under it, the second life gets its own."""
    run(database, f"INSERT INTO {TABLE} (id, name) VALUES ('a', 'first')")
    first = claim_and_take(change_log)
    run(database, f"DELETE FROM {TABLE}")
    run(database, f"INSERT INTO {TABLE} (id, name) VALUES ('a', 'second')")

    change_log.settle(the(change_log), [sent(o, sfid(1)) for o in first])
    between = row(database, "a")
    deletion = claim_and_take(change_log)
    change_log.settle(the(change_log), [sent(o) for o in deletion])
    birth = claim_and_take(change_log)
    change_log.settle(the(change_log), [sent(o, sfid(2)) for o in birth])

    assert between is not None and between["sfid"] is None
    assert [(Op.DELETE, "a")] == [(o.send.op, o.send.external_id) for o in deletion]
    assert deletion[0].send.sfid in (sfid(1), None)  # None: found by its external id
    assert [(Op.UPSERT, None)] == [(o.send.op, o.send.sfid) for o in birth]
    assert sfid(2) == row(database, "a")["sfid"]  # type: ignore[index]


def test_a_row_that_was_unborn_once_is_not_dead_later(database: Database, change_log: ChangeLog) -> None:
    """Inserted, deleted before it was sent, inserted again: the record that is made then has no tombstone."""
    run(database, f"INSERT INTO {TABLE} (id, name) VALUES ('a', 'x')")
    run(database, f"DELETE FROM {TABLE}")
    change_log.claim(10, merge)
    run(database, f"INSERT INTO {TABLE} (id, name) VALUES ('a', 'y')")

    change_log.settle(the(change_log), [sent(o, sfid(1)) for o in claim_and_take(change_log)])

    assert [] == run(database, "SELECT FROM isthmus.tombstone WHERE sfid IS NOT NULL")


def test_twice_deleted_while_its_record_is_made(database: Database, change_log: ChangeLog) -> None:
    """Two unnamed tombstones of one key: the id that arrives names one of them, and the settlement stands."""
    run(database, f"INSERT INTO {TABLE} (id, name) VALUES ('a', '1')")
    owed = claim_and_take(change_log)
    for _ in range(2):
        run(database, f"DELETE FROM {TABLE}")
        run(database, f"INSERT INTO {TABLE} (id, name) VALUES ('a', '2')")
    run(database, f"DELETE FROM {TABLE}")

    change_log.settle(the(change_log), [sent(o, sfid(1)) for o in owed])

    assert "done" == states(database)[0][1]
    assert [[sfid(1)]] == run(database, "SELECT sfid FROM isthmus.tombstone WHERE sfid IS NOT NULL")


def test_edits_of_fields_that_cannot_be_written_are_void(database: Database, change_log: ChangeLog) -> None:
    """A read-only field's column may be edited here; nothing of it is sent."""
    insert(database, "a", 1)
    run(database, f"UPDATE {TABLE} SET score = 5")

    claimed = change_log.claim(10, merge)

    assert (1, []) == (claimed.records, list(claimed.changes))
    assert [("a", "merged")] == states(database)


def test_a_field_that_is_written_once_goes_with_the_birth_only(database: Database, change_log: ChangeLog) -> None:
    """Createable, not updateable: part of an insert, left out of an update."""
    insert(database, "b", 2)
    run(database, f"INSERT INTO {TABLE} (id, name, source) VALUES ('a', 'x', 's')")
    run(database, f"UPDATE {TABLE} SET source = 't', name = 'y' WHERE id = 'b'")

    sends = {o.change.record_id: dict(o.send.fields) for o in claim_and_take(change_log)}

    assert {"a": {"Name": "x", "Source__c": "s"}, "b": {"Name": "y"}} == sends


def test_a_record_without_an_id_is_sent_whole(database: Database, change_log: ChangeLog) -> None:
    """An update of a row that Salesforce never had brings every filled column along."""
    with silently(database) as tx:
        tx.run(f"INSERT INTO {TABLE} (id, name, phone, annual_revenue) VALUES ('a', 'x', 'p', 1.5)")
    run(database, f"UPDATE {TABLE} SET name = 'y'")

    (owed,) = claim_and_take(change_log)

    expected = {"Name": "y", "Phone": "p", "AnnualRevenue": "1.5"}
    assert (None, "a", expected) == (owed.send.sfid, owed.send.external_id, dict(owed.send.fields))


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("annual_revenue", "infinity"),
        ("annual_revenue", "NaN"),
        ("seen", "-infinity"),
        ("seen", "0044-03-15 00:00:00 BC"),
        ("seen", "12026-01-01 00:00:00+00"),
        ("seen", "9999-12-31 23:59:59-12"),
        ("founded", "infinity"),
        ("founded", "0044-03-15 BC"),
        ("founded", "20260-01-01"),
        ("opens", "24:00:00"),
        ("annual_revenue", "1" + "0" * 5000),
    ],
)
def test_values_that_salesforce_cannot_hold_fail_alone(
    database: Database, change_log: ChangeLog, column: str, value: str
) -> None:
    """Such an edit fails at once with a dead letter that says why; its neighbours go over; the next edit heals it."""
    insert(database, "a", 1)
    insert(database, "b", 2)
    run(database, f"UPDATE {TABLE} SET {column} = :value WHERE id = 'a'", value=value)
    run(database, f"UPDATE {TABLE} SET name = 'fine' WHERE id = 'b'")

    claimed = change_log.claim(10, merge)
    change_log.take(claimed.changes)
    letters = DeadLetters(database).newest()
    run(database, f"UPDATE {TABLE} SET {column} = NULL WHERE id = 'a'")
    healed = change_log.claim(10, merge)

    assert (["a"], ["b"]) == ([o.change.record_id for o in claimed.refused], keys(claimed.changes))
    assert [("a", "value_refused", "Account")] == [(x["record_id"], x["reason"], x["sobject"]) for x in letters]
    assert column in letters[0]["detail"]
    assert ["a"] == keys(healed.changes)


@pytest.mark.parametrize("value", ["1e-5000", "-0.5", "0.10", "9" * 300, "12345678901234567890.123456789"])
def test_a_number_is_sent_with_every_digit(database: Database, change_log: ChangeLog, value: str) -> None:
    """Zeros at the end too: how many of them Salesforce keeps is Salesforce's to judge."""
    insert(database, "a", 1)
    run(database, f"UPDATE {TABLE} SET annual_revenue = :value ::numeric", value=value)

    claimed = change_log.claim(10, merge)
    (owed,) = change_log.take(claimed.changes)

    assert [] == claimed.refused
    assert f"{Decimal(value):f}" == owed.send.fields["AnnualRevenue"]


def test_a_row_with_an_unsendable_value_is_refused_when_it_is_sent_whole(
    database: Database, change_log: ChangeLog
) -> None:
    """The edit is fine, the rest of the row is not: it is known before Salesforce is asked."""
    with silently(database) as tx:
        tx.run(f"INSERT INTO {TABLE} (id, seen) VALUES ('a', 'infinity')")
    run(database, f"UPDATE {TABLE} SET name = 'x'")

    (owed,) = claim_and_take(change_log)

    assert owed.refused is not None
    assert "value_refused" == owed.refused.reason


# -- settling ------------------------------------------------------------------------------------


def test_done_writes_everything_down(database: Database, change_log: ChangeLog, clock: Hand) -> None:
    """State, Salesforce's id, the moment of our write and a metric; none of it is captured again."""
    run(database, f"INSERT INTO {TABLE} (id, name) VALUES ('a', 'x')")
    owed = claim_and_take(change_log)
    clock.move(1)

    change_log.settle(the(change_log), [sent(o, sfid(1)) for o in owed])

    (entry,) = log(database)
    standing = row(database, "a")
    assert ("done", True, clock(), None) == tuple(
        entry[n] for n in ("state", "processed", "processed_at", "lease_until")
    )
    assert standing is not None
    assert (sfid(1), clock()) == (standing["sfid"], standing["isthmus_written_at"])
    metrics = rows(database, "SELECT direction, synced_count, status::text AS status FROM isthmus.sync_metrics")
    assert [{"direction": "PG_TO_SF", "synced_count": 1, "status": "SUCCESS"}] == metrics


def test_failed_writes_a_dead_letter(database: Database, change_log: ChangeLog) -> None:
    """With reason, hint, Salesforce's words and the change itself; counted as a failure."""
    run(database, f"INSERT INTO {TABLE} (id, name) VALUES ('a', 'x'), ('b', 'y')")
    owed = claim_and_take(change_log)

    change_log.settle(the(change_log), [failed(o) if o.change.record_id == "a" else sent(o, sfid(2)) for o in owed])

    (letter,) = DeadLetters(database).find([DeadLetters(database).newest()[0]["id"]])
    assert ("postgres-changes", "a", "refused_there", "Mend it.", "BAD_VALUE: no") == tuple(
        letter[n] for n in ("topic", "record_id", "reason", "hint", "detail")
    )
    assert "x" == letter["payload"]["message"]["changes"][0]["fields"]["Name"]
    assert [("a", "failed"), ("b", "done")] == states(database)
    metrics = run(database, "SELECT status::text, synced_count FROM isthmus.sync_metrics ORDER BY 1")
    assert [["FAILURE", 1], ["SUCCESS", 1]] == metrics


def test_retry_is_no_result(database: Database, change_log: ChangeLog, clock: Hand) -> None:
    """It is neither counted nor buried."""
    run(database, f"INSERT INTO {TABLE} (id, name) VALUES ('a', 'x')")

    change_log.settle(the(change_log), [waits(o, clock() + timedelta(seconds=5)) for o in claim_and_take(change_log)])

    (entry,) = log(database)
    assert ("retry", None, clock() + timedelta(seconds=5)) == (
        entry["state"], entry["lease_until"], entry["next_attempt_at"],
    )  # fmt: skip
    assert [] == run(database, "SELECT FROM isthmus.dead_letter UNION ALL SELECT FROM isthmus.sync_metrics")


def test_a_row_deleted_while_its_record_is_made_gets_a_named_tombstone(
    database: Database, change_log: ChangeLog
) -> None:
    """Its deletion is then sent under the id that Salesforce gave."""
    run(database, f"INSERT INTO {TABLE} (id, name) VALUES ('a', 'x')")
    owed = claim_and_take(change_log)
    run(database, f"DELETE FROM {TABLE}")

    change_log.settle(the(change_log), [sent(o, sfid(1)) for o in owed])
    (deletion,) = claim_and_take(change_log)

    assert [["a", sfid(1)]] == run(database, "SELECT record_id, sfid FROM isthmus.tombstone")
    assert (Op.DELETE, sfid(1)) == (deletion.send.op, deletion.send.sfid)


def test_an_edit_of_a_deleted_row_keeps_its_records_id(database: Database, change_log: ChangeLog) -> None:
    """Claimed, then the row is deleted: the edit still goes to the record, not to a second one."""
    insert(database, "a", 1)
    run(database, f"UPDATE {TABLE} SET name = 'x'")
    changes = change_log.claim(10, merge).changes
    run(database, f"DELETE FROM {TABLE}")

    (owed,) = change_log.take(changes)

    assert (Op.UPSERT, sfid(1)) == (owed.send.op, owed.send.sfid)


def test_a_settlement_that_is_refused_whole_leaves_the_claims(database: Database, change_log: ChangeLog) -> None:
    """Two rows cannot have one Salesforce id: nothing of that settlement is written."""
    insert(database, "old", 1)
    run(database, f"INSERT INTO {TABLE} (id, name) VALUES ('a', 'x')")
    owed = claim_and_take(change_log)

    with pytest.raises(Exception, match="sfid"):
        change_log.settle(the(change_log), [sent(o, sfid(1)) for o in owed])

    assert [("a", "sending")] == states(database)


def test_settlements_and_arrivals_take_locks_in_one_order(
    database: Database, change_log: ChangeLog, settings: config.Database
) -> None:
    """A settlement locks rows by key before it touches the log: opposite orders cannot meet in a circle."""
    for key in ("a", "b"):
        run(database, f"INSERT INTO {TABLE} (id, name) VALUES (:key, 'x')", key=key)
    owed = sorted(claim_and_take(change_log), key=lambda o: o.change.record_id, reverse=True)
    with another(settings) as other, another(settings) as settler, other.transaction() as tx:
        tx.run(f"SELECT FROM {TABLE} WHERE id = 'a' FOR UPDATE")
        late = Background(
            lambda: (
                a_log(settler, Hand()).settle(the(change_log), [sent(o, sfid(ord(o.change.record_id))) for o in owed]),
                settler.close(),
            )
        )
        wait_for_blocked(database)
        tx.run(f"SELECT FROM {TABLE} WHERE id = 'b' FOR UPDATE")
        tx.run("SELECT FROM isthmus.change_log FOR UPDATE")
    late.result()

    assert {"done"} == {state for _, state in states(database)}


def test_states_are_tied_to_their_columns(database: Database, change_log: ChangeLog) -> None:
    """No row is claimed without a lease, due without a time, or done without one."""
    run(database, f"INSERT INTO {TABLE} (id) VALUES ('a')")

    for nonsense in ("state = 'claimed'", "state = 'retry'", "state = 'done'", "lease_until = now()"):
        with pytest.raises(Exception, match="constraint"):
            set_log(database, nonsense)


def test_a_hundred_edits_by_many_and_two_drainers_end_as_the_row(
    database: Database, change_log: ChangeLog, second: ChangeLog, settings: config.Database
) -> None:
    """Writers and drainers at once: applied in the order in which batches were taken, the last value is the row's."""
    for n in range(4):
        insert(database, f"k{n}", n + 1)
    there: dict[str, Any] = {}

    def write(number: int) -> None:
        with another(settings) as own:
            for step in range(25):
                run(own, f"UPDATE {TABLE} SET name = :v WHERE id = :k", v=f"{number}-{step}", k=f"k{step % 4}")

    def drain(own: ChangeLog, view: Database) -> None:
        for _ in range(40):
            owed = claim_and_take(own)
            for o in owed:  # a record is with one drainer at a time, so this is Salesforce's own order
                there[o.change.record_id] = o.send.fields["Name"]
            if owed:
                own.settle(the(own), [sent(o) for o in owed])
        view.close()

    at_the_same_time(
        lambda: write(1), lambda: write(2), lambda: write(3),
        lambda: drain(change_log, database), lambda: drain(second, second._database),
    )  # fmt: skip
    drain(change_log, database)

    assert {k: n for k, n in run(database, f"SELECT id, name FROM {TABLE}")} == there


def test_an_empty_row_is_born_there_too(database: Database, change_log: ChangeLog) -> None:
    """A row without any value is a record all the same: some objects need no field."""
    run(database, f"INSERT INTO {TABLE} (id) VALUES ('a')")

    (owed,) = claim_and_take(change_log)

    assert (Op.UPSERT, None, "a", {}) == (owed.send.op, owed.send.sfid, owed.send.external_id, dict(owed.send.fields))
