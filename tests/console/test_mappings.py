"""Mappings over HTTP: shown as statements before they are made, refused where they are there, fenced by a version."""

import pytest

from common.postgres.connect import Database
from tests.console.conftest import Person
from tests.integration.accounts import log, rows, run

ACCOUNT = {"sf_object_name": "Account", "fields": ["Name", "Phone", "AnnualRevenue"]}


@pytest.fixture(scope="module")
def account(operator: Person) -> int:
    """The accounts, mapped."""
    return int(operator.post("sync-configs", ACCOUNT)["id"])


def stored(operator: Person, number: int, **bent: object) -> dict[str, object]:
    """What a mapping is, as it would be sent back."""
    held = operator.get(f"sync-configs/{number}")
    kept = (
        "sync_direction",
        "conflict_policy",
        "version",
        "max_daily_calls",
        "delete_guard_count",
        "delete_guard_share",
    )
    return {name: held[name] for name in kept} | {"fields": [f["name"] for f in held["fields"]]} | bent


def test_a_preview_shows_the_statements_and_does_nothing(operator: Person, database: Database) -> None:
    """And says which fields are left out, and why."""
    seen = operator.post("sync-configs/preview", {"sf_object_name": "Lead"})

    assert any(s.startswith('CREATE TABLE "salesforce"."lead"') for s in seen["ddl"])
    assert any("isthmus_capture_update" in s for s in seen["ddl"])
    assert [[None]] == run(database, "SELECT to_regclass('salesforce.lead')::text")
    assert [] == operator.get("audit")


def test_a_mapping_is_made_and_captures(operator: Person, account: int, database: Database) -> None:
    run(database, "INSERT INTO salesforce.account (name) VALUES ('x')")

    held = operator.get(f"sync-configs/{account}")

    assert ["INSERT"] == [e["change_type"] for e in log(database)]
    assert ["AnnualRevenue", "Name", "Phone"] == sorted(f["name"] for f in held["fields"])
    assert (True, "BIDIRECTIONAL", "salesforce.account") == (
        held["is_active"], held["sync_direction"], held["pg_table_name"],
    )  # fmt: skip


def test_the_same_mapping_twice_is_a_conflict(operator: Person, account: int) -> None:
    """409, whatever the case of its name; nothing is changed."""
    for name in ("Account", "account"):
        refused = operator.call("POST", "sync-configs", ACCOUNT | {"sf_object_name": name})

        assert (409, "mapping_exists") == (refused.status_code, refused.json()["reason"])
    assert 1 == len(operator.get("sync-configs"))


@pytest.mark.parametrize(
    ("bent", "reason"),
    [
        ({"sf_object_name": "Nothing__c"}, "object_missing"),
        ({"fields": ["Nowhere__c"]}, "field_missing"),
        ({"sf_object_name": "Lead", "external_id_field": "Company"}, "external_id"),
        ({"pg_table_name": "a b"}, "table_name"),
        ({"colour": "red"}, "request_refused"),
    ],
)
def test_what_describe_does_not_know_is_refused(operator: Person, bent: dict[str, object], reason: str) -> None:
    """422, with what was received, what is accepted and what to do."""
    refused = operator.call("POST", "sync-configs/preview", ACCOUNT | bent)

    assert (422, reason) == (refused.status_code, refused.json()["reason"])
    assert refused.json()["hint"]


def test_a_change_shows_its_statements_then_runs_them(operator: Person, account: int, database: Database) -> None:
    """A new field gets a column and is captured from then on; the columns of the others stay what they were."""
    fields = ["Name", "Phone", "AnnualRevenue", "Website"]
    wanted = stored(operator, account, fields=fields, conflict_policy="salesforce_wins", max_daily_calls=200)
    shown = operator.post(
        f"sync-configs/{account}/preview", {n: wanted[n] for n in ("sync_direction", "conflict_policy", "fields")}
    )

    changed = operator.call("PUT", f"sync-configs/{account}", wanted).json()

    assert 'ADD COLUMN IF NOT EXISTS "website" text' in shown["ddl"][0]
    assert ("salesforce_wins", 200, set(fields)) == (
        changed["conflict_policy"], changed["max_daily_calls"], {f["name"] for f in changed["fields"]},
    )  # fmt: skip
    run(database, "UPDATE salesforce.account SET website = 'isthmus.example'")
    assert {"website": "isthmus.example"} == log(database)[-1]["new_data"]


