"""What failed, looked at and decided over HTTP: the rooms are the command line's, so this shows the way through."""

import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import requests

from common.change import Ending, Outcome
from common.mapping import Mapping
from common.postgres.connect import Database
from common.postgres.dead_letters import DeadLetters
from tests.console.conftest import Person
from tests.fakes.factories import a_change
from tests.functions.conftest import Door
from tests.integration.accounts import TABLE, insert, map_table, rows, run, set_log, sfid

REASON = "value_refused"


@pytest.fixture(scope="module")
def account(database: Database) -> Mapping:
    return map_table(database)


@pytest.fixture(autouse=True)
def nothing_failed(database: Database, account: Mapping) -> Iterator[None]:
    yield
    for table in ("change_log", "dead_letter", "conflict", "tombstone"):
        run(database, f"DELETE FROM isthmus.{table}")
    run(database, f"SET LOCAL isthmus.origin = '{TABLE}'; DELETE FROM {TABLE}")


def a_letter(database: Database, *numbers: int) -> None:
    outcomes = [
        Outcome(a_change(record_id=sfid(n), event_id=f"event-{n}"), Ending.FAILED, REASON, "Mend the column.", "too long")
        for n in numbers
    ]  # fmt: skip
    DeadLetters(database).bury("salesforce-changes", outcomes)


def a_failed_edit(database: Database, key: str = "a") -> None:
    insert(database, key, 1)
    run(database, f"UPDATE {TABLE} SET phone = '1' WHERE id = :key", key=key)
    set_log(database, "state = 'failed', last_error = 'too_long: Phone', last_hint = 'Shorten it.', attempts = 1")


def check(person: Person, name: str) -> dict[str, Any]:
    return next(c for c in person.get("overview")["checks"] if c["check"] == name)


def test_letters_are_grouped_shown_and_replayed(operator: Person, database: Database) -> None:
    """From Salesforce the record is asked for again; the letter is closed, and the check is well."""
    a_letter(database, 1, 2)

    (reason,) = operator.get("dead-letters/by-reason")
    listed = operator.get("dead-letters")
    whole = operator.get(f"dead-letters/{listed[0]['id']}")
    before = check(operator, "letters")
    ended = operator.post("dead-letters/replay", {"reason": REASON})

    assert (REASON, 2, "Mend the column.") == (reason["reason"], reason["letters"], reason["hint"])
    assert "message" in whole["payload"]
    assert ("trouble", 2) == (before["state"], before["count"])
    assert [True, True] == [e["done"] for e in ended]
    assert ("ok", 0) == (check(operator, "letters")["state"], check(operator, "letters")["count"])
    assert {"the operator"} == {
        r["who"] for r in rows(database, "SELECT who FROM isthmus.audit WHERE action = 'letters.replay'")
    }


def test_letters_are_given_up(operator: Person, database: Database) -> None:
    a_letter(database, 1)
    (letter,) = operator.get("dead-letters")

    done = operator.post("dead-letters/discard", {"ids": [letter["id"]]})

    assert (1, []) == (done["done"], operator.get("dead-letters"))
    assert ["discarded"] == [d["state"] for d in operator.get("dead-letters", state="discarded")]


@pytest.mark.parametrize("body", [{}, {"ids": [1], "reason": "x"}])
def test_nothing_or_too_much_is_chosen(operator: Person, body: dict[str, Any]) -> None:
    assert 422 == operator.call("POST", "dead-letters/replay", body).status_code


def test_letters_that_are_not_there(operator: Person) -> None:
    refused = operator.call("POST", "dead-letters/discard", {"ids": [4711]})

    assert (404, "letter_missing") == (refused.status_code, refused.json()["reason"])


