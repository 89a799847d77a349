"""Each row's state, in plain SQL, for whoever may read the table."""

from typing import Any

import pytest

from common.flows.drain import merge
from common.mapping import Mapping
from common.postgres import ddl
from common.postgres.change_log import ChangeLog
from common.postgres.connect import Database
from tests.integration.accounts import TABLE, insert, map_table, rows, run, sfid, silently
from tests.integration.claiming import Hand, claim_and_take, failed, the, waits


def states(database: Database) -> dict[str, str]:
    return {r["id"]: r["state"] for r in rows(database, "SELECT * FROM isthmus.account_state")}


def state(database: Database, key: str) -> dict[str, Any]:
    (one,) = rows(database, "SELECT * FROM isthmus.account_state WHERE id = :key", key=key)
    return one


def test_every_state_has_its_word(database: Database, change_log: ChangeLog, clock: Hand) -> None:
    """From nothing to do to waiting for a person: one row for each record, deleted ones while Salesforce owes them."""
    for n, key in enumerate(("synced", "failed", "retrying", "sending", "waiting", "deleted", "conflicted")):
        insert(database, key, n + 1, name="x")
    insert(database, "local")
    for key in ("failed", "retrying", "sending"):
        run(database, f"UPDATE {TABLE} SET name = 'y' WHERE id = :key", key=key)
    owed = {o.change.record_id: o for o in claim_and_take(change_log)}
    change_log.settle(the(change_log), [failed(owed["failed"]), waits(owed["retrying"], clock())])
    run(database, f"UPDATE {TABLE} SET name = 'z' WHERE id = 'waiting'")
    run(database, f"DELETE FROM {TABLE} WHERE id = 'deleted'")
    run(
        database, "INSERT INTO isthmus.conflict (sync_config_id, record_id, field, winner, policy) "
        "VALUES (:id, 'conflicted', 'Name', 'postgres', 'postgres_wins')", id=the(change_log).id,
    )  # fmt: skip

    found = states(database)

    assert {key: "waiting" if key == "deleted" else key for key in found} == found
    assert 8 == len(found)


def test_a_failure_says_why_and_what_to_do(database: Database, change_log: ChangeLog) -> None:
    """Salesforce's own words, the hint, since when and how often."""
    insert(database, "a", 1, name="x")
    run(database, f"UPDATE {TABLE} SET name = 'y'")
    change_log.settle(the(change_log), [failed(o) for o in claim_and_take(change_log)])

    found = state(database, "a")

    assert ("failed", sfid(1), 1) == (found["state"], found["sfid"], found["attempts"])
    assert ("refused_there: BAD_VALUE: no", "Mend it.") == (found["last_error"], found["hint"])
    assert found["since"] is not None


def test_a_held_deletion_is_shown(database: Database, change_log: ChangeLog) -> None:
    run(database, "UPDATE isthmus.sync_configurations SET delete_guard_count = 0")
    insert(database, "a", 1, name="x")
    run(database, f"DELETE FROM {TABLE}")
    change_log.claim(10, merge)

    found = state(database, "a")
    assert ("held", sfid(1), True) == (found["state"], found["sfid"], "isthmus deletes" in found["hint"])


@pytest.mark.parametrize(
    ("condition", "most"), [("id = 'k77777'", 60), ("state = 'failed'", 60), ("state IN ('failed', 'conflicted')", 60)]
)
def test_one_row_and_all_failed_ones_are_found_without_reading_the_table(
    database: Database, change_log: ChangeLog, condition: str, most: int
) -> None:
    """A hundred thousand rows, one of them failed: some pages are read, and not the table's thousands."""
    with silently(database) as tx:
        tx.run(
            f"INSERT INTO {TABLE} (id, sfid, name) SELECT 'k' || n, 'x' || n, 'x' FROM generate_series(1, 100000) AS n"
        )
    run(database, f"UPDATE {TABLE} SET name = 'y' WHERE id = 'k77777'")
    run(database, "UPDATE isthmus.change_log SET state = 'failed'")
    run(database, f"ANALYZE {TABLE}")
    run(database, "ANALYZE isthmus.change_log")

    plan = run(
        database, f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) SELECT * FROM isthmus.account_state WHERE {condition}"
    )
    top = plan[0][0][0]["Plan"]

    assert 1 == float(top["Actual Rows"])
    assert top["Shared Hit Blocks"] + top["Shared Read Blocks"] < most


def test_whoever_may_read_the_table_may_read_the_view(database: Database, account: Mapping) -> None:
    """The application's role needs no right of ours; another one sees nothing, and no other table of the schema."""
    insert(database, "a", 1, name="x")
    with database.transaction() as tx:
        tx.run("CREATE ROLE isthmus_reader")
        tx.run("CREATE ROLE isthmus_stranger")
        tx.run("GRANT USAGE ON SCHEMA salesforce TO isthmus_reader")
        tx.run(f"GRANT SELECT ON {TABLE} TO isthmus_reader")
        tx.run("SET LOCAL ROLE isthmus_reader")
        reader = tx.run("SELECT id, state FROM isthmus.account_state")
        closed = tx.run("SELECT has_table_privilege('isthmus.change_log', 'SELECT')")
        tx.run("SET LOCAL ROLE isthmus_stranger")
        stranger = tx.run("SELECT id, state FROM isthmus.account_state")
        tx.run("RESET ROLE")
        tx.run("DROP OWNED BY isthmus_reader")
        tx.run("DROP ROLE isthmus_reader")
        tx.run("DROP ROLE isthmus_stranger")

    assert ([["a", "synced"]], [[False]], []) == (reader, closed, stranger)


def test_tables_of_other_schemas_have_views_of_their_own(database: Database) -> None:
    """Odd names and long ones included; the view ends with the mapping."""
    long = "t" * 63
    for table in ("crm.account", "crm.Firms & Co", f"crm.{long}"):
        map_table(database, sobject=f"X{len(table)}", table=table)
    run(database, "INSERT INTO crm.account (id) VALUES ('a')")

    names = [r[0] for r in run(database, "SELECT viewname FROM pg_views WHERE schemaname = 'isthmus' ORDER BY 1")]
    assert ["crm_Firms & Co_state", "crm_account_state"] == sorted(n for n in names if "ttt" not in n)
    assert (3, True) == (len(names), all(len(n.encode()) <= 63 for n in names))
    assert [["a", "waiting"]] == run(database, "SELECT id, state FROM isthmus.crm_account_state")
    with database.transaction() as tx:
        for statement in ddl.end_capture(Mapping(0, "Account", "crm.account", "BIDIRECTIONAL", ())):  # type: ignore[arg-type]
            tx.run_bound(statement)
        assert [[None]] == tx.run("SELECT to_regclass('isthmus.crm_account_state')")
