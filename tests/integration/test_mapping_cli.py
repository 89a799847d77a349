"""The command line against the stand-in and a real Postgres: mappings, field lists, status, migrate."""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from common import config
from common.change import Change
from common.flows import drain
from common.mapping import Mapping
from common.postgres import mappings
from common.postgres.change_log import ChangeLog
from common.postgres.connect import Database, connect
from common.postgres.connect import run as execute
from common.postgres.mappings import MappingBook
from tests.integration.accounts import log, rows, run
from tests.standin.driving import Standin

Isthmus = Callable[..., str]

#: Fields that have to be left out, or that meet in one column.
AWKWARD: dict[str, Any] = {
    "name": "Awkward__c",
    "fields": [
        {"name": "External_Id__c", "type": "string", "length": 36, "externalId": True, "unique": True},
        {"name": "My_Field__c", "type": "string", "length": 80},
        {"name": "MyField__c", "type": "double", "precision": 18, "scale": 2},
        {"name": "Order__c", "type": "int"},
        {"name": "Where__c", "type": "location"},
        {"name": "T__c", "type": "string", "length": 80},
    ],
}
WITHOUT_EXTERNAL_ID = {"name": "Lonely__c", "fields": [{"name": "Note__c", "type": "string", "length": 80}]}


@pytest.fixture(scope="module")
def standin() -> Iterator[Standin]:
    with Standin() as running:
        running.sign_in()
        for definition in (AWKWARD, WITHOUT_EXTERNAL_ID):
            running.control("POST", "objects", definition)
        yield running


def the_mapping(database: Database, sobject: str) -> Mapping:
    with database.transaction() as tx:
        return next(m for m in mappings.read(tx) if m.sobject == sobject)


def test_create_shows_what_it_runs_and_runs_it(isthmus: Isthmus, database: Database) -> None:
    """The DDL is printed; then table, index, triggers and configuration are there, and edits are captured."""
    said = isthmus("mapping", "create", "Account", "--yes")

    columns = dict(
        map(
            tuple,
            run(
                database,
                "SELECT column_name, data_type FROM information_schema.columns "
                "WHERE (table_schema, table_name) = ('salesforce', 'account')",
            ),
        )
    )
    assert all(
        part in said for part in ('CREATE TABLE "salesforce"."account"', "CREATE TRIGGER isthmus_capture_update")
    )
    assert ("numeric", "integer", "text", "timestamp with time zone") == tuple(
        columns[c] for c in ("annual_revenue", "number_of_employees", "name", "created_date")
    )
    run(database, "INSERT INTO salesforce.account (name) VALUES ('x')")
    run(database, "UPDATE salesforce.account SET annual_revenue = 1.50")
    assert ["INSERT", "UPDATE"] == [e["change_type"] for e in log(database)]
    assert "External_Id__c" not in {f.name for f in the_mapping(database, "Account").fields}


def test_children_of_mapped_objects_get_relationship_columns(isthmus: Isthmus, database: Database) -> None:
    """By themselves where the parent is mapped, with an index for rows that wait; stored with the mapping."""
    isthmus("mapping", "create", "Account", "--yes")
    said = isthmus("mapping", "create", "Contact", "--yes")

    keys = {k.column: (k.name, k.table) for k in the_mapping(database, "Contact").parent_keys}
    assert {
        "account__external_id": ("Account.External_Id__c", "salesforce.account"),
        "reports_to__external_id": ("ReportsTo.External_Id__c", "salesforce.contact"),
    } == keys
    assert "account__external_id holds the external id of the Account that AccountId points to" in said
    assert ["salesforce.account", "salesforce.contact"] == [
        c.table for c in sorted(the_mapping(database, "Account").children, key=lambda c: c.table)
    ]
    run(database, "INSERT INTO salesforce.contact (last_name, account__external_id) VALUES ('x', 'a')")
    assert "a" == log(database)[0]["new_data"]["account__external_id"]


def test_relationship_columns_are_chosen(isthmus: Isthmus, database: Database) -> None:
    """Named ones only, or none; one whose parent is not mapped is refused before anything is done."""
    with pytest.raises(SystemExit, match="Account is not mapped with an external id"):
        isthmus("mapping", "create", "Contact", "--yes", "--parent-key", "AccountId")
    isthmus("mapping", "create", "Contact", "--yes", "--parent-key", "ReportsToId", "--names", "heroku")
    isthmus("mapping", "create", "Account", "--yes", "--parent-key", "none")

    assert ["reportsto__external_id__c"] == [k.column for k in the_mapping(database, "Contact").parent_keys]
    assert () == the_mapping(database, "Account").parent_keys