@pytest.mark.parametrize(("deed", "state"), [("retry", "new"), ("ignore", "ignored")])
def test_refused_edits_are_tried_again_or_given_up(operator: Person, database: Database, deed: str, state: str) -> None:
    a_failed_edit(database)
    (shown,) = operator.get("failures")
    (edit,) = operator.get("failures/edits", table=TABLE, record="a")

    done = operator.post(f"failures/{deed}", {"object": "Account", "record": "a", "why": "because"})

    assert ("a", "too_long", "Shorten it.") == (shown["record"], shown["reason"], shown["hint"])
    assert ({"phone": "1"}, 1) == (edit["new"], done["done"])
    assert [state] == [r["state"] for r in rows(database, "SELECT state::text FROM isthmus.change_log")]


def test_a_conflict_is_settled_otherwise(operator: Person, database: Database, account: Mapping) -> None:
    """The loser's value is written to the row, and travels."""
    insert(database, "a", 1, phone="theirs")
    run(
        database, "INSERT INTO isthmus.conflict (sync_config_id, record_id, field, old_value, postgres_value, salesforce_value, "
        "winner, policy) VALUES (:id, 'a', 'Phone', 'old', 'ours', 'theirs', 'salesforce', 'last_writer_wins')", id=account.id,
    )  # fmt: skip
    (conflict,) = operator.get("conflicts")

    (ended,) = operator.post("conflicts/resolve", {"ids": [conflict["id"]], "take": "postgres"})

    assert ("old", "ours", "theirs") == (conflict["old"], conflict["postgres"], conflict["salesforce"])
    assert ended["done"], ended["words"]
    assert [{"phone": "ours"}] == rows(database, f"SELECT phone FROM {TABLE}")
    assert ["postgres"] == [c["taken"] for c in operator.get("conflicts", settled=True)]


def test_held_deletions_are_allowed_or_refused(operator: Person, database: Database) -> None:
    """Refused ones are asked for again from Salesforce."""
    for deed in ("allow", "refuse"):
        insert(database, deed, 1)
        run(database, f"DELETE FROM {TABLE}")
        run(database, "UPDATE isthmus.change_log SET held_at = now() WHERE decided_at IS NULL")
        (held,) = operator.get("held-deletions")
        (record,) = operator.get("held-deletions/records", table=TABLE)

        done = operator.post(f"held-deletions/{deed}", {"object": "Account"})

        assert (TABLE, 1, deed, 1) == (held["table"], held["deletions"], record["record_id"], done["done"])
        assert [] == operator.get("held-deletions")
        run(database, "DELETE FROM isthmus.tombstone")
    refused = operator.call("POST", "held-deletions/allow", {"object": "Account"})
    assert (404, "nothing_held") == (refused.status_code, refused.json()["reason"])


def test_the_log_is_searched_step_by_step(operator: Person, database: Database) -> None:
    """By object, key and state, newest first; `before` goes on where an answer ended."""
    for key in ("a", "b", "c"):
        insert(database, key)
        run(database, f"UPDATE {TABLE} SET phone = '1' WHERE id = :key", key=key)
    run(database, "UPDATE isthmus.change_log SET state = 'failed' WHERE record_id = 'b'")

    first = operator.get("change-log", limit=2)
    second = operator.get("change-log", limit=2, before=first["before"])

    assert ["c", "b"] == [e["record_id"] for e in first["edits"]]
    assert (["a"], None) == ([e["record_id"] for e in second["edits"]], second["before"])
    assert ["b"] == [e["record_id"] for e in operator.get("change-log", state="failed")["edits"]]
    assert ["a"] == [e["record_id"] for e in operator.get("change-log", object="account", record="a")["edits"]]
    assert 404 == operator.call("GET", "change-log", params={"object": "Lead"}).status_code


def test_the_journey_of_a_record(operator: Person, database: Database) -> None:
    """Captured, refused, buried, deleted; found under its key and under its Salesforce id."""
    a_failed_edit(database)
    a_letter(database, 1)
    run(database, f"DELETE FROM {TABLE} WHERE id = 'a'")

    by_key = operator.get("journey", object="Account", record="a")
    by_sfid = operator.get("journey", object="account", record=sfid(1))

    steps = [s["step"] for s in by_key]
    assert {"captured", "failed", "buried", "deleted", "new"} == set(steps)
    assert by_key == by_sfid
    assert [s["at"] for s in by_key] == sorted(s["at"] for s in by_key)
    assert 404 == operator.call("GET", "journey", params={"object": "Account", "record": "nobody"}).status_code


