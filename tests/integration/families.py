"""Accounts and contacts, mapped, with the keys of their parents; and short ways to watch them."""

from typing import Any

from common import ids
from common.change import MODSTAMP, Change
from common.family import ParentKey
from common.mapping import Field, Kind, Mapping
from common.postgres import ddl, mappings
from common.postgres.connect import Database
from tests.fakes.factories import NOON, a_change, a_mapping
from tests.integration.accounts import rows

PARENT = Field("ParentId", "parent_id", Kind.ID, refers_to=("Account",), relationship="Parent")
ACCOUNT = Field("AccountId", "account_id", Kind.ID, refers_to=("Account",), relationship="Account")
BOSS = Field("ReportsToId", "reports_to_id", Kind.ID, refers_to=("Contact",), relationship="ReportsTo")
NAME, LAST_NAME = Field("Name", "name", Kind.TEXT), Field("LastName", "last_name", Kind.TEXT)

OF_PARENT = ParentKey("ParentId", "Parent", "Account", "External_Id__c", "parent__external_id", "parent_id")
OF_ACCOUNT = ParentKey("AccountId", "Account", "Account", "External_Id__c", "account__external_id", "account_id")
OF_BOSS = ParentKey("ReportsToId", "ReportsTo", "Contact", "External_Id__c", "reports_to__external_id", "reports_to_id")


def map_family(database: Database, **bent: Any) -> tuple[Mapping, Mapping]:
    """Accounts with parents, contacts with accounts and superiors."""
    accounts = a_mapping(fields=(NAME, PARENT), parent_keys=(OF_PARENT,), **bent)
    contacts = a_mapping(
        sobject="Contact", table="salesforce.contact", fields=(LAST_NAME, ACCOUNT, BOSS),
        parent_keys=(OF_ACCOUNT, OF_BOSS), **bent,
    )  # fmt: skip
    with database.transaction() as tx:
        for mapping in (accounts, contacts):
            for statement in ddl.create(mapping):
                tx.run_bound(statement)
            mappings.insert(tx, mapping)
        account, contact = mappings.read(tx)
    return account, contact


def account_id(n: int) -> str:
    return ids.to_18(f"001{n:012d}")


def contact_id(n: int) -> str:
    return ids.to_18(f"003{n:012d}")


def an_account(n: int, parent: int | None = None, *, stamp: Any = NOON, key: str | None = None) -> Change:
    """The n-th account as Salesforce tells of it."""
    fields = {"Name": f"a{n}", "ParentId": account_id(parent) if parent else None, "External_Id__c": key or f"A{n}"}
    return _change("Account", account_id(n), stamp, fields)


def a_contact(n: int, account: int | None = None, boss: int | None = None, *, stamp: Any = NOON) -> Change:
    """The n-th contact as Salesforce tells of it."""
    fields = {
        "LastName": f"c{n}", "AccountId": account_id(account) if account else None,
        "ReportsToId": contact_id(boss) if boss else None, "External_Id__c": f"C{n}",
    }  # fmt: skip
    return _change("Contact", contact_id(n), stamp, fields)


def _change(sobject: str, sfid: str, stamp: Any, fields: dict[str, Any]) -> Change:
    return a_change(
        sobject=sobject, record_id=sfid, stamp=stamp, event_id=f"{sfid}/{stamp.isoformat()}",
        fields={MODSTAMP: stamp.isoformat(), **fields},
    )  # fmt: skip


def keys_of_parents(database: Database) -> dict[str, tuple[Any, ...]]:
    """What the relationship columns say, by key."""
    accounts = rows(database, "SELECT id, parent__external_id FROM salesforce.account")
    contacts = rows(database, "SELECT id, account__external_id, reports_to__external_id FROM salesforce.contact")
    return {r["id"]: tuple(list(r.values())[1:]) for r in (*accounts, *contacts)}
