"""Migrations, and the file that shows what they add up to."""

import secrets
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from common import config
from common.errors import IsthmusError, Misconfigured, Terminal
from common.postgres import migrate as module
from common.postgres.connect import Database, connect, needed_migrations
from common.postgres.connect import run as execute
from common.postgres.migrate import migrate
from tests.integration.accounts import at_the_same_time, run
from tests.stack import schema
from tests.stack.postgres import Postgres


@pytest.fixture
def empty(postgres_server: Postgres) -> Iterator[str]:
    """A database that nobody has migrated."""
    name = f"empty_{secrets.token_hex(6)}"
    with closing(connect(config.database({"DATABASE_URL": postgres_server.url()}))) as connection:
        execute(connection, f"CREATE DATABASE {name}")
        yield name
        execute(connection, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def empty_settings(empty: str, postgres_server: Postgres) -> config.Database:
    return config.database({"DATABASE_URL": postgres_server.url(empty)})


def trouble(settings: config.Database) -> IsthmusError:
    with Database(settings) as database, pytest.raises(IsthmusError) as raised:
        run(database, "SELECT 1")
    return raised.value


def test_a_second_run_does_nothing(empty_settings: config.Database) -> None:
    """What has run is noted, and never runs again."""
    first, second = migrate(empty_settings), migrate(empty_settings)

    assert "0001_first.pre.sql" == first[0]
    assert [] == second


def test_migrators_wait_for_each_other(empty_settings: config.Database) -> None:
    """Started at the same moment, each migration runs once, and nobody fails."""
    ran = at_the_same_time(*[lambda: migrate(empty_settings)] * 3)

    assert sorted(p.name for p in (schema.SQL / "migrations").glob("*.sql")) == sorted(name for r in ran for name in r)


def test_a_migration_that_fails_leaves_nothing(
    empty_settings: config.Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those before it stay; the broken one is rolled back whole and not noted."""
    (tmp_path / "migrations").mkdir()
    (tmp_path / "migrations" / "0001_good.pre.sql").write_text("CREATE TABLE isthmus.good (n integer)")
    (tmp_path / "migrations" / "0002_bad.pre.sql").write_text("CREATE TABLE isthmus.half (n integer);\nSELECT 1 / 0")
    monkeypatch.setattr(module, "SQL", tmp_path)

    with pytest.raises(Terminal, match="division by zero"):
        migrate(empty_settings)

    with Database(empty_settings, check_schema=False) as database:
        tables = run(database, "SELECT to_regclass('isthmus.good') IS NULL, to_regclass('isthmus.half') IS NULL")
        assert [[False, True]] == tables
        assert [["0001_good"]] == run(database, "SELECT name FROM isthmus.migration")


def test_halves_run_apart(empty_settings: config.Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`pre` before the new doors, `post` after them."""
    (tmp_path / "migrations").mkdir()
    for name in ("0001_a.pre.sql", "0001_a.post.sql", "0002_b.pre.sql"):
        (tmp_path / "migrations" / name).write_text("SELECT 1")
    monkeypatch.setattr(module, "SQL", tmp_path)

    assert ["0001_a.pre.sql", "0002_b.pre.sql"] == migrate(empty_settings, ("pre",))
    assert ["0001_a.post.sql"] == migrate(empty_settings, ("post",))
    assert [] == migrate(empty_settings)


def test_the_first_half_runs_first(
    empty_settings: config.Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Everything at once: each migration's `pre`, then its `post`; the names alone would sort the other way."""
    (tmp_path / "migrations").mkdir()
    (tmp_path / "migrations" / "0001_a.pre.sql").write_text("CREATE TABLE isthmus.a (n integer)")
    (tmp_path / "migrations" / "0001_a.post.sql").write_text("ALTER TABLE isthmus.a ADD m integer")
    monkeypatch.setattr(module, "SQL", tmp_path)

    assert ["0001_a.pre.sql", "0001_a.post.sql"] == migrate(empty_settings)


def test_the_schema_file_is_what_the_migrations_add_up_to(
    postgres_server: Postgres, empty: str, direct_url: str
) -> None:
    """A database made from sql/schema.sql and a migrated one are the same, line by line."""
    schema.build(postgres_server, empty)

    migrated = schema.dump(postgres_server, direct_url.rpartition("/")[2])

    assert migrated == schema.dump(postgres_server, empty)
    assert schema.HEAD + migrated == schema.FILE.read_text(encoding="utf-8"), "run `make db/schema`"


def test_a_door_meets_an_older_schema(settings: config.Database) -> None:
    """It stops at its first transaction and names the command; after the migration the same object works."""
    newest = max(needed_migrations())
    run_unchecked(settings, f"UPDATE isthmus.migration SET name = '0000_older' WHERE name = '{newest}'")

    with Database(settings) as door:
        with pytest.raises(Misconfigured) as refused:
            run(door, "SELECT 1")
        run_unchecked(settings, f"UPDATE isthmus.migration SET name = '{newest}' WHERE name = '0000_older'")
        healed = run(door, "SELECT 1")

    assert "schema_outdated" == refused.value.reason
    assert ("`isthmus migrate`" in refused.value.hint, newest in refused.value.detail) == (True, True)
    assert [[1]] == healed


def test_a_door_misses_a_migration_in_the_middle(settings: config.Database) -> None:
    """Two branches landed in another order than they are numbered: the newest one alone is not enough."""
    oldest = min(needed_migrations())
    run_unchecked(settings, f"DELETE FROM isthmus.migration WHERE name = '{oldest}'")

    refused = trouble(settings)

    assert ("schema_outdated", True) == (refused.reason, oldest in refused.detail)


def run_unchecked(settings: config.Database, statement: str) -> None:
    with Database(settings, check_schema=False) as database:
        run(database, statement)


def test_a_door_meets_a_newer_schema(settings: config.Database) -> None:
    """Readers of the old release go on while the new one's `pre` half has run."""
    run_unchecked(settings, "INSERT INTO isthmus.migration (name, half) VALUES ('9999_newer', 'pre')")

    with Database(settings) as door:
        assert [[1]] == run(door, "SELECT 1")


def test_a_door_meets_no_schema_at_all(empty_settings: config.Database) -> None:
    """A database that was never migrated says so."""
    refused = trouble(empty_settings)

    assert ("schema_outdated", True) == (refused.reason, "no migration" in refused.detail)
    assert "`isthmus migrate`" in refused.hint