def test_everything_pauses_and_goes_on(operator: Person) -> None:
    """Since when and why is on the first screen."""
    operator.post("pause", {"why": "moving"})
    paused = operator.get("overview")
    operator.post("resume")

    assert ("moving", "the operator") == (paused["paused"]["paused_why"], paused["paused"]["paused_by"])
    assert "warning" == next(c["state"] for c in paused["checks"] if c["check"] == "paused")
    assert operator.get("overview")["paused"] is None


def test_the_budget_is_told(operator: Person, database: Database, account: Mapping) -> None:
    today = datetime.now(UTC).date().isoformat()
    run(database, "INSERT INTO isthmus.api_usage VALUES (:day ::date, :id, 42)", day=today, id=account.id)

    budget = operator.get("api-budget")

    assert [("Account", 42)] == [(c["object"], c["calls_today"]) for c in budget["calls"]]


def test_a_stream_tells_of_a_change(operator: Person, console: Door, database: Database) -> None:
    """Over fetch's kind of request; at once, and again when something has happened."""
    heard: list[str] = []
    begun = threading.Event()
    with operator.http.get(f"{console.url}/api/events", stream=True, timeout=60) as stream:
        lines = stream.iter_lines()
        for line in lines:
            heard.append(line.decode())
            if line == b"" and not begun.is_set():
                begun.set()
                insert(database, "a")
                run(database, f"UPDATE {TABLE} SET phone = 'x'")
            if heard.count("event: changed") == 2:
                break

    assert "text/event-stream" in stream.headers["Content-Type"]
    assert "event: changed" == heard[0]


def test_a_first_load_is_ordered_and_stopped(operator: Person, account: Mapping) -> None:
    """One at a time; who ordered it is told."""
    begun = operator.post("backfills", {"object": "Account"})
    again = operator.call("POST", "backfills", {"object": "Account"})
    paused = operator.post(f"backfills/{begun['backfill']}/pause")
    over = operator.post(f"backfills/{begun['backfill']}/cancel")

    assert ("the operator", "SF_TO_PG", "paused", "cancelled") == (
        begun["asked_by"], begun["direction"], paused["state"], over["state"],
    )  # fmt: skip
    assert (409, "backfill_open") == (again.status_code, again.json()["reason"])
    assert ["cancelled"] == [b["state"] for b in operator.get("backfills")]
    assert 404 == operator.call("POST", "backfills/4711/cancel").status_code


def test_comparisons_and_drift_are_told(operator: Person, database: Database, account: Mapping) -> None:
    """What changed in the org is a check of its own."""
    run(
        database, "INSERT INTO isthmus.drift (sync_config_id, field, what, safe, detail) VALUES (:id, 'Fax', 'removed', false, 'd')",
        id=account.id,
    )  # fmt: skip

    (drift,) = operator.get("schema-drift")
    seen = check(operator, "drift")
    run(database, "DELETE FROM isthmus.drift")

    assert ("Account", "Fax", "removed") == (drift["object"], drift["field"], drift["what"])
    assert ("warning", 1, "Account") == (seen["state"], seen["count"], seen["detail"])
    assert [] == operator.get("reconciliations")


def test_an_unknown_schedule(operator: Person) -> None:
    """Where SCHEDULE_JOB is not set there is none, and that is said."""
    refused = operator.call("POST", "schedules/drain/run")

    assert ([], 404) == (operator.get("schedules"), refused.status_code)
    assert "SCHEDULE_JOB" in refused.json()["hint"]


def test_the_description_names_every_route(console: Door) -> None:
    """OpenAPI, open to everybody: it holds nothing of anybody's."""
    described = json.loads(requests.get(f"{console.url}/openapi.json", timeout=30).text)

    assert {"/api/sync-configs/{number}", "/api/sync-metrics/trends", "/api/journey"} <= set(described["paths"])
