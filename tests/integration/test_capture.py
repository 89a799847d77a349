"""What the trigger hears, and what it must not hear."""

from collections.abc import Iterator

import pytest

from common import config
from common.errors import IsthmusError, Terminal
from common.mapping import Field, Kind, Mapping
from common.postgres.connect import Database
from common.postgres.listen import Listener
from tests.integration.accounts import (
    TABLE,
    another,
    captured,
    insert,
    log,
    map_table,
    row,
    rows,
    run,
    sfid,
    silently,
)


@pytest.fixture
def account(database: Database) -> Mapping:
    return map_table(database)


pytestmark = pytest.mark.usefixtures("account")


def test_an_insert_is_captured_whole(database: Database) -> None:
    """INSERT: every mapped column, empty ones too; no column of ours."""
    run(database, f"INSERT INTO {TABLE} (id, name) VALUES ('a', 'Acme')")

    (entry,) = log(database)
    assert (TABLE, "a", "INSERT", "new", None) == tuple(
        entry[n] for n in ("table_name", "record_id", "change_type", "state", "old_data")
    )
    assert ("Acme", None) == (entry["new_data"]["name"], entry["new_data"]["phone"])
    assert not {"id", "sfid", "system_modstamp", "isthmus_read_at"} & set(entry["new_data"])


def test_an_insert_without_a_key_gets_one(database: Database) -> None:
    """The log names the key that Postgres minted."""
    run(database, f"INSERT INTO {TABLE} (name) VALUES ('Acme')")

    assert run(database, f"SELECT id FROM {TABLE}") == [[log(database)[0]["record_id"]]]


def test_an_update_is_captured_by_edited_column(database: Database) -> None:
    """UPDATE: only the edited mapped columns, before and after."""
    insert(database, "a", 1, name="Acme", phone="1")

    run(database, f"UPDATE {TABLE} SET name = 'New', phone = '1', annual_revenue = 2.50 WHERE id = 'a'")

    expected = ("UPDATE", {"name": "Acme", "annual_revenue": None}, {"name": "New", "annual_revenue": "2.50"})
    assert [expected] == captured(database)


def test_edits_of_unmapped_columns_are_silent(database: Database) -> None:
    """A column that no field maps is nobody's business; together with a mapped one only that one is captured."""
    run(database, f"ALTER TABLE {TABLE} ADD COLUMN note text")
    insert(database, "a", 1)

    run(database, f"UPDATE {TABLE} SET note = 'x', isthmus_written_at = now()")
    run(database, f"UPDATE {TABLE} SET note = 'y', name = 'z'")

    assert [("UPDATE", {"name": None}, {"name": "z"})] == captured(database)


@pytest.mark.parametrize(
    "assignment", ["name = name", "name = 'Acme'", "annual_revenue = 1.500", "phone = NULL", "seen = seen"]
)
def test_updates_that_change_nothing_are_silent(database: Database, assignment: str) -> None:
    """An equal value, NULL for NULL and a number with more zeros are no edits."""
    insert(database, "a", 1, name="Acme", annual_revenue="1.5", seen="2026-01-31T12:00:00Z")

    run(database, f"UPDATE {TABLE} SET {assignment}")

    assert [] == captured(database)


def test_null_and_empty_text_are_two_values(database: Database) -> None:
    """SQL NULL travels as null, in both directions of an edit."""
    insert(database, "a", 1, name="Acme")

    run(database, f"UPDATE {TABLE} SET name = NULL")
    run(database, f"UPDATE {TABLE} SET name = ''")

    assert [{"name": None}, {"name": ""}] == [new for _, _, new in captured(database)]


def test_a_delete_is_captured_with_its_row_and_a_tombstone(database: Database) -> None:
    """DELETE: the row as it was, with its Salesforce id, and a tombstone of the same transaction."""
    insert(database, "a", 1, name="Acme")

    run(database, f"DELETE FROM {TABLE}")

    ((change, old, new),) = captured(database)
    assert ("DELETE", "Acme", sfid(1), "a", None) == (change, old["name"], old["sfid"], old["id"], new)
    stones = rows(database, "SELECT table_name, record_id, sfid, side FROM isthmus.tombstone")
    assert [{"table_name": TABLE, "record_id": "a", "sfid": sfid(1), "side": "postgres"}] == stones


