"""Faults to order: calls that come late, get no answer, are refused, or are done after all."""

import pytest
import requests

NAMES = "SELECT Name FROM Account ORDER BY Id"
CREATE = {"match": "/sobjects/Account$", "times": 1}


def order(org, **fault):
    return org.control("POST", "faults", fault)


def names(org):
    return [record["Name"] for record in org.query(NAMES)]


def late(org):
    return org.control("GET", "faults/late")["waiting"]


def test_a_call_that_got_no_answer_commits_later(org):
    """The connection is cut and nothing is done; when the clock has come that far, the record is there."""
    order(org, **CREATE, commit_after_seconds=600)

    with pytest.raises(requests.ConnectionError):
        org.rest("POST", "sobjects/Account", {"Name": "late"})
    before, waiting = names(org), late(org)
    org.control("POST", "clock", {"move_seconds": 599})
    just_before = names(org)
    org.control("POST", "clock", {"move_seconds": 2})

    assert ([], 1, []) == (before, waiting, just_before)
    assert (["late"], 0) == (names(org), late(org))


def test_a_call_that_commits_later_may_hang(org):
    """hold keeps the connection open, so that the caller runs into its own timeout; the work is done all the same."""
    order(org, **CREATE, commit_after_seconds=600, hold=True)

    with pytest.raises(requests.Timeout):
        org.rest("POST", "sobjects/Account", {"Name": "late"}, timeout=0.1)
    assert [] == names(org)
    org.control("POST", "clock", {"move_seconds": 601})

    assert ["late"] == names(org)


def test_who_may_not_call_gets_no_late_commit(org):
    """Whether a caller is signed in is decided when the call arrives: the answer is 401, as without the fault."""
    order(org, **CREATE, commit_after_seconds=600)

    refused = requests.post(f"{org.url}/services/data/v67.0/sobjects/Account", json={"Name": "x"}, timeout=5)

    assert 401 == refused.status_code
    assert 0 == late(org)


def test_a_late_answer_says_what_was_done(org):
    """latency_seconds answers later, and the work is done after the wait."""
    order(org, **CREATE, latency_seconds=0.2)

    answer = org.rest("POST", "sobjects/Account", {"Name": "slow"})

    assert 201 == answer.status_code
    assert answer.elapsed.total_seconds() >= 0.2


def test_503_after_the_commit(org):
    """status_after_commit answers with an error although the record is there."""
    order(org, **CREATE, status_after_commit=503)

    answer = org.rest("POST", "sobjects/Account", {"Name": "there"})

    assert 503 == answer.status_code
    assert "SERVER_UNAVAILABLE" == answer.json()[0]["errorCode"]
    assert ["there"] == names(org)


def test_a_call_that_never_arrived(org):
    """drop_before_work cuts the connection and does nothing."""
    order(org, **CREATE, drop_before_work=True)

    with pytest.raises(requests.ConnectionError):
        org.rest("POST", "sobjects/Account", {"Name": "lost"})

    assert [] == names(org)


def test_sessions_end_at_a_rate(org):
    """expire_session ends the caller's session: 401 now, and with the same token 401 for ever."""
    token = org.control("POST", "sessions", {})["access_token"]
    order(org, match="limits", expire_session=True, times=1)

    statuses = [org.rest("GET", "limits", headers={"Authorization": f"Bearer {token}"}).status_code for _ in range(2)]

    assert [401, 401] == statuses
    assert 200 == org.rest("GET", "limits").status_code


def test_a_limit_that_opens_again(org):
    """for_seconds ends a fault on the stand-in's clock; code and words can be chosen."""
    words = {"errorCode": "REQUEST_LIMIT_EXCEEDED", "message": "ConcurrentPerOrgLongTxn Limit exceeded."}
    order(org, match="limits", status=403, for_seconds=600, **words)

    closed = org.rest("GET", "limits")
    org.control("POST", "clock", {"move_seconds": 601})

    assert (403, [words]) == (closed.status_code, [{key: closed.json()[0][key] for key in words}])
    assert 200 == org.rest("GET", "limits").status_code


def test_the_days_calls_roll_off_hour_by_hour(org):
    """The limit looks back 24 hours: what was called 25 hours ago no longer counts, later calls do."""
    org.control("POST", "settings", {"dailyApiRequests": 2, "enforceApiLimit": True})
    org.rest("GET", "limits")
    org.control("POST", "clock", {"move_seconds": 12 * 3600})
    org.rest("GET", "limits")
    refused = org.rest("GET", "limits").status_code
    org.control("POST", "clock", {"move_seconds": 13 * 3600})

    again = org.rest("GET", "limits")

    assert 403 == refused
    assert (200, "api-usage=2/2") == (again.status_code, again.headers["Sforce-Limit-Info"])


def test_calls_and_faults_are_counted(org):
    """How often each fault happened; a refused call is no API call and hides no resource's numbers."""
    org.control("DELETE", "calls")
    order(org, match="limits", status=503, times=2)

    for _ in range(3):
        org.rest("GET", "limits")

    (fault,), summary = org.control("GET", "faults"), org.control("GET", "calls/summary")
    assert (2, 503) == (fault["happened"], fault["status"])
    assert {"limits": 1, "refused by a fault": 2} == {r["resource"]: r["calls"] for r in summary["resources"]}
    assert 1 == summary["apiCalls"]


@pytest.mark.parametrize(
    "fault",
    [
        {},
        {"status": 503, "drop_after_commit": True},
        {"status": 503, "matsch": "x"},
        {"status": 503, "match": "("},
        {"status": 503, "probability": "often"},
        {"status": 99},
        {"status": 503, "times": 10**20},
        {"status": 503, "times": -1},
        {"latency_seconds": -1},
        {"record_error": {"message": "no code"}},
        {"record_error": {"statusCode": "X"}, "where": {"field": "Name"}},
        {"outbound": "eat"},
        {"request_error": {"errorCode": "X"}, "scope": "world"},
    ],
)
def test_an_order_that_means_nothing_is_refused(org, fault):
    """A typing error in a test is told, not passed over."""
    answer = org.http.post(f"{org.url}/standin/faults", json=fault)

    assert (400, "BAD_ORDER") == (answer.status_code, answer.json()[0]["errorCode"])
    assert [] == org.control("GET", "faults")