def test_a_lookup_gets_its_relationship_column_later(isthmus: Isthmus, database: Database) -> None:
    """Mapped before its parent was: the column is added, filled, and captured from then on."""
    isthmus("mapping", "create", "Contact", "--yes", "--parent-key", "none")
    isthmus("mapping", "create", "Account", "--yes")
    parent, child = "001000000000001AAA", "003000000000001AAA"
    run(database, "INSERT INTO salesforce.account (id, sfid, name) VALUES ('a', :sfid, 'a')", sfid=parent)
    run(
        database, "INSERT INTO salesforce.contact (id, sfid, last_name, account_id) VALUES ('c', :sfid, 'c', :parent)",
        sfid=child, parent=parent,
    )  # fmt: skip
    before = len(log(database))

    said = isthmus("mapping", "parent-key", "Contact", "AccountId")
    filled = run(database, "SELECT account__external_id FROM salesforce.contact")
    silent = len(log(database))
    run(database, "UPDATE salesforce.contact SET account__external_id = 'b'")

    assert "salesforce.contact.account__external_id holds the external id of the Account" in said
    assert ([["a"]], before) == (filled, silent)
    assert {"account__external_id": "b"} == log(database)[-1]["new_data"]
    assert ["Account.External_Id__c"] == [k.name for k in the_mapping(database, "Contact").parent_keys]
    with pytest.raises(SystemExit, match="AccountId has its column already"):
        isthmus("mapping", "parent-key", "Contact", "AccountId")


def test_external_ids_are_written_back_where_that_is_asked_for(isthmus: Isthmus, database: Database) -> None:
    """Not by itself, for it costs calls; refused where nothing is sent."""
    with pytest.raises(SystemExit, match="cannot be written back"):
        isthmus("mapping", "create", "Account", "--yes", "--write-back-external-ids", "--direction", "SF_TO_PG")
    isthmus("mapping", "create", "Account", "--yes", "--write-back-external-ids")
    isthmus("mapping", "create", "Contact", "--yes")

    assert the_mapping(database, "Account").write_back_external_ids
    assert not the_mapping(database, "Contact").write_back_external_ids


def test_what_is_shown_is_what_was_run(isthmus: Isthmus, database: Database) -> None:
    """The printed DDL makes the same table elsewhere: it is no summary."""
    said = isthmus("mapping", "create", "Account", "--dry-run")
    script = said[: said.index("not mapped")] if "not mapped" in said else said.partition("never sent")[0]

    run(database, script.partition("Nothing was done")[0])
    run(database, "INSERT INTO salesforce.account (name) VALUES ('x')")

    assert ["INSERT"] == [e["change_type"] for e in log(database)]


def test_dry_run_does_nothing(isthmus: Isthmus, database: Database) -> None:
    """It shows, says so, and leaves no trace, not even the org's name."""
    said = isthmus("mapping", "create", "Account", "--dry-run")

    assert "Nothing was done." in said
    assert [[None, None]] == run(
        database, "SELECT to_regclass('salesforce.account')::text, org_id FROM isthmus.identity"
    )


def test_left_out_fields_are_named_with_their_reason(isthmus: Isthmus) -> None:
    """Nothing is dropped in silence: compound and read-only fields are listed."""
    said = isthmus("mapping", "create", "Account", "--dry-run")

    assert "not mapped: BillingAddress (compound: its parts (street, city, ...) are mapped one by one)" in said
    assert "never sent to Salesforce: " in said and "CreatedDate" in said.partition("never sent")[2]


def test_names_that_meet_get_columns_of_their_own(isthmus: Isthmus, database: Database) -> None:
    """A collision, a reserved word and a single letter: each field has its own column, and a value passes through."""
    isthmus("mapping", "create", "Awkward__c", "--yes")

    columns = {f.name: f.column for f in the_mapping(database, "Awkward__c").fields}
    assert len(columns) == len(set(columns.values()))
    assert {"my_field", "myfield__c"} == {columns["MyField__c"], columns["My_Field__c"]} or (
        len({columns["MyField__c"], columns["My_Field__c"]}) == 2
    )
    assert ("order_", "t") == (columns["Order__c"], columns["T__c"])
    run(database, "UPDATE salesforce.awkward SET t = 'x'; INSERT INTO salesforce.awkward (order_, t) VALUES (1, 'x')")
    assert {"order_": 1, "t": "x"} == {k: v for k, v in log(database)[0]["new_data"].items() if v is not None}


