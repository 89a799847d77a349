"""A field that Salesforce refuses for the whole object: the rest of an edit goes, the refused part stays to be retried."""

from typing import Any

from common.change import Ending, Op, Outcome
from common.flows.drain import merge
from common.ports import Owed, Settled
from common.postgres.change_log import ChangeLog
from common.postgres.connect import Database
from tests.integration.accounts import TABLE, insert, log, row, rows, run, sfid
from tests.integration.claiming import claim_and_take, sent, states, the


def without_phone(owed: Owed, salesforce_id: str | None = None) -> Settled:
    outcome = Outcome(owed.change, Ending.SENT, "field_refused", "Let it be written.", "Phone: no such column")
    return Settled(owed, outcome, salesforce_id or owed.send.sfid, stopped={"Phone": "no such column"})


def contents(database: Database) -> list[tuple[str, str, Any, Any]]:
    return [(e["state"], e["change_type"], e["old_data"], e["new_data"]) for e in log(database)]


def stopped(database: Database) -> list[dict[str, Any]]:
    return rows(database, "SELECT field, detail FROM isthmus.stopped_field")


def test_what_was_refused_stays_and_what_arrived_is_done(database: Database, change_log: ChangeLog) -> None:
    """The log tells both apart, an operator sees the field and why."""
    insert(database, "a", 1, name="old", phone="1")
    run(database, f"UPDATE {TABLE} SET name = 'new', phone = '2'")

    change_log.settle(the(change_log), [without_phone(o) for o in claim_and_take(change_log)])

    assert sorted([
        ("failed", "UPDATE", {"phone": "1"}, {"phone": "2"}), ("done", "UPDATE", {"name": "old"}, {"name": "new"}),
    ]) == sorted(contents(database))  # fmt: skip
    assert [{"field": "Phone", "detail": "no such column"}] == stopped(database)
    assert "field_refused: Phone: no such column" in [e["last_error"] for e in log(database)]


def test_a_retry_sends_the_refused_part_alone(database: Database, change_log: ChangeLog) -> None:
    """What had arrived is not sent again: Salesforce may have changed it meanwhile. Then the field is well again."""
    insert(database, "a", 1, name="old", phone="1")
    run(database, f"UPDATE {TABLE} SET name = 'new', phone = '2'")
    change_log.settle(the(change_log), [without_phone(o) for o in claim_and_take(change_log)])

    run(database, "UPDATE isthmus.change_log SET state = 'new', claim = NULL WHERE state = 'failed'")
    (owed,) = claim_and_take(change_log)
    change_log.settle(the(change_log), [sent(owed)])

    assert {"Phone": "2"} == dict(owed.send.fields)
    assert {("a", "done")} == set(states(database))
    assert [] == stopped(database)


def test_a_later_edit_supersedes_the_refused_part(database: Database, change_log: ChangeLog) -> None:
    """Even if it came before the refusal: the refused row keeps its place in the record's order."""
    insert(database, "a", 1, phone="1")
    run(database, f"UPDATE {TABLE} SET name = 'n', phone = '2'")
    owed = claim_and_take(change_log)
    run(database, f"UPDATE {TABLE} SET phone = '3'")

    change_log.settle(the(change_log), [without_phone(o) for o in owed])
    (change,) = change_log.claim(10, merge).changes

    assert {"Phone": "3"} == dict(change.fields)


def test_a_record_is_born_without_the_refused_field(database: Database, change_log: ChangeLog) -> None:
    """What is left of its insert is an update; columns that nobody filled are no edits."""
    run(database, f"INSERT INTO {TABLE} (id, name, phone) VALUES ('a', 'n', '2')")

    change_log.settle(the(change_log), [without_phone(o, sfid(1)) for o in claim_and_take(change_log)])
    run(database, "UPDATE isthmus.change_log SET state = 'new', claim = NULL WHERE state = 'failed'")
    (owed,) = claim_and_take(change_log)

    assert sfid(1) == row(database, "a")["sfid"]  # type: ignore[index]
    assert (Op.UPSERT, sfid(1), {"Phone": "2"}) == (owed.send.op, owed.send.sfid, dict(owed.send.fields))
