"""Doors without their database, and callers that behave badly."""

import http.client
import json

import pytest
import requests

from tests.functions.doors import DOORS, opened

PUSHED = ["upsert_postgres", "upsert_salesforce", "keep_dead_letters"]


@pytest.fixture(scope="module")
def open_door(tmp_path_factory):
    with opened(tmp_path_factory.mktemp("doors")) as open_door:
        yield open_door


@pytest.fixture(scope="module", params=DOORS)
def door(request, open_door):
    return request.param, open_door(request.param)


def a_push(data="bm90IG91cnM="):
    return {"message": {"data": data, "messageId": "1", "publishTime": "2026-01-31T12:00:00Z"}, "subscription": "s"}


@pytest.mark.parametrize("name", PUSHED)
def test_without_its_database_a_door_acknowledges_nothing(name, open_door):
    """Neither a readable message nor one that would have to be buried."""
    running = open_door(name)
    change = "eyJ2IjoxLCJzb3VyY2UiOiJzYWxlc2ZvcmNlIiwic29iamVjdCI6IkFjY291bnQiLCJjaGFuZ2VzIjpbeyJpZCI6IjAwMSIsIm9wIjoidXBzZXJ0Iiwic3RhbXAiOiIyMDI2LTAxLTMxIiwiZXZlbnQiOiJlIiwiZmllbGRzIjp7fX1dfQ=="

    for data in (change, "bm90IG91cnM="):
        body = a_push(data)
        body["message"]["attributes"] = {"isthmus-round": "5"}  # keep_dead_letters' last
        answer = requests.post(f"{running.url}/work", json=body, timeout=30)
        assert (503, "database_unavailable\n") == (answer.status_code, answer.text)
    troubles = [json.loads(line) for line in running.child.tail(20_000).splitlines() if '"trouble"' in line]
    assert "database_unavailable" in {trouble["reason"] for trouble in troubles}


def test_the_drainer_without_its_database_says_so(open_door):
    """With and without a listen window, and whatever nonsense the window is."""
    running = open_door("drain_change_log")

    for query in ("", "?listen=1", "?listen=nan", "?listen=inf", "?listen=x", "?listen=-1"):
        answer = requests.post(f"{running.url}/{query}", timeout=60)
        assert (503, "database_unavailable\n") == (answer.status_code, answer.text)


def test_a_door_outlives_rude_callers(door):
    """Half a request, a wrong protocol and a hang-up leave it well."""
    _, running = door

    for rude in (b"GET / HTT", b"\x16\x03\x01\x00\xa5\x01", b"POST / HTTP/1.1\r\nContent-Length: 100\r\n\r\nx"):
        connection = http.client.HTTPConnection("127.0.0.1", running.port, timeout=10)
        connection.connect()
        connection.sock.sendall(rude)
        connection.close()

    assert 200 == requests.get(running.url, timeout=30).status_code
