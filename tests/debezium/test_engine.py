"""From Postgres' own log to Salesforce: the real engine, Pub/Sub, the doors, the stand-in."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.debezium.conftest import Engine
from tests.stack import sample
from tests.stack.stack import Stack

pytestmark = pytest.mark.timeout(600)
ARRIVAL_SECONDS = 120.0
# Rows are locked in key order, as an application should that does not want to wait in a circle with others.
EVERY_ROW = """
UPDATE salesforce.account AS t
   SET phone = :words || t.id
  FROM (SELECT id FROM salesforce.account ORDER BY id FOR UPDATE) AS locked
 WHERE t.id = locked.id
"""
EDITS = 5  #: of each row in a burst: more than one is on its way when an echo arrives
EVERYTHING_SETTLED = "SELECT count(*) FROM isthmus.change_log WHERE NOT processed"

Start = Callable[..., Engine]


def there(client: sample.Client) -> dict[str, tuple[Any, ...]]:
    """Salesforce's accounts by external id."""
    page = client.rest("GET", "query?q=SELECT+External_Id__c,Name,Phone,AnnualRevenue+FROM+Account")
    records = page["records"]
    while not page["done"]:
        page = client.rest("GET", page["nextRecordsUrl"].split("/", 4)[4])
        records += page["records"]
    return {r["External_Id__c"]: (r["Name"], r["Phone"], r["AnnualRevenue"]) for r in records}


def here(psql: sample.Rows) -> dict[str, tuple[Any, ...]]:
    """Postgres' accounts by key."""
    rows = psql.run("SELECT id, name, phone, annual_revenue FROM salesforce.account")
    return {r[0]: (r[1], r[2], None if r[3] is None else float(r[3])) for r in rows}


def until_equal(client: sample.Client, psql: sample.Rows, count: int) -> None:
    """Both sides hold so many equal accounts, and the log is settled."""

    def equal() -> bool:
        return len(here(psql)) == count and here(psql) == there(client) and psql.run(EVERYTHING_SETTLED) == [[0]]

    sample.wait_until(equal, f"{count} equal accounts", ARRIVAL_SECONDS)


def logged(psql: sample.Rows) -> int:
    return int(psql.run("SELECT count(*) FROM isthmus.change_log")[0][0])


def test_snapshot_edits_deletions_and_nothing_of_our_own(stack: Stack, engine: Start, psql: sample.Rows) -> None:
    """Rows that stood there, edits and deletions arrive; what came from Salesforce, and the ids that we write back, are
    told by Debezium too and are left out.
    """
    client = sample.Client(stack)
    psql.run("INSERT INTO salesforce.account (id, name, annual_revenue) VALUES ('early', '먼저', 1234567.5)")
    running = engine()
    until_equal(client, psql, 1)

    sample.load(client)  # three accounts, born in Salesforce
    until_equal(client, psql, 4)
    psql.run("INSERT INTO salesforce.account (id, name) VALUES ('born', 'here'), ('doomed', 'soon gone')")
    until_equal(client, psql, 6)
    psql.run("UPDATE salesforce.account SET phone = '02-' || id, annual_revenue = 0.1 WHERE id <> 'doomed'")
    until_equal(client, psql, 6)
    psql.run("DELETE FROM salesforce.account WHERE id = 'doomed'")
    until_equal(client, psql, 5)
    client.rest("PATCH", "sobjects/Account/External_Id__c/born", {"Name": "renamed there"})
    sample.wait_until(lambda: here(psql)["born"][0] == "renamed there", "the edit in Salesforce")

    edits = [("born", "INSERT"), ("born", "UPDATE"), ("doomed", "DELETE"), ("doomed", "INSERT"), ("early", "INSERT"),
             ("early", "UPDATE"), ("sample-1", "UPDATE"), ("sample-2", "UPDATE"), ("sample-3", "UPDATE")]  # fmt: skip
    found = psql.run("SELECT record_id, change_type::text FROM isthmus.change_log")
    assert sorted(edits) == sorted(map(tuple, found))
    assert running.published() > len(edits), "our own writes were told, too"
    assert [[0]] == psql.run("SELECT count(*) FROM isthmus.dead_letter")


def test_a_killed_engine_goes_on_where_it_was(stack: Stack, engine: Start, psql: sample.Rows) -> None:
    """kill -9 in the middle of a burst of five edits of each row, twice: the last ones stand on both sides, none is logged
    twice.
    """
    client = sample.Client(stack)
    running = engine()
    psql.run(
        "INSERT INTO salesforce.account (id, name) SELECT 'r-' || n, 'row ' || n FROM generate_series(1, 300) AS n"
    )
    until_equal(client, psql, 300)

    for burst in range(1, 3):
        before = running.published()
        for edit in range(1, EDITS + 1):
            psql.run(EVERY_ROW, words=f"{burst}.{edit} ")
        sample.wait_until(lambda before=before: running.published() > before, "the burst", ARRIVAL_SECONDS)
        running.child.kill()
        running.start()
        last = {f"r-{n}": (f"row {n}", f"{burst}.{EDITS} r-{n}", None) for n in range(1, 301)}
        sample.wait_until(lambda last=last: there(client) == last, "every edit", 2 * ARRIVAL_SECONDS)
        until_equal(client, psql, 300)

    twice = "SELECT count(*) FROM (SELECT FROM isthmus.change_log GROUP BY record_id, log_position HAVING count(*) > 1) AS x"
    assert [[0]] == psql.run(twice)
    assert 300 <= logged(psql) <= 300 * (1 + 2 * EDITS), "an edit that a later one had overtaken is not logged"


def test_with_schemas_and_precise_numbers(stack: Stack, engine: Start, psql: sample.Rows) -> None:
    """As the connector is set by default: each value beside its schema, numbers as bytes."""
    client = sample.Client(stack)
    engine(
        **{
            "decimal.handling.mode": "precise",
            "converter.schemas.enable": "true",
            "value.converter.schemas.enable": "true",
        }
    )

    psql.run("INSERT INTO salesforce.account (id, name, annual_revenue) VALUES ('a', '정밀', -912600310.25)")

    until_equal(client, psql, 1)
    assert ("정밀", None, -912600310.25) == there(client)["a"]


def test_an_application_may_go_back_to_the_trigger(stack: Stack, engine: Start, psql: sample.Rows) -> None:
    """`isthmus mapping capture Account trigger`: from then on the trigger logs, and what Debezium still tells is ignored."""
    client = sample.Client(stack)
    engine()
    psql.run("INSERT INTO salesforce.account (id, name) VALUES ('a', 'by Debezium')")
    until_equal(client, psql, 1)

    sample.quietly(stack, "mapping", "capture", "Account", "trigger")
    psql.run("UPDATE salesforce.account SET name = 'by the trigger'")
    sample.quietly(stack, "nudge")
    until_equal(client, psql, 1)

    found = psql.run("SELECT change_type::text, log_position IS NULL FROM isthmus.change_log ORDER BY id")
    assert [["INSERT", False], ["UPDATE", True]] == found
