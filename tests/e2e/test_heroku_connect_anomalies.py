"""The four anomalies that Heroku Connect's own documentation tells of, on a whole stack: here they do not happen.

Devcenter, "Heroku Connect rapid multiple updates issues" and "Handling object relationships in Heroku Connect". Our
own writes come back as outbound messages, which is the harder case, and as change events. Nothing is looked at from
time to time only: a trigger writes down every state of every row, the stand-in's journal every state of every record.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import pytest

from tests.stack import sample
from tests.stack.ports import free_offset
from tests.stack.stack import Stack, running

pytestmark = pytest.mark.timeout(300)
EDITS = 60
NOTIFICATION = "04l"  #: how the ids of outbound messages begin; those of change events are another kind
QUIET_LOOKS = 20  #: in a row at which no door has said anything
HISTORY = """
CREATE TABLE public.history (
    id bigint GENERATED ALWAYS AS IDENTITY, op text, key text, sfid text, old_phone text, phone text, ours boolean
);
CREATE FUNCTION public.keep() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO public.history (op, key, sfid, old_phone, phone, ours)
    SELECT TG_OP, coalesce(NEW.id, OLD.id), coalesce(NEW.sfid, OLD.sfid), OLD.phone, NEW.phone,
           coalesce(current_setting('isthmus.origin', true), '') <> '';
    RETURN NULL;
