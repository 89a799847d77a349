"""A database that was restored, copied or branched, or that met another org: nothing old is sent before it was compared."""

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from typing import Any
from unittest import mock

import pytest

from common import config
from common.errors import Misconfigured
from common.flows.drain import merge
from common.postgres import identity, mappings
from common.postgres.connect import Database
from common.postgres.mappings import MappingBook
from common.pubsub.topic import PubsubTopic
from functions.cli import rebase
from functions.cli.main import main
from tests.integration.accounts import TABLE, insert, log, map_table, row, rows, run, sfid, silently
from tests.integration.claiming import Hand, a_log
from tests.integration.road import FIELDS
from tests.stack.postgres import Postgres, binaries
from tests.standin.driving import Standin

Isthmus = Callable[..., str]
ORG, OTHER = "00Drebase000001EAA", "00Drebase000002EAA"


@pytest.fixture(scope="module")
def standin() -> Iterator[Standin]:
    with Standin("--seed-org", ORG) as running:
        running.sign_in()
        yield running


@pytest.fixture
def bound(database: Database, standin: Standin) -> Database:
    """A database that knows which one it is, with accounts mapped."""
    standin.control("POST", "reset")
    map_table(database, fields=FIELDS)
    with database.transaction() as tx:
        mappings.bind_org(tx, ORG)
    return database


@pytest.fixture
def isthmus(standin: Standin, capsys: pytest.CaptureFixture[str]) -> Iterator[Isthmus]:
    """The command line on some database; what it printed."""

    def run_it(settings: config.Database, *arguments: str) -> str:
        target = settings.target
        url = f"postgresql://{target.user}@{target.host}:{target.port}/{target.name}"
        environment = {
            "DATABASE_URL": url, "SF_LOGIN_URL": standin.url, "SF_CLIENT_ID": "isthmus", "SF_CLIENT_SECRET": "isthmus",
            "ISTHMUS_USER": "kim",
        }  # fmt: skip
        capsys.readouterr()
        with mock.patch.dict(os.environ, environment):
            main(list(arguments))
        return capsys.readouterr().out

    return run_it  # type: ignore[return-value]