def test_a_key_never_changes(database: Database) -> None:
    """The key is the external id: an edit of it is refused, with a way out."""
    insert(database, "a", 1)

    with pytest.raises(Terminal, match="never changes") as refused:
        run(database, f"UPDATE {TABLE} SET id = 'b'")

    assert "a -> b" in refused.value.detail
    assert [] == captured(database)
    assert row(database, "a") is not None


def test_truncate_is_refused(database: Database) -> None:
    """TRUNCATE would empty the table here and leave every record there."""
    insert(database, "a", 1)

    with pytest.raises(Terminal, match=r"TRUNCATE of salesforce\.account is refused"):
        run(database, f"TRUNCATE {TABLE}")

    assert row(database, "a") is not None


def test_refusals_carry_postgres_own_hint(database: Database) -> None:
    """A person in psql reads what to do instead."""
    run(
        database,
        f"""CREATE FUNCTION hint_of(statement text) RETURNS text LANGUAGE plpgsql AS $$
            DECLARE said text;
            BEGIN
                EXECUTE statement;
                RETURN 'nothing was refused';
            EXCEPTION WHEN OTHERS THEN
                GET STACKED DIAGNOSTICS said = PG_EXCEPTION_HINT;
                RETURN said;
            END $$;
            INSERT INTO {TABLE} (id) VALUES ('a')""",
    )

    key = run(database, f"SELECT hint_of('UPDATE {TABLE} SET id = ''b''')")
    truncate = run(database, f"SELECT hint_of('TRUNCATE {TABLE}')")

    assert [["Insert a new row and delete the old one."]] == key
    assert "DELETE" in truncate[0][0]


def test_our_own_writes_are_silent_and_the_silence_ends(database: Database) -> None:
    """The marker lasts as long as its transaction: afterwards it is '' and capture works, on the same session too."""
    with silently(database) as tx:
        tx.run(f"INSERT INTO {TABLE} (id) VALUES ('a')")
        tx.run(f"UPDATE {TABLE} SET name = 'x'")
        tx.run(f"DELETE FROM {TABLE}")
    with database.transaction() as tx:
        marker = tx.run("SELECT current_setting('isthmus.origin', true)")
        tx.run(f"INSERT INTO {TABLE} (id) VALUES ('b')")

    assert marker[0][0] in ("", None)  # None where a pooler gave us another server connection
    assert ["INSERT"] == [c for c, _, _ in captured(database)]
    assert [] == run(database, "SELECT FROM isthmus.tombstone")


def test_the_marker_names_one_table(database: Database) -> None:
    """Rows of another mapped table, deleted by a cascade of our own deletion, are captured."""
    contact = (Field("LastName", "last_name", Kind.TEXT), Field("AccountId", "account_id", Kind.TEXT))
    map_table(
        database, sobject="Contact", table="salesforce.contact", fields=contact,
        extra=f"ALTER TABLE salesforce.contact ADD FOREIGN KEY (account_id) REFERENCES {TABLE} (id) ON DELETE CASCADE",
    )  # fmt: skip
    insert(database, "a", 1)
    with silently(database, "salesforce.contact") as tx:
        tx.run("INSERT INTO salesforce.contact (id, last_name, account_id) VALUES ('c', 'Kim', 'a')")

    with silently(database) as tx:
        tx.run(f"DELETE FROM {TABLE}")

    assert [("salesforce.contact", "c", "DELETE")] == [
        (e["table_name"], e["record_id"], e["change_type"]) for e in log(database)
    ]


def test_an_applications_trigger_is_heard_during_our_writes(database: Database) -> None:
    """What a trigger of the application edits in the same table, while we write, is the application's edit."""
    run(
        database,
        f"""CREATE FUNCTION tag() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN
                UPDATE {TABLE} SET phone = 'tagged' WHERE id = NEW.id AND phone IS DISTINCT FROM 'tagged';
                RETURN NULL;
            END $$;
            CREATE TRIGGER tag AFTER INSERT OR UPDATE OF name ON {TABLE} FOR EACH ROW EXECUTE FUNCTION tag()""",
    )

    with silently(database) as tx:
        tx.run(f"INSERT INTO {TABLE} (id, name) VALUES ('a', 'Acme')")

    assert [("UPDATE", {"phone": None}, {"phone": "tagged"})] == captured(database)


