"""Road B with families: who waits for whom, what is sent for a lookup, and who is woken."""

from collections.abc import Callable
from typing import Any

import pytest

from common.change import Op
from common.flows import drain, to_salesforce
from common.flows.drain import merge
from common.mapping import Mapping
from common.postgres.change_log import ChangeLog
from common.postgres.connect import Database
from common.postgres.mappings import MappingBook
from common.postgres.table import PostgresTable
from tests.fakes.org import FakeOrg
from tests.integration.accounts import log, rows, run
from tests.integration.claiming import CALL, CLAIM, Hand
from tests.integration.families import map_family


class Road:
    """Road B without a broker: what is drained is sent at once, message by message."""

    def __init__(self, database: Database, clock: Hand) -> None:
        self.database = database
        self.book = MappingBook(database)
        self.log = ChangeLog(database, self.book, call_seconds=CALL, claim_seconds=CLAIM, now=clock)
        self.org = FakeOrg(clock)
        self.messages: list[list[Any]] = []
        self.nudges = 0
        self.clock = clock

    def publish(self, changes: Any, *, trace: str = "") -> None:
        self.messages.append(list(changes))

    def nudge(self) -> None:
        self.nudges += 1

    def drain(self) -> list[list[str]]:
        """The keys of each message that was published."""
        self.messages = []
        drain.run(self.log, self, go_on=lambda: True)
        return [[c.record_id for c in message] for message in self.messages]

    def send(self) -> None:
        world = to_salesforce.World(
            self.book, self.log, self.org, self.clock, CALL, PostgresTable(self.database), nudge=self.nudge
        )
        for message in self.messages:
            to_salesforce.apply(message, world)

    def round(self) -> list[list[str]]:
        published = self.drain()
        self.send()
        return published

    def lookups(self) -> dict[Any, dict[str, Any]]:
        """Each living record by external id: its lookups, as external ids."""
        keys = {r.id: r.fields["External_Id__c"] for r in self.org.alive()}
        names = ("ParentId", "AccountId", "ReportsToId")
        return {
            r.fields["External_Id__c"]: {n: keys.get(r.fields[n], r.fields[n]) for n in names if r.fields.get(n)}
            for r in self.org.alive()
        }


@pytest.fixture
def road(database: Database, clock: Hand) -> Road:
    map_family(database)
    return Road(database, clock)


def waits(database: Database) -> list[tuple[str, str, str]]:
    return [(e["record_id"], e["waits_for"], e["last_error"]) for e in log(database) if e["waits_for"]]


ACCOUNT = "INSERT INTO salesforce.account (id, name, parent__external_id) VALUES (:id, :id, :parent)"
CONTACT = (
    "INSERT INTO salesforce.contact (id, last_name, account__external_id, reports_to__external_id) "
    "VALUES (:id, :id, :account, :boss)"
)


@pytest.mark.parametrize("child_first", [True, False])
def test_parent_and_child_of_one_transaction_arrive(database: Database, road: Road, child_first: bool) -> None:
    """In either order: the child waits for its parent, is woken, and points to it."""
    with database.transaction() as tx:
        steps: list[Callable[[], Any]] = [
            lambda: tx.run(CONTACT, id="c", account="a", boss=None),
            lambda: tx.run(ACCOUNT, id="a", parent=None),
        ]
        for step in steps if child_first else reversed(steps):
            step()

    first, second = road.round(), road.round()

    assert ([["a"]], [["c"]]) == (first, second)
    assert 1 == road.nudges
    assert {"a": {}, "c": {"AccountId": "a"}} == road.lookups()


def test_a_waiting_child_names_its_parent(database: Database, road: Road) -> None:
    """Visible in the log; it is claimed by nobody until its parent is settled."""
    run(database, ACCOUNT, id="a", parent=None)
    run(database, CONTACT, id="c", account="a", boss=None)

    road.drain()
    seen = waits(database)
    again = road.log.claim(10, merge)

    assert [("c", "salesforce.account/a", "waiting_for_parent: salesforce.account/a")] == seen
    assert 0 == again.records


def test_a_chain_of_one_object_goes_in_one_message(database: Database, road: Road) -> None:
    """Parents are sent first, children by the ids that they got; a child of another object waits."""
    for n in (3, 1, 2, 0):
        run(database, ACCOUNT, id=f"a{n}", parent=f"a{n - 1}" if n else None)

    published = road.round()

    assert [4] == [len(message) for message in published]
    assert {"a0": {}, "a1": {"ParentId": "a0"}, "a2": {"ParentId": "a1"}, "a3": {"ParentId": "a2"}} == road.lookups()


def test_a_parent_that_fails_is_named_until_it_is_mended(database: Database, road: Road) -> None:
    """The child waits visibly, with the parent's reason; it goes when the parent is edited."""
    road.org.refuse = {"bad": "REQUIRED_FIELD_MISSING"}
    run(database, "INSERT INTO salesforce.account (id, name) VALUES ('a', 'bad')")
    run(database, CONTACT, id="c", account="a", boss=None)

    road.round()
    seen = waits(database)
    road.round()
    run(database, "UPDATE salesforce.account SET name = 'good' WHERE id = 'a'")
    road.round()
    road.round()

    (child, parent, reason) = seen[0]
    assert ("c", "salesforce.account/a") == (child, parent)
    assert "which failed: required_field_missing" in reason
    assert {"a": {}, "c": {"AccountId": "a"}} == road.lookups()
    assert [] == waits(database)