def test_heroku_names(isthmus: Isthmus, database: Database) -> None:
    """The lower-cased API names, for those who come from there."""
    isthmus("mapping", "create", "Awkward__c", "--names", "heroku", "--yes")

    assert {"My_Field__c": "my_field__c", "MyField__c": "myfield__c"} == {
        f.name: f.column for f in the_mapping(database, "Awkward__c").fields if "ield__c" in f.name
    }
    assert "salesforce.awkward__c" == the_mapping(database, "Awkward__c").table


def test_some_fields_only(isthmus: Isthmus, database: Database) -> None:
    """--fields, in any table."""
    isthmus("mapping", "create", "Account", "--fields", "Name, Phone", "--table", "crm.firms", "--yes")

    mapping = the_mapping(database, "Account")
    assert ("crm.firms", {"Name", "Phone"}) == (mapping.table, {f.name for f in mapping.fields})


def test_one_way_needs_no_external_id(isthmus: Isthmus, database: Database) -> None:
    """SF_TO_PG works without one, and says what that means; nothing is captured."""
    said = isthmus("mapping", "create", "Lonely__c", "--direction", "SF_TO_PG", "--yes")

    assert "note: Lonely__c has no field External_Id__c" in said
    assert "TRIGGER" not in said
    assert "" == the_mapping(database, "Lonely__c").external_id_field
    run(database, "INSERT INTO salesforce.lonely (note) VALUES ('x')")
    assert [] == log(database)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("Nonsense", "--yes"), "object_missing.*Nonsense"),
        (("Account", "--fields", "Name,Nmae", "--yes"), "field_missing.*Nmae"),
        (("Lonely__c", "--yes"), "external_id.*has no field External_Id__c"),
        (("Account", "--external-id", "Name", "--yes"), "external_id.*no external id"),
        (("Account",), "not_confirmed"),
    ],
)
def test_what_cannot_be_done_is_explained(
    isthmus: Isthmus, database: Database, arguments: tuple[str, ...], words: str
) -> None:
    """One sentence, exit code 1, nothing written."""
    with pytest.raises(SystemExit, match=words):
        isthmus("mapping", "create", *arguments)

    assert [] == run(database, "SELECT FROM isthmus.sync_configurations")
    assert [[None]] == run(database, "SELECT to_regclass('salesforce.account')")


def test_a_table_that_exists_is_not_touched(isthmus: Isthmus, database: Database) -> None:
    """Somebody else's table, or a mapping made twice: refused, everything rolled back."""
    run(database, "CREATE SCHEMA salesforce; CREATE TABLE salesforce.account (mine integer)")

    with pytest.raises(SystemExit, match="table_exists"):
        isthmus("mapping", "create", "Account", "--yes")
    isthmus("mapping", "create", "Account", "--table", "other", "--yes")
    with pytest.raises(SystemExit, match=r"mapping_exists.*--table"):
        isthmus("mapping", "create", "Account", "--table", "other", "--yes")

    assert [["mine"]] == run(
        database, "SELECT attname FROM pg_attribute WHERE attrelid = 'salesforce.account'::regclass AND attnum > 0"
    )
    assert 1 == len(run(database, "SELECT FROM isthmus.sync_configurations"))


def test_long_names_that_begin_alike_do_not_meet(isthmus: Isthmus, database: Database) -> None:
    """Two tables whose first forty letters are the same: their indexes have names of their own."""
    long = "a_rather_long_name_of_a_table_that_goes_on_"

    isthmus("mapping", "create", "Account", "--table", f"{long}one", "--fields", "Name", "--yes")
    isthmus("mapping", "create", "Contact", "--table", f"{long}two", "--fields", "LastName", "--yes")

    assert 2 == len(run(database, "SELECT FROM isthmus.sync_configurations"))


def test_a_database_belongs_to_one_org(isthmus: Isthmus, database: Database) -> None:
    """Another org is refused, by both names; nothing is made."""
    run(database, "UPDATE isthmus.identity SET org_id = '00Danother00000EAA'")

    with pytest.raises(SystemExit, match=r"other_org.*00Danother00000EAA"):
        isthmus("mapping", "create", "Account", "--yes")

    assert [[None]] == run(database, "SELECT to_regclass('salesforce.account')")