def test_what_is_rolled_back_was_never_captured(database: Database) -> None:
    """Edit, log row and tombstone live and die together; savepoints too."""
    insert(database, "a", 1)

    with pytest.raises(Terminal), database.transaction() as tx:
        tx.run(f"UPDATE {TABLE} SET name = 'x'")
        tx.run(f"DELETE FROM {TABLE}")
        tx.run("SELECT 1 / 0")
    with database.transaction() as tx:
        tx.run("SAVEPOINT s")
        tx.run(f"UPDATE {TABLE} SET name = 'y'")
        tx.run("ROLLBACK TO s")
        tx.run(f"UPDATE {TABLE} SET phone = 'z'")

    assert [("UPDATE", {"phone": None}, {"phone": "z"})] == captured(database)
    assert [] == run(database, "SELECT FROM isthmus.tombstone")


def test_several_edits_in_one_transaction_keep_their_order(database: Database) -> None:
    """One log row for each edit, in the order in which they were made."""
    with database.transaction() as tx:
        tx.run(f"INSERT INTO {TABLE} (id, name) VALUES ('a', '1')")
        tx.run(f"UPDATE {TABLE} SET name = '2'")
        tx.run(f"UPDATE {TABLE} SET name = '3'")
        tx.run(f"DELETE FROM {TABLE}")

    assert ["INSERT", "UPDATE", "UPDATE", "DELETE"] == [c for c, _, _ in captured(database)]
    assert [{"name": "1"}, {"name": "2"}] == [old for c, old, _ in captured(database) if c == "UPDATE"]


def test_copy_and_upserts_are_heard(database: Database) -> None:
    """INSERT ... ON CONFLICT is captured as what became of it."""
    insert(database, "a", 1, name="old")

    run(
        database,
        f"""INSERT INTO {TABLE} (id, name) VALUES ('a', 'new'), ('b', 'born')
            ON CONFLICT (id) DO UPDATE SET name = excluded.name""",
    )

    assert [("UPDATE", "a"), ("INSERT", "b")] == [(e["change_type"], e["record_id"]) for e in log(database)]


# -- rights --------------------------------------------------------------------------------------


@pytest.fixture
def role(database: Database) -> Iterator[str]:
    """An application's role: it may write the mapped table, and has no right in our schema."""
    name = run(database, "SELECT 'app_' || replace(gen_random_uuid()::text, '-', '')")[0][0]
    run(
        database,
        f"""CREATE ROLE {name};
            GRANT USAGE ON SCHEMA salesforce TO {name};
            GRANT SELECT, INSERT, UPDATE, DELETE ON {TABLE} TO {name};
            CREATE SCHEMA hostile AUTHORIZATION {name}""",
    )
    yield name
    run(database, f"DROP OWNED BY {name}; DROP ROLE {name}")


def test_an_application_needs_no_right_in_our_schema(database: Database, role: str) -> None:
    """The capture function is SECURITY DEFINER: writing is allowed, looking into our tables is not."""
    with database.transaction() as tx:
        tx.run(f"SET LOCAL ROLE {role}")
        tx.run(f"INSERT INTO {TABLE} (id) VALUES ('a')")
        tx.run(f"UPDATE {TABLE} SET name = 'x'")
        tx.run(f"DELETE FROM {TABLE}")
    with pytest.raises(IsthmusError) as refused, database.transaction() as tx:
        tx.run(f"SET LOCAL ROLE {role}")
        tx.run("SELECT * FROM isthmus.change_log")

    assert ["INSERT", "UPDATE", "DELETE"] == [c for c, _, _ in captured(database)]
    assert "database_rights" == refused.value.reason