def test_a_deleted_parent_lets_its_child_fail_with_a_reason(database: Database, road: Road) -> None:
    """Inserted and deleted before it was sent: the child is looked at again, and fails by name."""
    run(database, ACCOUNT, id="a", parent=None)
    run(database, CONTACT, id="c", account="a", boss=None)
    run(database, "UPDATE isthmus.change_log SET state = 'retry', next_attempt_at = '2100-01-01' WHERE record_id = 'a'")
    road.round()
    run(database, "UPDATE isthmus.change_log SET state = 'new', next_attempt_at = NULL WHERE record_id = 'a'")
    run(database, "DELETE FROM salesforce.account WHERE id = 'a'")

    road.round()
    road.round()

    (child,) = [e for e in log(database) if e["record_id"] == "c"]
    assert ("failed", "parent_deleted: salesforce.account/a was deleted") == (child["state"], child["last_error"])
    assert {} == road.lookups()


def test_another_parent_frees_a_waiting_child(database: Database, road: Road) -> None:
    """A later edit of the child is looked at although the child waits."""
    run(database, ACCOUNT, id="there", parent=None)
    road.round()
    road.org.refuse = {"bad": "REQUIRED_FIELD_MISSING"}
    run(database, "INSERT INTO salesforce.account (id, name) VALUES ('a', 'bad')")
    run(database, CONTACT, id="c", account="a", boss=None)
    road.round()

    run(database, "UPDATE salesforce.contact SET account__external_id = 'there' WHERE id = 'c'")
    road.round()

    assert {"there": {}, "c": {"AccountId": "there"}} == road.lookups()


def test_a_circle_is_broken_and_closed_afterwards(database: Database, road: Road) -> None:
    """Two new rows that look up to each other, and one to itself: one goes without, and gets its lookup afterwards."""
    with database.transaction() as tx:
        tx.run(CONTACT, id="x", account=None, boss="y")
        tx.run(CONTACT, id="y", account=None, boss="z")
        tx.run(CONTACT, id="z", account=None, boss="x")
        tx.run(CONTACT, id="self", account=None, boss="self")

    for _ in range(4):
        road.round()

    boss = {key: found.get("ReportsToId") for key, found in road.lookups().items()}
    assert {"x": "y", "y": "z", "z": "x", "self": "self"} == boss
    assert {"done"} == {e["state"] for e in log(database)}


def test_a_circle_that_closes_later_is_broken_too(database: Database, road: Road) -> None:
    """One end was claimed, and waits, before the other was written."""
    run(database, ACCOUNT, id="a", parent="b")
    road.round()
    run(database, ACCOUNT, id="b", parent="a")

    for _ in range(4):
        road.clock.move(4000)
        road.round()

    assert {"a": {"ParentId": "b"}, "b": {"ParentId": "a"}} == road.lookups()


def test_a_circle_of_required_lookups_fails_with_a_reason(database: Database, road: Road) -> None:
    """Nobody can break it."""
    run(
        database,
        "UPDATE isthmus.sync_configurations SET fields = jsonb_set(fields, '{2,required}', 'true') "
        "WHERE sf_object_name = 'Contact'",
    )
    road.book.refresh()
    with database.transaction() as tx:
        tx.run(CONTACT, id="x", account=None, boss="y")
        tx.run(CONTACT, id="y", account=None, boss="x")

    for _ in range(3):
        road.round()

    failed = [e for e in log(database) if e["state"] == "failed"]
    assert ["x"] == [e["record_id"] for e in failed]
    assert failed[0]["last_error"].startswith("parent_cycle: salesforce.contact/x -> salesforce.contact/y")
    assert ["y"] == [row[0] for row in waits(database)]
    assert {} == road.lookups()


def test_a_parent_that_is_not_here_is_asked_of_salesforce(database: Database, road: Road) -> None:
    """By its external id; where Salesforce has none either, the child waits and goes once it is there."""
    run(database, CONTACT, id="c", account="there", boss=None)
    road.round()
    seen = waits(database)
    road.org.create({"Name": "there", "External_Id__c": "there"}, "Account")

    road.clock.move(60)
    road.round()

    assert [("c", "salesforce.account/there")] == [row[:2] for row in seen]
    assert seen[0][2].startswith("waiting_for_parent: salesforce.account/there: Foreign key external ID")
    assert {"there": {}, "c": {"AccountId": "there"}} == road.lookups()