def test_a_field_that_is_taken_out_is_captured_no_more(operator: Person, account: int, database: Database) -> None:
    """Its column stays in the table, with what it holds."""
    changed = operator.call("PUT", f"sync-configs/{account}", stored(operator, account, fields=["Name", "Phone"]))
    before = len(log(database))
    run(database, "UPDATE salesforce.account SET annual_revenue = 7")

    assert (200, before) == (changed.status_code, len(log(database)))
    assert [["7"]] == run(database, "SELECT annual_revenue::text FROM salesforce.account")


def test_two_people_who_change_the_same_mapping(operator: Person, account: int, database: Database) -> None:
    """The second one is told that it is not as it was, whoever changed it meanwhile: a person, the shell, plain SQL."""
    wanted = stored(operator, account, conflict_policy="postgres_wins")
    run(database, "UPDATE isthmus.sync_configurations SET delete_guard_count = 7")

    late = operator.call("PUT", f"sync-configs/{account}", wanted)
    gone = operator.call("DELETE", f"sync-configs/{account}", params={"version": wanted["version"]})

    assert [(409, "changed_meanwhile")] * 2 == [(a.status_code, a.json()["reason"]) for a in (late, gone)]
    assert 7 == operator.get(f"sync-configs/{account}")["delete_guard_count"]


def test_a_mapping_is_paused_and_resumed(operator: Person, account: int) -> None:
    """By whom and why is shown; capture goes on."""
    paused = operator.post(f"sync-configs/{account}/pause", {"why": "the org is being moved"})
    (shown,) = operator.get("overview")["mappings"]
    resumed = operator.post(f"sync-configs/{account}/resume")

    assert (False, "the operator", "the org is being moved") == (
        paused["is_active"], paused["paused_by"], paused["paused_why"],
    )  # fmt: skip
    assert ("paused", True) == (shown["state"], resumed["is_active"])


def test_no_mapping_of_that_number(operator: Person) -> None:
    """404, and which there are."""
    refused = operator.call("GET", "sync-configs/4711")

    assert (404, "mapping_missing") == (refused.status_code, refused.json()["reason"])


def test_every_change_is_audited(operator: Person, account: int) -> None:
    """Who, what, when, before and after; what was refused, too."""
    seen = operator.get("audit")[::-1]

    assert {"the operator"} == {a["who"] for a in seen}
    by_action = {(a["action"], a["refused"]): a for a in seen}
    changed = by_action["mapping.change", None]
    assert ("mapping.create", "mapping_exists") in by_action
    assert changed["before"]["conflict_policy"], changed["after"]["conflict_policy"]
    assert by_action["mapping.pause", None]["why"] == "the org is being moved"
    assert all(a["ended_at"] for a in seen)


def test_a_mapping_is_forgotten(operator: Person, database: Database) -> None:
    """Its table stays; how many edits Salesforce never gets is told."""
    made = operator.post("sync-configs", {"sf_object_name": "Contact", "fields": ["LastName"]})
    run(database, "INSERT INTO salesforce.contact (last_name) VALUES ('Kim')")

    gone = operator.call("DELETE", f"sync-configs/{made['id']}", params={"version": made["version"]})

    assert (200, 1) == (gone.status_code, gone.json()["done"])
    assert [{"last_name": "Kim"}] == rows(database, "SELECT last_name FROM salesforce.contact")
    assert 404 == operator.call("GET", f"sync-configs/{made['id']}").status_code


def test_the_org_tells_what_can_be_mapped(operator: Person) -> None:
    """Objects and fields, each with why it cannot be mapped."""
    names = [o["name"] for o in operator.get("objects")]
    fields = {f["name"]: f for f in operator.get("objects/Account/fields")}

    assert "Account" in names
    assert ("string", True, "") == tuple(fields["Name"][k] for k in ("type", "sendable", "why_not"))
    assert "compound" in fields["BillingAddress"]["why_not"] if "BillingAddress" in fields else True
