"""Fixtures of the tests on a real Postgres: the accounts, mapped; their change log; what arrives for them."""

import os
from collections.abc import Callable, Iterator
from unittest import mock

import pytest

from common import config
from common.mapping import Mapping
from common.postgres.change_log import ChangeLog
from common.postgres.connect import Database
from common.postgres.table import PostgresTable
from functions.cli.main import main
from tests.integration.accounts import (
    another,
    endings,
    map_table,
)
from tests.integration.arrivals import Apply
from tests.integration.claiming import Hand, a_log
from tests.integration.comparing import Comparing
from tests.standin.driving import Standin


@pytest.fixture
def clock() -> Hand:
    return Hand()


@pytest.fixture
def account(database: Database) -> Mapping:
    return map_table(database)


@pytest.fixture
def change_log(database: Database, account: Mapping, clock: Hand) -> ChangeLog:
    return a_log(database, clock)


@pytest.fixture
def second(settings: config.Database, change_log: ChangeLog, clock: Hand) -> Iterator[ChangeLog]:
    """Another process's change log."""
    with another(settings) as database:
        yield a_log(database, clock)


@pytest.fixture
def table(database: Database) -> PostgresTable:
    return PostgresTable(database)


@pytest.fixture
def apply(table: PostgresTable, account: Mapping) -> Apply:
    """Applies changes; what became of each, in a word."""
    return lambda *changes, read=False: endings(table.apply(account, changes, read=read))


@pytest.fixture
def isthmus(
    database_environment: dict[str, str], standin: Standin, capsys: pytest.CaptureFixture[str]
) -> Iterator[Callable[..., str]]:
    """The command line; what it printed. A refusal is raised as SystemExit."""
    environment = database_environment | {
        "SF_LOGIN_URL": standin.url, "SF_CLIENT_ID": "isthmus", "SF_CLIENT_SECRET": "isthmus",
    }  # fmt: skip

    def run_it(*arguments: str) -> str:
        capsys.readouterr()
        main(list(arguments))
        return capsys.readouterr().out

    with mock.patch.dict(os.environ, environment):
        yield run_it


@pytest.fixture
def sides(database: Database, standin: Standin, isthmus: Callable[..., str]) -> Iterator[Comparing]:
    """Mapped accounts, none there yet, and whoever compares them."""
    standin.control("POST", "reset", {"objects": True})
    standin.sign_in()
    isthmus("mapping", "create", "Account", "--fields", "Name,Phone,Site,NumberOfEmployees", "--yes")
    sides = Comparing(database, standin)
    yield sides
    sides.close()
