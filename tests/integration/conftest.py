"""Fixtures of the tests on a real Postgres: the accounts, mapped; their change log; what arrives for them."""

from collections.abc import Iterator

import pytest

from common import config
from common.mapping import Mapping
from common.postgres.change_log import ChangeLog
from common.postgres.connect import Database
from common.postgres.table import PostgresTable
from tests.integration.accounts import (
    another,
    endings,
    map_table,
)
from tests.integration.arrivals import Apply
from tests.integration.claiming import Hand, a_log


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
