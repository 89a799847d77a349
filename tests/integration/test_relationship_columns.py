"""Relationship columns on road A: the key of the record that a lookup points to, whoever arrives first."""

from functools import partial
from itertools import permutations

import pytest

from common import config
from common.change import Change
from common.mapping import Mapping
from common.postgres.connect import Database
from common.postgres.table import PostgresTable
from tests.fakes.factories import at
from tests.integration.accounts import another, at_the_same_time, endings, log, run, silently
from tests.integration.families import a_contact, account_id, an_account, contact_id, keys_of_parents, map_family


@pytest.fixture
def family(database: Database) -> tuple[Mapping, Mapping]:
    return map_family(database)


def test_every_order_of_arrival_ends_in_the_same_keys(
    database: Database, table: PostgresTable, family: tuple[Mapping, Mapping]
) -> None:
    """Parents after children, before them, or in one batch; of one object or two; nothing of it is captured."""
    accounts, contacts = family
    whole = {"A1": (None,), "A2": ("A1",), "C1": ("A2", None), "C2": ("A1", "C1")}
    arriving = [
        (accounts, an_account(1)),
        (accounts, an_account(2, parent=1)),
        (contacts, a_contact(1, account=2)),
        (contacts, a_contact(2, account=1, boss=1)),
    ]

    for order in permutations(arriving):
        for mapping, change in order:
            table.apply(mapping, [change])
        assert whole == keys_of_parents(database), [c.record_id for _, c in order]
        for name in ("contact", "account"):
            with silently(database, f"salesforce.{name}") as tx:
                tx.run_bound(f"DELETE FROM salesforce.{name}")

    assert [] == log(database)


def test_one_batch_may_hold_parents_and_children(
    database: Database, table: PostgresTable, family: tuple[Mapping, Mapping]
) -> None:
    """A self-lookup within one statement."""
    accounts, _ = family

    table.apply(accounts, [an_account(3, parent=2), an_account(2, parent=1), an_account(1)])

    assert {"A1": (None,), "A2": ("A1",), "A3": ("A2",)} == keys_of_parents(database)


def test_another_parent_is_another_key(
    database: Database, table: PostgresTable, family: tuple[Mapping, Mapping]
) -> None:
    """The key follows the lookup: to another one, to one whose row is not here yet, to none."""
    accounts, contacts = family
    table.apply(accounts, [an_account(1), an_account(2)])
    seen = []

    for second, account in enumerate((1, 2, 3, None)):
        table.apply(contacts, [a_contact(1, account=account, stamp=at(second))])
        seen.append(keys_of_parents(database)["C1"][0])

    assert ["A1", "A2", None, None] == seen


def test_a_repeated_parent_looks_again(
    database: Database, table: PostgresTable, family: tuple[Mapping, Mapping]
) -> None:
    """Who brought it first may have died before it told the children."""
    accounts, contacts = family
    table.apply(accounts, [an_account(1)])
    table.apply(contacts, [a_contact(1, account=1)])
    with silently(database, "salesforce.contact") as tx:
        tx.run_bound("UPDATE salesforce.contact SET account__external_id = NULL")

    assert ["stale"] == endings(table.apply(accounts, [an_account(1)]))
    table.apply(accounts, [an_account(1)])

    assert ("A1", None) == keys_of_parents(database)["C1"]


def test_parent_and_child_at_the_same_moment(
    settings: config.Database, database: Database, family: tuple[Mapping, Mapping]
) -> None:
    """Two processes, neither sees the other's row: the later one finds it."""
    accounts, contacts = family

    def bring(mapping: Mapping, change: Change) -> None:
        with another(settings) as own:
            run(own, "SELECT 1")
            PostgresTable(own).apply(mapping, [change])

    for n in range(1, 30):
        at_the_same_time(partial(bring, accounts, an_account(n)), partial(bring, contacts, a_contact(n, account=n)))

    found = keys_of_parents(database)
    assert [f"A{n}" for n in range(1, 30)] == [found[f"C{n}"][0] for n in range(1, 30)]


def test_an_edited_key_stands_until_it_was_sent(
    database: Database, table: PostgresTable, family: tuple[Mapping, Mapping]
) -> None:
    """Salesforce did not touch the lookup: what was written here stays, and stays in the log."""
    accounts, contacts = family
    table.apply(accounts, [an_account(1), an_account(2)])
    table.apply(contacts, [a_contact(1, account=1)])
    run(database, "UPDATE salesforce.contact SET account__external_id = 'A2'")

    got = endings(table.apply(contacts, [a_contact(1, account=1, stamp=at(5))], read=True))

    assert ["merged"] == got
    assert ("A2", None) == keys_of_parents(database)["C1"]
    assert [{"account__external_id": "A2"}] == [e["new_data"] for e in log(database) if e["state"] == "new"]


def test_a_key_that_both_sides_changed_is_a_conflict(
    database: Database, table: PostgresTable, family: tuple[Mapping, Mapping]
) -> None:
    """Kept with all three values; the later one wins."""
    accounts, contacts = family
    table.apply(accounts, [an_account(1), an_account(2), an_account(3)])
    table.apply(contacts, [a_contact(1, account=1)])
    run(database, "UPDATE salesforce.contact SET account__external_id = 'A2'")
    later = at(86_400 * 36_500)

    table.apply(contacts, [a_contact(1, account=3, stamp=later)], read=True)

    assert ("A3", None) == keys_of_parents(database)["C1"]
    assert [["Account.External_Id__c", "A1", "A2", "A3", "salesforce"]] == run(
        database, "SELECT field, old_value, postgres_value, salesforce_value, winner FROM isthmus.conflict"
    )
    assert ["merged"] == [e["state"] for e in log(database)]


def test_a_row_born_here_is_found_by_its_children(
    database: Database, table: PostgresTable, family: tuple[Mapping, Mapping]
) -> None:
    """Its record comes back with an id: the children that had named the record by id learn the row's key."""
    accounts, contacts = family
    run(database, "INSERT INTO salesforce.account (id, name) VALUES ('A1', 'born here')")
    table.apply(contacts, [a_contact(1, account=1)])

    table.apply(accounts, [an_account(1)], read=True)

    assert ("A1", None) == keys_of_parents(database)["C1"]
    assert [[account_id(1), contact_id(1)]] == run(
        database, "SELECT a.sfid, c.sfid FROM salesforce.account AS a, salesforce.contact AS c"
    )