def test_list_pause_resume_delete(isthmus: Isthmus, database: Database) -> None:
    """Paused mappings go on capturing; deleted ones stop, and the table stays."""
    assert "none" in isthmus("mapping", "list")
    isthmus("mapping", "create", "Account", "--fields", "Name", "--yes")
    before = the_mapping(database, "Account").configuration

    paused = isthmus("mapping", "pause", "account"), isthmus("mapping", "list")
    run(database, "INSERT INTO salesforce.account (name) VALUES ('while paused')")
    resumed = isthmus("mapping", "resume", "salesforce.account"), isthmus("mapping", "list")
    deleted = isthmus("mapping", "delete", "Account")
    run(database, "INSERT INTO salesforce.account (name) VALUES ('afterwards'); TRUNCATE salesforce.account")

    assert ("paused" in paused[0], "paused" in paused[1]) == (True, True)
    assert ("active" in resumed[0], "active" in resumed[1]) == (True, True)
    assert "the table salesforce.account stays" in deleted
    assert ["while paused"] == [e["new_data"]["name"] for e in log(database)]
    version = run(database, "SELECT configuration_version FROM isthmus.identity")[0][0]
    assert version >= before + 3  # every door hears of each


def test_tables_are_found_by_any_case(isthmus: Isthmus, database: Database) -> None:
    """A table with capitals can be named too."""
    isthmus("mapping", "create", "Account", "--table", "crm.Firms", "--fields", "Name", "--yes")

    assert "crm.Firms" in isthmus("mapping", "pause", "crm.Firms")


def test_a_mapping_that_is_none(isthmus: Isthmus) -> None:
    """The mapped objects are named."""
    isthmus("mapping", "create", "Account", "--fields", "Name", "--yes")

    for action in ("pause", "resume", "delete"):
        with pytest.raises(SystemExit, match=r"Nope is not mapped.*Account"):
            isthmus("mapping", action, "Nope")


def test_a_mapping_whose_table_is_gone_can_be_deleted(isthmus: Isthmus, database: Database) -> None:
    """Somebody dropped it: nothing is left to end."""
    isthmus("mapping", "create", "Account", "--fields", "Name", "--yes")
    run(database, "DROP SCHEMA salesforce CASCADE")

    isthmus("mapping", "delete", "Account")

    assert [] == run(database, "SELECT FROM isthmus.sync_configurations")


def test_register_an_outbound_message(isthmus: Isthmus, database: Database, standin: Standin, tmp_path: Path) -> None:
    """The WSDL's field list is stored; what a message lacks is said, for it costs reads."""
    isthmus("mapping", "create", "Account", "--fields", "Name,Phone", "--yes")
    body = {"name": "Changes", "object": "Account", "fields": ["Id", "Name"], "endpoint": "http://127.0.0.1:9/x"}
    made = standin.control("POST", "outbound-messages", body)
    file = tmp_path / "account.wsdl"
    file.write_text(standin.http.get(f"{standin.url}/standin/outbound-messages/{made['id']}/wsdl").text)

    said = isthmus("outbound-message", "register", str(file), "--action-id", made["id"][:15])

    assert "Account: 2 fields" in said
    assert "Phone" in said.partition("each change costs a read")[2]
    (stored,) = rows(database, "SELECT sf_object_name, action_id, fields FROM isthmus.outbound_message")
    assert ("Account", made["id"], ["Id", "Name"]) == (stored["sf_object_name"], stored["action_id"], stored["fields"])
    assert {"Id", "Name"} == the_mapping(database, "Account").listed[made["id"]]


@pytest.mark.parametrize("content", [None, b"no xml", b"<a/>"])
def test_a_file_that_is_no_wsdl(isthmus: Isthmus, database: Database, tmp_path: Path, content: bytes | None) -> None:
    """It says where to get one."""
    file = tmp_path / "x.wsdl"
    if content is not None:
        file.write_bytes(content)

    with pytest.raises(SystemExit, match=r"wsdl_unreadable.*Click for WSDL"):
        isthmus("outbound-message", "register", str(file))

    assert [] == run(database, "SELECT FROM isthmus.outbound_message")


