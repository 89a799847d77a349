"""Road B against a stand-in that is told to fail: what it costs, and how it ends."""

import secrets
from collections.abc import Iterator
from contextlib import closing
from math import log2
from typing import Any

import pytest

from common import config
from common.flows import to_salesforce
from common.postgres.connect import Database, connect, execute
from tests.conftest import TEMPLATE
from tests.integration.accounts import TABLE, another, at_the_same_time, log, rows, run
from tests.integration.claiming import CALL
from tests.integration.road import Road, born
from tests.stack.postgres import Postgres
from tests.standin.driving import Standin


@pytest.fixture(scope="module")
def standin() -> Iterator[Standin]:
    with Standin() as running:
        yield running


@pytest.fixture
def road(database: Database, standin: Standin) -> Iterator[Road]:
    standin.control("POST", "reset")
    standin.sign_in()
    road = Road(database, standin, answer_seconds=1.0)
    yield road
    road.close()


def edit(road: Road, column: str = "phone", where: str = "true") -> None:
    run(road.database, f"UPDATE {TABLE} SET {column} = coalesce({column}, '') || '.' WHERE {where}")


def reasons(road: Road) -> dict[str, int]:
    found = rows(
        road.database,
        "SELECT split_part(last_error, ':', 1) AS reason, count(*) AS n FROM isthmus.change_log "
        "WHERE last_error IS NOT NULL GROUP BY 1",
    )
    return {r["reason"]: r["n"] for r in found}


# -- calls ---------------------------------------------------------------------------------------


def test_ten_thousand_edits_leave_in_twelve_calls(road: Road) -> None:
    """Births, then edits: ten calls of 1,000 records each, logins left out."""
    born(road.database, 10_000)
    road.send()
    births = road.calls()
    road.forget_calls()
    edit(road)
    road.send()

    assert births <= 12
    assert road.calls() <= 12
    assert road.here() == road.there()


def test_one_rejected_among_a_thousand_costs_no_call(road: Road) -> None:
    """999 land; the one fails with Salesforce's words."""
    road.fault(record_error={"statusCode": "FIELD_CUSTOM_VALIDATION_EXCEPTION", "message": "No n500 here", "fields": []},
               where={"field": "Name", "matches": "^n500$"})  # fmt: skip
    born(road.database, 1000)

    road.send()

    assert (1, 999) == (road.calls(), len(road.there()))
    assert {"field_custom_validation_exception": 1} == reasons(road)


@pytest.mark.parametrize("scope", ["request", "collection"])
def test_one_that_makes_its_whole_request_fail_is_found(road: Road, scope: str) -> None:
    """999 land within about 2 log2(1000) further calls; the culprit fails with its reason."""
    error: dict[str, Any] = {"status": 400, "errorCode": "JSON_PARSER_ERROR", "message": "Unexpected character"}
    more = {} if scope == "request" else {"scope": scope}
    road.fault(request_error=error, where={"field": "Name", "matches": "^n500$"}, **more)
    born(road.database, 1000)

    road.send()
    further = road.calls() - 1

    assert 999 == len(road.there())
    assert {"json_parser_error": 1} == reasons(road)
    assert further <= (2 * log2(1000) + 1 if scope == "request" else 4)


def test_a_field_that_is_gone_stops_itself_only(road: Road) -> None:
    """One further call; every record goes without it, its edits stay failed, and a person can read why."""
    born(road.database, 1000)
    road.send()
    road.forget_calls()
    road.fault(request_error={"status": 400, "errorCode": "INVALID_FIELD",
                              "message": "No such column 'Phone' on sobject of type Account"}, gives="Phone")  # fmt: skip
    run(road.database, f"UPDATE {TABLE} SET phone = '1', site = 's'")
    road.send()
    edit(road, "site")
    road.send()

    assert 3 == road.calls()
    assert {"s."} == {values[2] for values in road.there().values()}
    assert 1000 == sum(e["state"] == "failed" and e["new_data"] == {"phone": "1"} for e in log(road.database))
    (stopped,) = rows(road.database, "SELECT field, detail FROM isthmus.stopped_field")
    assert ("Phone", "No such column 'Phone' on sobject of type Account") == (stopped["field"], stopped["detail"])


def test_a_field_that_may_be_written_again_is(road: Road) -> None:
    """Ten minutes later a send tries it; failed edits that are taken up again arrive; the note is gone."""
    born(road.database, 10)
    road.send()
    road.fault(times=10, record_error={"statusCode": "INVALID_FIELD_FOR_INSERT_UPDATE", "message":
               "Unable to create/update fields: Phone. Please check the security settings", "fields": ["Phone"]},
               gives="Phone")  # fmt: skip
    edit(road)
    road.send()
    road.move(601)
    run(road.database, "UPDATE isthmus.change_log SET state = 'new', claim = NULL WHERE state = 'failed'")
    road.send()

    assert road.here() == road.there()
    assert [] == rows(road.database, "SELECT FROM isthmus.stopped_field")


# -- no duplicates -------------------------------------------------------------------------------


def test_an_answer_lost_after_the_commit_makes_no_second_record(road: Road) -> None:
    """The upsert by external id finds the record."""
    road.fault(match="composite", drop_after_commit=True, times=1)
    born(road.database, 500)

    road.send()
    road.move(CALL + 1)
    road.send_all()

    assert road.here() == road.there()
    assert [] == rows(road.database, f"SELECT FROM {TABLE} WHERE sfid IS NULL")


