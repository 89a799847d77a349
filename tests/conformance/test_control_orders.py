"""Orders to the control API that mean nothing: refused, and nothing of them stays."""

import pytest


def refused(org, path, order):
    answer = org.http.post(f"{org.url}/standin/{path}", json=order)
    return answer.status_code, answer.json()[0]["errorCode"]


@pytest.mark.parametrize(
    "order",
    [
        {"dailyApiRequest": 5},
        {"dailyApiRequests": "5"},
        {"dailyApiRequests": 10**30},
        {"dailyApiRequests": True},
        {"sessionTimeoutSeconds": -1},
        {"checkReferences": "false"},
        {"loginHosts": "login.salesforce.com"},
        {"collectionParseErrors": "recrod"},
        {"changeDataCapture": "Account"},
        {"bulkFailAfterRecords": "3"},
        {"cursorMinutes": None},
    ],
)
def test_a_setting_has_its_kind(org, order):
    """A typing error in a test is told; every later call is answered as before."""
    before = org.control("GET", "settings")

    assert (400, "BAD_ORDER") == refused(org, "settings", order)

    assert before == org.control("GET", "settings")
    assert 200 == org.rest("GET", "limits").status_code


@pytest.mark.parametrize("seconds", [10**300, -(10**12), "x", None, "nan"])
def test_the_clock_stays_in_the_calendar(org, seconds):
    """A clock beyond what dates can say would fail every later call."""
    assert (400, "BAD_ORDER") == refused(org, "clock", {"move_seconds": seconds})

    assert 0 == org.control("GET", "clock")["offset_seconds"]


@pytest.mark.parametrize(
    ("path", "order"),
    [
        ("objects", 5),
        ("objects", [None]),
        ("objects", {"name": 5, "fields": []}),
        ("objects/Account/fields", {"name": [], "type": "string"}),
        ("outbound-messages", {"name": "m", "object": 5, "fields": ["Id"], "endpoint": "http://127.0.0.1:9/"}),
        ("sessions", {"username": 5}),
        ("clients", {"client_id": "c", "username": 5}),
        ("duplicate-rules", {"name": "r", "object": "Lead", "fields": [5], "action": "block"}),
        ("access", {"username": None, "object": "Lead"}),
    ],
)
def test_a_value_of_the_wrong_kind_is_refused(org, path, order):
    """What is no name where a name must be: 400, never a failure of the stand-in."""
    assert (400, "BAD_ORDER") == refused(org, path, order)