@pytest.fixture
def copy(bound: Database, postgres_server: Postgres) -> Iterator[Callable[[], config.Database]]:
    """Copies the database with pg_dump and psql, as it is at that moment."""
    name = f"{bound._settings.target.name}_copy"

    def make() -> config.Database:
        bound.close()
        source = postgres_server.url(bound._settings.target.name)
        run_in(postgres_server, f"CREATE DATABASE {name}")
        dump = subprocess.run([binaries() / "pg_dump", source], check=True, capture_output=True).stdout
        subprocess.run(
            [binaries() / "psql", "-q", "-v", "ON_ERROR_STOP=1", postgres_server.url(name)], input=dump, check=True,
            capture_output=True,
        )  # fmt: skip
        return config.database({"DATABASE_URL": postgres_server.url(name)})

    yield make
    run_in(postgres_server, f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


def run_in(server: Postgres, statement: str) -> None:
    subprocess.run([binaries() / "psql", "-q", "-c", statement, server.url()], check=True, capture_output=True)


def trouble(settings: config.Database) -> Misconfigured:
    with Database(settings) as door, pytest.raises(Misconfigured) as refused:
        MappingBook(door).all()
    return refused.value


def account(standin: Standin, key: str, **fields: Any) -> str:
    """A record at the stand-in."""
    return str(standin.create("Account", **{"Name": "old", "External_Id__c": key, **fields}))


def known(database: Database, key: str, sfid: str) -> None:
    """A row that both sides have."""
    insert(database, key, name="old")
    with silently(database) as tx:
        tx.run(f"UPDATE {TABLE} SET sfid = :sfid WHERE id = :key", sfid=sfid, key=key)


# -- who am I -------------------------------------------------------------------------------------


def test_a_database_that_stayed_goes_on(bound: Database, settings: config.Database) -> None:
    """New connections find the same cluster, the same name, the same timeline."""
    with Database(settings) as door:
        assert 1 == len(MappingBook(door).all())
    signs = rows(bound, "SELECT signs FROM isthmus.identity")[0]["signs"]
    assert {"cluster", "database", "database_oid", "timeline"} <= signs.keys()


def test_a_restored_copy_stops_at_its_first_connection(copy: Callable[[], config.Database]) -> None:
    """It says what changed, and what to do."""
    refused = trouble(copy())

    assert "database_moved" == refused.reason
    assert ("database test_" in refused.detail, "isthmus rebase" in refused.hint) == (True, True)


@pytest.mark.parametrize("sign", ["cluster", "timeline", "database_oid"])
def test_each_sign_tells(bound: Database, settings: config.Database, sign: str) -> None:
    """Another cluster, a promotion or restore in place, a database dropped and restored under its name."""
    run(bound, "UPDATE isthmus.identity SET signs = signs || jsonb_build_object(:sign ::text, 'other')", sign=sign)

    assert f"{sign} other -> " in trouble(settings).detail


def test_what_only_one_role_may_see_says_nothing(bound: Database, settings: config.Database) -> None:
    """A provider that hides the cluster's identifier from a role, or shows a branch from some day on, stops nobody."""
    run(bound, "UPDATE isthmus.identity SET signs = signs - 'cluster' || '{\"branch\": \"br-1\"}'")

    with Database(settings) as door:
        assert 1 == len(MappingBook(door).all())


def test_a_branch_is_told_from_its_parent(bound: Database) -> None:
    """Neon's branches share cluster, name and oid; what differs is the timeline that the provider's setting names."""
    with bound.transaction() as tx:
        tx.run("SET LOCAL neon.timeline_id = 'parent'")
        identity.bind(tx, ORG)
        same = identity.changed(identity.read(tx))
        tx.run("SET LOCAL neon.timeline_id = 'branch'")
        branch = identity.changed(identity.read(tx))

    assert ({}, {"branch": ("parent", "branch")}) == (same, branch)


def test_a_role_that_may_ask_little_finds_less(bound: Database) -> None:
    """No error where pg_control_system is forbidden: the sign is left out."""
    with bound.transaction() as tx:
        tx.run("CREATE ROLE isthmus_modest")
        tx.run("REVOKE EXECUTE ON FUNCTION pg_control_system() FROM PUBLIC")
        tx.run("SET LOCAL ROLE isthmus_modest")
        ((found,),) = tx.run("SELECT isthmus.signs_v1()")
        tx.run("RESET ROLE")
        tx.run("GRANT EXECUTE ON FUNCTION pg_control_system() TO PUBLIC")
        tx.run("DROP ROLE isthmus_modest")

    assert ("cluster" not in found, "database" in found) == (True, True)


def test_behind_a_pooler_the_next_look_at_the_mappings_tells(bound: Database, settings: config.Database) -> None:
    """The connection to the pooler outlives the server behind it."""
    with Database(settings) as door:
        book = MappingBook(door)
        book.all()
        run(bound, 'UPDATE isthmus.identity SET signs = signs || \'{"cluster": "other"}\'')
        book.refresh()

        with pytest.raises(Misconfigured, match="database_moved"):
            book.all()


# -- rebase ---------------------------------------------------------------------------------------


def test_nothing_changed_is_an_answer(isthmus: Isthmus, bound: Database, settings: config.Database) -> None:
    assert "Nothing has changed" in isthmus(settings, "rebase")


def test_status_works_on_a_moved_database(isthmus: Isthmus, copy: Callable[[], config.Database]) -> None:
    """It is where people look first."""
    assert "THIS IS NOT THE DATABASE THAT WAS BOUND" in isthmus(copy(), "status")


def test_a_restored_database_sends_nothing_twice(
    isthmus: Isthmus, bound: Database, copy: Callable[[], config.Database], standin: Standin
) -> None:
    """Of its open edits, those that had arrived are void, those that had not go, and third values are conflicts."""
    for key in ("arrived", "unsent", "contested", "deleted", "undeleted"):
        known(bound, key, account(standin, key))
    run(bound, f"UPDATE {TABLE} SET name = 'ours' WHERE id IN ('arrived', 'unsent', 'contested')")
    run(bound, f"INSERT INTO {TABLE} (id, name) VALUES ('made', 'made'), ('unmade', 'unmade')")
    run(bound, f"DELETE FROM {TABLE} WHERE id IN ('deleted', 'undeleted')")
    a_log(bound, Hand()).claim(3, merge)  # some were on their way when the copy was taken
    sfids = dict(run(bound, f"SELECT id, sfid FROM {TABLE} WHERE sfid IS NOT NULL"))
    restored = copy()
    # What the other database has sent since:
    standin.rest("PATCH", f"sobjects/Account/{sfids['arrived']}", {"Name": "ours"}).raise_for_status()
    standin.rest("PATCH", f"sobjects/Account/{sfids['contested']}", {"Name": "theirs"}).raise_for_status()
    account(standin, "made", Name="made")
    standin.rest("DELETE", f"sobjects/Account/{gone(bound, 'deleted')}").raise_for_status()

    looked = json.loads(isthmus(restored, "rebase", "--dry-run", "--json"))
    still = trouble(restored).reason
    said = isthmus(restored, "rebase", "--yes", "--records", "--why", "restored from last night")

    found = {r["record"]: r["found"] for r in looked}
    assert {
        "arrived": "there", "unsent": "to send", "contested": "conflict", "made": "there", "unmade": "to create",
        "deleted": "there", "undeleted": "to delete",
    } == found  # fmt: skip
    assert ("database_moved", True) == (still, "bound anew" in said)
    with Database(restored) as door:
        claimed = {c.record_id: dict(c.fields) for c in a_log(door, Hand()).claim(100, merge).changes}
        assert {"unsent": {"Name": "ours"}, "unmade": {"Name": "unmade"}, "undeleted": {}} == {
            k: v for k, v in claimed.items() if k != "contested"
        }
        assert [["Name", "theirs"]] == run(door, "SELECT field, salesforce_value FROM isthmus.conflict")
        assert (row(door, "made") or {})["sfid"]
        decided = {e["record_id"]: e["decided_why"] for e in log(door) if e["decided_why"]}
        assert {"deleted", "arrived", "made"} == decided.keys()
        assert {"restored from last night"} == set(decided.values())


def gone(database: Database, key: str) -> str:
    return str(run(database, "SELECT sfid FROM isthmus.tombstone WHERE record_id = :key", key=key)[0][0])


def test_another_org_is_met(isthmus: Isthmus, bound: Database, settings: config.Database, standin: Standin) -> None:
    """A refreshed sandbox: what it does not have is made there anew, found by external id; then it is its database."""
    known(bound, "strange", "001000000000999AAA")
    known(bound, "shared", account(standin, "shared"))
    run(bound, f"UPDATE {TABLE} SET name = 'ours'")
    run(bound, "UPDATE isthmus.identity SET org_id = :org", org=OTHER)

    said = isthmus(settings, "rebase", "--yes", "--records")

    assert (OTHER in said, ORG in said, "not there" in said) == (True, True, True)
    assert [[ORG]] == run(bound, "SELECT org_id FROM isthmus.identity")
    assert None is (row(bound, "strange") or {})["sfid"]
    assert (row(bound, "shared") or {})["sfid"]


def test_nobody_is_asked_where_nobody_can_answer(isthmus: Isthmus, copy: Callable[[], config.Database]) -> None:
    restored = copy()

    with pytest.raises(SystemExit, match=r"not_confirmed.*--yes"):
        isthmus(restored, "rebase")

    assert "database_moved" == trouble(restored).reason


def test_a_database_without_an_org_has_nothing_to_compare(
    isthmus: Isthmus, database: Database, settings: config.Database
) -> None:
    with pytest.raises(SystemExit, match="not_bound"):
        isthmus(settings, "rebase")


def test_every_known_record_can_be_read_again(
    isthmus: Isthmus, bound: Database, copy: Callable[[], config.Database], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rows are as old as the copy: each one's record is asked for, slice by slice."""
    for n in range(5):
        insert(bound, f"k{n}", n)
    insert(bound, "local")
    published: list[str] = []
    monkeypatch.setattr(PubsubTopic, "publish", lambda self, c, trace="": published.extend(x.record_id for x in c))
    monkeypatch.setattr(rebase, "SLICE", 2)
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "p")

    said = isthmus(copy(), "rebase", "--yes", "--reread")

    assert sorted(sfid(n) for n in range(5)) == published
    assert "5 records are read again" in said