def test_a_role_cannot_hijack_the_capture(database: Database, role: str) -> None:
    """Functions, operators and tables of a hostile schema are not found from within: its search_path is fixed."""
    with database.transaction() as tx:
        tx.run(f"SET LOCAL ROLE {role}")
        tx.run(
            """CREATE TABLE hostile.trace (who text);
               CREATE FUNCTION hostile.to_jsonb(anyelement) RETURNS jsonb LANGUAGE plpgsql AS $$
                   BEGIN INSERT INTO hostile.trace VALUES (current_user); RETURN '{}'; END $$;
               CREATE FUNCTION hostile.pg_notify(text, text) RETURNS void LANGUAGE plpgsql AS $$
                   BEGIN INSERT INTO hostile.trace VALUES (current_user); END $$;
               CREATE FUNCTION hostile.current_setting(text, boolean) RETURNS text LANGUAGE sql AS
                   $$ SELECT 'salesforce.account' $$;
               CREATE FUNCTION hostile.pg_trigger_depth() RETURNS integer LANGUAGE sql AS $$ SELECT 0 $$;
               CREATE FUNCTION hostile.jsonb_each(jsonb, OUT name text, OUT value jsonb) RETURNS SETOF record
                   LANGUAGE sql AS $$ SELECT 'name', NULL::jsonb $$;
               CREATE FUNCTION hostile.same(text, text) RETURNS boolean LANGUAGE sql AS $$ SELECT true $$;
               CREATE OPERATOR hostile.= (LEFTARG = text, RIGHTARG = text, FUNCTION = hostile.same)"""
        )

    with database.transaction() as tx:
        tx.run(f"SET LOCAL ROLE {role}")
        tx.run("SET LOCAL search_path = hostile, pg_catalog, salesforce")
        tx.run(f"INSERT INTO {TABLE} (id, name) VALUES ('a', 'x')")
        tx.run(f"UPDATE {TABLE} SET name = 'y'")
        trace = tx.run("SELECT who FROM hostile.trace")

    assert ["INSERT", "UPDATE"] == [c for c, _, _ in captured(database)]
    assert {"name": "y"} == captured(database)[1][2]
    assert [] == trace


# -- values --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "number", ["123456789012345678.123456789012345678", "0.1", "1.10", "-0.000000000000000001", "99999999999999999999"]
)
def test_numbers_keep_every_digit(database: Database, number: str) -> None:
    """numeric passes through JSON and the driver without a float in between."""
    run(database, f"INSERT INTO {TABLE} (id, annual_revenue) VALUES ('a', {number})")

    assert number == str(log(database)[0]["new_data"]["annual_revenue"])


@pytest.mark.parametrize("zone", ["Asia/Seoul", "America/St_Johns", "UTC", "Pacific/Kiritimati"])
def test_times_mean_the_same_in_every_session(database: Database, zone: str) -> None:
    """A timestamp is captured with its offset, whatever the application's time zone."""
    with database.transaction() as tx:
        tx.run("SELECT set_config('TimeZone', :zone, true)", zone=zone)
        tx.run(f"INSERT INTO {TABLE} (id, seen) VALUES ('a', '2026-01-31 12:00:00.123456+00')")

    seen = "SELECT (new_data ->> 'seen')::timestamptz = '2026-01-31 12:00:00.123456+00' FROM isthmus.change_log"
    assert [[True]] == run(database, seen)


@pytest.mark.parametrize("text", ["한국어 값", "🚢🎉 e\u0301", "a'b\"c\\d", "line\r\nbreak\ttab", " ", "x" * 131072])
def test_text_is_captured_as_it_is(database: Database, text: str) -> None:
    """Any text, whatever is in it."""
    run(database, f"INSERT INTO {TABLE} (id, name) VALUES (:text, :text)", text=text[:1000])
    run(database, f"UPDATE {TABLE} SET phone = :text", text=text)

    assert text[:1000] == log(database)[0]["record_id"] == log(database)[0]["new_data"]["name"]
    assert text == log(database)[1]["new_data"]["phone"]


# -- NOTIFY --------------------------------------------------------------------------------------


def test_a_commit_is_heard(database: Database, settings: config.Database) -> None:
    """The listener hears committed edits, and nothing of those that were rolled back or are ours."""
    listener = Listener(settings)

    quiet = listener.wait(0)
    with silently(database) as tx:
        tx.run(f"INSERT INTO {TABLE} (id) VALUES ('a')")
    with pytest.raises(Terminal), database.transaction() as tx:
        tx.run(f"UPDATE {TABLE} SET name = 'x'")
        tx.run("SELECT 1 / 0")
    still = listener.wait(0.05)
    run(database, f"UPDATE {TABLE} SET name = 'y'")
    heard = listener.wait(10)
    after = listener.wait(0)

    listener.close()
    assert (False, False, True, False) == (quiet, still, heard, after)


def test_a_listener_notices_that_it_is_alone(database: Database, settings: config.Database) -> None:
    """A lost connection raises: waiting on for ever would be silence."""
    listener = Listener(settings)
    with another(settings) as other:
        run(
            other,
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND query LIKE 'LISTEN%'",
        )

    with pytest.raises(IsthmusError) as lost:
        listener.wait(10)

    listener.close()
    assert "database_unavailable" == lost.value.reason or "57P01" in str(lost.value)