END
$$;
CREATE TRIGGER keep AFTER INSERT OR UPDATE OR DELETE ON salesforce.account FOR EACH ROW EXECUTE FUNCTION public.keep();
CREATE TRIGGER keep AFTER INSERT OR UPDATE OR DELETE ON salesforce.contact FOR EACH ROW EXECUTE FUNCTION public.keep();
"""


@dataclass
class Both:
    """Both sides, and everything that ever stood on them."""

    stack: Stack
    client: sample.Client
    psql: sample.Rows

    def rows(self, key: str) -> list[tuple[Any, ...]]:
        """What happened to a row: (operation, phone, whether we did it)."""
        found = self.psql.run("SELECT op, phone, ours FROM public.history WHERE key = :key ORDER BY id", key=key)
        return [tuple(row) for row in found]

    def records(self, key: str) -> list[dict[str, Any]]:
        """Every state that a record with this external id ever had, in order."""
        lines = (self.stack.folder / "standin" / "standin.journal").read_text().splitlines()
        puts = [record for line in lines for _, record in json.loads(line).get("records", ())]
        return [r for r in puts if r.get("External_Id__c") == key]

    def living(self, sobject: str, key: str) -> list[dict[str, Any]]:
        soql = f"SELECT+FIELDS(STANDARD)+FROM+{sobject}+WHERE+External_Id__c='{key}'"
        found: list[dict[str, Any]] = self.client.rest("GET", f"query?q={soql}")["records"]
        return found

    def known(self, keys: Sequence[str]) -> None:
        """Accounts that both sides have, nothing on its way."""
        records = [{"attributes": {"type": "Account"}, "External_Id__c": k, "Name": k, "Phone": "0"} for k in keys]
        self.client.rest("PATCH", "composite/sobjects/Account/External_Id__c", {"records": records})
        self.until_quiet()

    def until_quiet(self) -> None:
        """Nothing waits anywhere: no message in Salesforce, none between the doors, no edit in the log."""
        looks: list[int] = []

        def quiet() -> bool:
            looks.append(self._written())
            return len(set(looks[-QUIET_LOOKS:])) == 1 and len(looks) > QUIET_LOOKS and not self._under_way()

        sample.wait_until(quiet, "quiet", seconds=60)

    def _under_way(self) -> bool:
        queue = self.client.control("GET", "outbound-messages/queue")
        edits = self.psql.run(
            "SELECT count(*) FROM isthmus.change_log WHERE state IN ('new', 'claimed', 'sending', 'retry')"
        )
        return bool(sum(q["queued"] + q["inFlight"] for q in queue) + edits[0][0] or self._between_doors())

    def _between_doors(self) -> bool:
        """By what the doors say: what was received and not brought in yet, and what is to be read again later."""
        received = sum(line["changes"] for line in self._lines("receive_outbound_message", "received"))
        last = {line["event_id"]: line["outcome"] for line in self._lines("upsert_postgres", "change")}
        ended = sum(event_id.startswith(NOTIFICATION) and "/again" not in event_id for event_id in last)
        return received > ended or "later" in last.values()

    def _lines(self, door: str, event: str) -> list[dict[str, Any]]:
        lines = self.stack.doors[door].log.read_text().splitlines()
        return [line for text in lines if text.startswith("{") and (line := json.loads(text)).get("event") == event]

    def _written(self) -> int:
        return sum(door.log.stat().st_size for door in self.stack.doors.values())


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Both]:
    stack = Stack(
        tmp_path_factory.mktemp("anomalies") / "state",
        free_offset(),
        pubsub="broker",
        postgres={"fsync": "off"},
    )
    with running(stack):
        client, psql = sample.Client(stack), sample.Rows(stack)
        sample.prepare(stack, client, ("Account", "Contact"))
        psql.run(HISTORY)
        yield Both(stack, client, psql)
        psql.close()


def test_flip_flop(both: Both) -> None:
    """Rapid successive edits: neither side ever shows an older value again, not even briefly."""
    both.known(["flip"])

    for n in range(1, EDITS + 1):
        both.psql.run("UPDATE salesforce.account SET phone = :phone WHERE id = 'flip'", phone=str(n))
        if n % 10 == 0:  # somebody edits another field there: messages with the phone of that moment
            both.client.rest("PATCH", "sobjects/Account/External_Id__c/flip", {"Site": f"site {n}"})
    both.until_quiet()

    here = [int(phone) for _, phone, _ in both.rows("flip")]
    there = [int(r["Phone"]) for r in both.records("flip")]
    assert all(before <= after for before, after in pairwise(here)), here
    assert all(before <= after for before, after in pairwise(there)), there
    assert (EDITS, EDITS) == (here[-1], there[-1])
    assert [[f"site {EDITS}"]] == both.psql.run("SELECT site FROM salesforce.account WHERE id = 'flip'")


def test_revived_delete(both: Both) -> None:
    """A row that was deleted never comes back, whatever of it is still under way; nor does its record."""
    keys = [f"dead-{n}" for n in range(12)]
    both.known(keys)

    for n, key in enumerate(keys):
        if n % 3 != 1:  # its message is on the way while the row is deleted
            both.client.rest("PATCH", f"sobjects/Account/External_Id__c/{key}", {"Phone": "there"})
        if n % 3 != 2:  # so is our own edit, and its echo
            both.psql.run("UPDATE salesforce.account SET phone = 'here' WHERE id = :key", key=key)
        both.psql.run("DELETE FROM salesforce.account WHERE id = :key", key=key)
    both.until_quiet()

    for key in keys:
        operations = [op for op, _, _ in both.rows(key)]
        deleted = [bool(r["IsDeleted"]) for r in both.records(key)]
        assert "DELETE" == operations[-1], (key, operations)
        assert 1 == operations.count("DELETE") == operations.count("INSERT"), (key, operations)
        assert (True, 1) == (deleted[-1], sum(a != b for a, b in pairwise(deleted))), (key, deleted)
        assert 1 == len({r["Id"] for r in both.records(key)}), key


def test_insert_and_delete_at_once_leave_no_record(both: Both) -> None:
    """Deleted in the same transaction, in the next one, or while the insert is being sent: nothing stays in Salesforce."""
    keys = [f"brief-{n}" for n in range(15)]

    for n, key in enumerate(keys):
        insert = f"INSERT INTO salesforce.account (id, name) VALUES ('{key}', 'brief')"
        delete = f"DELETE FROM salesforce.account WHERE id = '{key}'"
        if n % 3 == 0:
            both.psql.run(f"{insert}; {delete}")
            continue
        both.psql.run(insert)
        if n % 3 == 1:  # the insert was claimed, is being sent, or has just been answered
            sample.wait_until(lambda key=key: both.psql.run(STATE, key=key) != [["new"]], "its claim")
        both.psql.run(delete)
    both.until_quiet()

    assert [] == [r["External_Id__c"] for key in keys for r in both.living("Account", key)]
    assert [[0]] == both.psql.run("SELECT count(*) FROM salesforce.account WHERE id LIKE 'brief-%'")
    assert [[0]] == both.psql.run("SELECT count(*) FROM isthmus.dead_letter")
    for key in keys:
        assert 1 == [op for op, _, _ in both.rows(key)].count("INSERT"), key


STATE = "SELECT state::text FROM isthmus.change_log WHERE record_id = :key AND change_type = 'INSERT'"


@pytest.mark.parametrize("child_first", [True, False])
def test_child_and_parent_of_one_transaction_arrive(both: Both, child_first: bool) -> None:
    """Whichever was inserted first; parents of the same object too. Nothing fails on the way."""
    name = "first" if child_first else "last"
    statements = [
        "INSERT INTO salesforce.contact (id, last_name, account__external_id, reports_to__external_id) "
        f"VALUES ('child-{name}', 'c', 'parent-{name}', 'boss-{name}')",
        f"INSERT INTO salesforce.contact (id, last_name, account__external_id) VALUES ('boss-{name}', 'b', 'parent-{name}')",
        f"INSERT INTO salesforce.account (id, name, parent__external_id) VALUES ('parent-{name}', 'p', 'grand-{name}')",
        f"INSERT INTO salesforce.account (id, name) VALUES ('grand-{name}', 'g')",
    ]

    both.psql.run("; ".join(statements if child_first else statements[::-1]))
    both.until_quiet()

    ids = {
        key: both.living(sobject, f"{key}-{name}")[0]["Id"]
        for sobject, key in (("Account", "grand"), ("Account", "parent"), ("Contact", "boss"), ("Contact", "child"))
    }
    (child,), (parent,) = both.living("Contact", f"child-{name}"), both.living("Account", f"parent-{name}")
    assert (ids["parent"], ids["boss"], ids["grand"]) == (child["AccountId"], child["ReportsToId"], parent["ParentId"])
    assert [[ids["parent"], f"parent-{name}", ids["boss"], f"boss-{name}"]] == both.psql.run(
        "SELECT account_id, account__external_id, reports_to_id, reports_to__external_id FROM salesforce.contact "
        "WHERE id = :key",
        key=f"child-{name}",
    )
    assert [[0]] == both.psql.run("SELECT count(*) FROM isthmus.change_log WHERE state = 'failed'")
    assert [[0]] == both.psql.run("SELECT count(*) FROM isthmus.dead_letter")