@pytest.mark.parametrize("from_salesforce", [True, False])
def test_a_child_that_gave_up_goes_when_its_parent_comes(database: Database, road: Road, from_salesforce: bool) -> None:
    """Failed after hours without its parent, which is born here or arrives at last: nobody has to retry it."""
    run(database, CONTACT, id="c", account="late", boss=None)
    for _ in range(20):
        road.round()
        road.clock.move(4000)
    given_up = [(e["state"], e["waits_for"]) for e in log(database)]

    if from_salesforce:
        record = road.org.records[road.org.create({"Name": "late", "External_Id__c": "late"}, "Account")]
        mapping = road.book.all()[0]
        PostgresTable(database, road.clock).apply(mapping, [road.org.change(record, mapping)])
    else:
        run(database, ACCOUNT, id="late", parent=None)
        road.round()
    road.round()

    assert [("failed", "salesforce.account/late")] == given_up
    assert {"late": {}, "c": {"AccountId": "late"}} == road.lookups()
    assert {"done"} == {e["state"] for e in log(database)}


def test_a_lookup_by_id_waits_for_nobody(database: Database, road: Road) -> None:
    """Whatever is open of its parent."""
    there = road.org.create({"Name": "there", "External_Id__c": "there"}, "Account")
    run(database, ACCOUNT, id="open", parent=None)
    run(database, "INSERT INTO salesforce.contact (id, last_name, account_id) VALUES ('c', 'c', :sfid)", sfid=there)

    published = road.round()

    assert [["open"], ["c"]] == published
    assert "there" == road.lookups()["c"]["AccountId"]


def test_both_columns_show_the_same_parent_once_it_was_sent(database: Database, road: Road) -> None:
    """Whichever was edited; nothing of it is captured again."""
    run(database, ACCOUNT, id="a", parent=None)
    run(database, ACCOUNT, id="b", parent=None)
    run(database, CONTACT, id="c", account="a", boss=None)
    road.round()
    road.round()
    ids = dict(run(database, "SELECT id, sfid FROM salesforce.account"))
    seen = [columns(database)]

    for statement, value in (
        ("UPDATE salesforce.contact SET account_id = :value", ids["b"]),
        ("UPDATE salesforce.contact SET account__external_id = :value", "a"),
        ("UPDATE salesforce.contact SET account__external_id = :value", None),
        ("UPDATE salesforce.contact SET account_id = :value", ids["b"]),
        ("UPDATE salesforce.contact SET account_id = :value", None),
        ("UPDATE salesforce.contact SET account__external_id = :value", "a"),
        ("UPDATE salesforce.contact SET account__external_id = :value", ""),
    ):
        run(database, statement, value=value)
        road.round()
        seen.append(columns(database))

    a, b, none = (ids["a"], "a"), (ids["b"], "b"), (None, None)
    assert [a, b, a, none, b, none, a, (None, "")] == seen
    assert {"done"} == {e["state"] for e in log(database)}


def columns(database: Database) -> tuple[Any, Any]:
    (row,) = rows(database, "SELECT account_id, account__external_id FROM salesforce.contact")
    return row["account_id"], row["account__external_id"]


def test_the_later_of_two_columns_is_sent(database: Database, road: Road) -> None:
    """Edited one after the other before anything was sent."""
    there = road.org.create({"Name": "there", "External_Id__c": "there"}, "Account")
    run(database, ACCOUNT, id="a", parent=None)
    road.round()
    run(database, CONTACT, id="by-id", account="a", boss=None)
    run(database, "UPDATE salesforce.contact SET account_id = :sfid WHERE id = 'by-id'", sfid=there)
    run(database, "INSERT INTO salesforce.contact (id, last_name, account_id) VALUES ('by-key', 'x', :s)", s=there)
    run(database, "UPDATE salesforce.contact SET account__external_id = 'a' WHERE id = 'by-key'")

    road.round()

    assert {"by-id": "there", "by-key": "a"} == {k: v["AccountId"] for k, v in road.lookups().items() if k[:2] == "by"}


def test_children_deleted_with_their_parent_are_deleted_there(database: Database, road: Road) -> None:
    """ON DELETE CASCADE is captured; what Salesforce cascaded already counts as done."""
    run(database, "ALTER TABLE salesforce.contact ADD FOREIGN KEY (account__external_id) REFERENCES salesforce.account "
                  "(id) ON DELETE CASCADE")  # fmt: skip
    run(database, ACCOUNT, id="a", parent=None)
    run(database, CONTACT, id="c", account="a", boss=None)
    road.round()
    road.round()

    run(database, "DELETE FROM salesforce.account")
    published = road.drain()
    road.org.delete(next(r.id for r in road.org.alive() if r.fields["External_Id__c"] == "c"))
    road.send()

    assert {"a", "c"} == {key for message in published for key in message}
    assert {Op.DELETE} == {c.op for message in road.messages for c in message}
    assert ({}, {"done"}) == (road.lookups(), {e["state"] for e in log(database)})


def test_mappings_without_families_cost_nothing(database: Database, account: Mapping, clock: Hand) -> None:
    """No statement is run for parents where a mapping has none."""
    road = Road(database, clock)
    run(database, "INSERT INTO salesforce.account (id, name) VALUES ('a', 'a')")

    assert [["a"]] == road.round()
    assert 0 == road.nudges
    assert () == road.book.all()[0].parent_keys
