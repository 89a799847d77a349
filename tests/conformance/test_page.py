"""The page for people: what the stand-in holds and does, on one screen."""

import pytest
import requests


@pytest.fixture
def page(org):
    def read(path="/"):
        answer = requests.get(f"{org.url}{path}", timeout=5)
        assert 200 == answer.status_code
        return answer.text

    return read


def test_the_page_tells_what_there_is_and_what_happens(org, page):
    """Objects with counts, queues, calls with their status, faults with how often, the clock as it was moved."""
    org.create("Account", Name="one")
    org.control("POST", "faults", {"match": "/limits", "status": 503, "times": 3})
    org.rest("GET", "limits")
    org.control("POST", "clock", {"move_seconds": 7200})
    body = {"name": "To us", "object": "Account", "fields": ["Name"], "endpoint": "http://127.0.0.1:9/"}
    org.control("POST", "outbound-messages", body)

    text = page()

    assert '<a href="/records/Account">Account</a> <small>Account</small></td><td>1</td>' in text
    assert "<td>status: 503</td><td>/limits</td><td>100%, 3 times</td><td>1</td>" in text.replace(' class="long"', "")
    assert "<td>v67.0/limits</td><td>503</td>" in text.replace(' class="long"', "")
    assert "moved by 7,200 s" in text
    assert "<td>To us</td>" in text
    assert "Nobody listens; 0 events were delivered" in text


def test_the_page_shows_text_as_text(org, page):
    """Names come from outside: markup in them is no markup of the page."""
    org.create("Account", Name="<script>alert(1)</script>")
    org.control("POST", "faults", {"match": "<b>", "status": 503})
    org.rest("GET", "query", params={"q": "<i>"})

    text = page() + page("/records/Account")

    assert "<script>alert" not in text
    assert "&lt;script&gt;alert(1)" in text
    assert not {"<b>", "<i>"} & {text[at : at + 3] for at in range(len(text))}


def test_the_control_calls_are_listed(org):
    """GET /standin/ names every call that the control API knows."""
    listed = org.control("GET", "")

    assert {"GET, POST clock", "GET, POST, DELETE faults", "POST reset"} <= set(listed)