def test_a_message_that_comes_again_sends_nothing(road: Road) -> None:
    """The claim has moved on."""
    born(road.database, 5)
    (changes,) = road.drain()
    to_salesforce.apply(changes, road.world)
    road.forget_calls()

    outcomes = to_salesforce.apply(changes, road.world)

    assert {"fenced"} == {o.ending.value for o in outcomes}
    assert 0 == road.calls()


def test_two_senders_racing_make_no_second_record(road: Road, settings: config.Database, standin: Standin) -> None:
    """Two drainers and two senders over one log."""
    with another(settings) as database:
        second = Road(database, standin, road.hand, mapped=False)
        born(road.database, 3000)

        at_the_same_time(lambda: _and_close(road), lambda: _and_close(second))
        road.send_all()
        second.close()

    assert 3000 == len(road.there())
    assert road.here() == road.there()


@pytest.fixture
def other_database(postgres_server: Postgres) -> Iterator[Database]:
    """A second migrated database."""
    name = f"other_{secrets.token_hex(6)}"
    admin = config.database({"DATABASE_URL": postgres_server.url()})
    with closing(connect(admin)) as connection:
        execute(connection, f"CREATE DATABASE {name} TEMPLATE {TEMPLATE} STRATEGY file_copy")
        with Database(config.database({"DATABASE_URL": postgres_server.url(name)})) as database:
            yield database
        execute(connection, f"DROP DATABASE {name} WITH (FORCE)")


def test_two_databases_make_no_record_twice_in_one_org(road: Road, other_database: Database, standin: Standin) -> None:
    """Keys are uuids: what both call Acme are two records, each known to its own side; answers are lost on the way."""
    other = Road(other_database, standin, road.hand)
    for own in (road, other):
        run(own.database, f"INSERT INTO {TABLE} (name) SELECT 'Acme' FROM generate_series(1, 300)")
    road.fault(match="composite", drop_after_commit=True, times=1)

    at_the_same_time(lambda: _and_close(road), lambda: _and_close(other))
    road.move(CALL + 1)
    for own in (road, other):
        own.send_all()
        own.close()

    assert 600 == len(road.there())
    assert road.there() == road.here() | other.here()


def _and_close(road: Road) -> None:
    """Send in a thread that ends afterwards, with its connections."""
    try:
        road.send()
    finally:
        road.close()
        road.database.close()


# -- time ----------------------------------------------------------------------------------------


def test_a_call_that_times_out_and_commits_later_does_not_undo_a_newer_edit(road: Road) -> None:
    """The newer value stands at the end: nothing newer is sent while the old call may still be carried out."""
    born(road.database, 3)
    road.send()
    road.fault(match="composite", commit_after_seconds=600, times=1)
    run(road.database, f"UPDATE {TABLE} SET name = 'old'")
    road.send()
    run(road.database, f"UPDATE {TABLE} SET name = 'new'")

    road.send()
    between = {values[0] for values in road.there().values()}
    road.move(600)  # now the old call is carried out
    late = {values[0] for values in road.there().values()}
    road.send_all()

    assert {"n0", "n1", "n2"} == between
    assert {"old"} == late
    assert {"new"} == {values[0] for values in road.there().values()}


def test_an_expired_session_costs_one_login(road: Road) -> None:
    """The call is made once more with a new token."""
    born(road.database, 10)
    road.fault(expire_session=True, times=1, match="composite")

    road.send()

    assert road.here() == road.there()
    assert 0 == road.waiting()


# -- budget --------------------------------------------------------------------------------------


def test_a_used_up_limit_is_left_alone_until_it_opens(road: Road) -> None:
    """One refused call tells all senders; nothing is lost, nothing counts as an attempt; later all of it arrives."""
    born(road.database, 5000)
    road.fault(status=403, for_seconds=7000, match="services/data")

    road.send()
    refused = road.calls()
    road.move(600)
    road.send()
    waiting = road.calls() - refused
    road.send_all(step=600)

    assert (1, 0) == (refused, waiting)
    assert road.here() == road.there()
    assert {0} == {e["attempts"] - 1 for e in log(road.database)}


def test_the_orgs_other_users_keep_their_reserve(road: Road) -> None:
    """With 10 calls a day and a reserve of 20 percent the ninth call is not made."""
    road.standin.control("POST", "settings", {"dailyApiRequests": 10})
    born(road.database, 12_000)

    road.send()

    assert 8 == road.calls()
    assert 4000 == road.waiting()
    assert {"api_reserve": 4000} == {r: n for r, n in reasons(road).items() if r == "api_reserve"}


def test_a_mappings_cap_is_kept(road: Road) -> None:
    """Two calls a day; the rest goes the next day."""
    run(road.database, "UPDATE isthmus.sync_configurations SET max_daily_calls = 2")
    born(road.database, 3000)

    road.send()
    today = road.calls()
    road.move(86_400)
    road.send_all()

    assert 2 == today
    assert road.here() == road.there()
    assert {2, 1} == {r["calls"] for r in rows(road.database, "SELECT calls FROM isthmus.api_usage")}