def test_status(isthmus: Isthmus, database: Database) -> None:
    """Per mapping: what waits, what failed."""
    isthmus("mapping", "create", "Account", "--fields", "Name", "--yes")
    run(database, "INSERT INTO salesforce.account (name) VALUES ('a'), ('b'), ('c')")
    run(database, "UPDATE isthmus.change_log SET state = 'failed' WHERE new_data ->> 'name' = 'c'")

    said = isthmus("status")
    (told,) = json.loads(isthmus("status", "--json"))["mappings"]

    assert ("Account", "active", 2, 1, 0) == tuple(
        told[n] for n in ("object", "state", "waiting", "failed", "dead_letters")
    )
    assert all(name in said for name in told)


def test_debezium_is_not_trusted_before_it_listens(isthmus: Isthmus, database: Database) -> None:
    """Without a replication slot edits are told by nobody: whoever switches hears so, and how to go back; the trigger says nothing."""
    isthmus("mapping", "create", "Account", "--fields", "Name", "--yes")

    switched = isthmus("mapping", "capture", "Account", "debezium")
    again = isthmus("mapping", "capture", "Account", "debezium")
    back = isthmus("mapping", "capture", "Account", "trigger")

    assert "WARNING: no logical replication slot" in switched
    assert "isthmus mapping capture Account trigger" in switched
    assert ["WARNING" in said for said in (again, back)] == [False, False]


def test_migrate_says_what_it_ran(isthmus: Isthmus, settings: config.Database) -> None:
    """Up to date is an answer; a database that was never migrated is told to be, by every other command."""
    assert "up to date" == isthmus("migrate").strip()

    with closing(connect(settings, direct=True)) as connection:
        execute(connection, "DROP SCHEMA isthmus CASCADE")
    with pytest.raises(SystemExit, match=r"schema_outdated.*isthmus migrate"):
        isthmus("status")
    ran = isthmus("migrate", "--pre")

    assert "ran 0001_first.pre.sql" in ran
    assert "none" == isthmus("status").strip()


def test_a_missing_setting_is_named(isthmus: Isthmus, monkeypatch: pytest.MonkeyPatch) -> None:
    """Exit code 1 and the variable's name, before anything is tried."""
    monkeypatch.delenv("DATABASE_URL")

    with pytest.raises(SystemExit, match="DATABASE_URL"):
        isthmus("status")


class Road:
    """A topic that keeps what is published."""

    def __init__(self) -> None:
        self.names: list[Any] = []

    def publish(self, changes: Sequence[Change], *, trace: str = "") -> None:
        self.names += [c.fields.get("Name") for c in changes]


def drained(database: Database) -> list[Any]:
    """The names that a drainer, started now, would send."""
    road = Road()
    drain.run(ChangeLog(database, MappingBook(database), call_seconds=720), road, go_on=lambda: True)
    return road.names


def test_what_is_captured_while_paused_goes_out_afterwards(isthmus: Isthmus, database: Database) -> None:
    """Paused: nothing is drained, nothing is lost; resumed: all of it, in one batch per record."""
    isthmus("mapping", "create", "Account", "--fields", "Name", "--yes")
    run(database, "INSERT INTO salesforce.account (id, name) VALUES ('a', '1')")

    isthmus("mapping", "pause", "Account")
    run(database, "UPDATE salesforce.account SET name = '2'")
    while_paused = drained(database)
    isthmus("mapping", "resume", "Account")

    assert ([], ["2"]) == (while_paused, drained(database))


def test_a_mapping_made_again_sends_nothing_of_its_forerunner(isthmus: Isthmus, database: Database) -> None:
    """Edits that were not sent when the mapping was deleted are old by then: they are counted, and left behind."""
    for state in ("", "paused"):
        isthmus("mapping", "create", "Account", "--fields", "Name", "--yes")
        run(database, "INSERT INTO salesforce.account (id, name) VALUES ('a', 'old'), ('b', 'old')")
        run(database, "UPDATE isthmus.change_log SET state = 'failed' WHERE record_id = 'b' AND state = 'new'")
        if state:
            isthmus("mapping", "pause", "Account")

        said = isthmus("mapping", "delete", "Account")
        run(database, "DROP TABLE salesforce.account")

        assert "2 edits had not arrived in Salesforce" in said
    isthmus("mapping", "create", "Account", "--fields", "Name", "--yes")
    run(database, "INSERT INTO salesforce.account (id, name) VALUES ('a', 'new')")
    assert ["new"] == drained(database)
