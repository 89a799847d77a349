"""Salesforce's change events alone, on a whole stack: no outbound message is defined, and no listener drains."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest

from common import bookmark
from common.bookmark import Bookmark
from common.bookmarks.folder import Folder
from tests.e2e.conftest import MakeStack
from tests.stack import sample
from tests.stack.stack import Stack

RowsOf = Callable[[Stack], sample.Rows]

TOPIC = "/data/AccountChangeEvent"
FIELDS = ("Id", "External_Id__c", "Name", "Phone", "NumberOfEmployees")
ALL = "SELECT sfid, id, name, phone, number_of_employees FROM salesforce.account"
RECORDS = 20_000  #: some three seconds of events; the bookmark is saved once a second
pytestmark = pytest.mark.timeout(600)


@pytest.fixture
def stack(start: MakeStack) -> Stack:
    """A stack without outbound messages, with accounts mapped."""
    stack = start(pubsub="broker", call_seconds=10)
    sample.quietly(stack, "mapping", "create", "Account", "--yes")
    return stack


@pytest.fixture
def client(stack: Stack) -> sample.Client:
    return sample.Client(stack)


@pytest.fixture
def follower(stack: Stack) -> Iterator[None]:
    """`isthmus pull --follow`, as a container runs it."""
    child = stack.another("puller", "pull", "--follow")
    child.start()
    sample.wait_until(lambda: "following" in child.tail(), "the follower")
    yield
    child.stop()
    assert 0 == child._process.returncode


def test_every_kind_of_change_arrives(stack: Stack, client: sample.Client, rows: RowsOf) -> None:
    """Created, changed and emptied, deleted, undeleted: each run of the door brings what happened since the last one."""
    psql = rows(stack)
    ids = _create(client, 0, 20)

    assert 20 == _pull(stack)
    _until_equal(client, psql)

    client.rest("PATCH", f"sobjects/Account/{ids[0]}", {"Phone": "02-1", "NumberOfEmployees": None})
    client.rest("DELETE", f"sobjects/Account/{ids[1]}")
    client.rest("DELETE", f"sobjects/Account/{ids[2]}")
    assert 3 == _pull(stack)
    _until_equal(client, psql)

    client.control("POST", f"records/{ids[1]}/undelete")
    client.rest("PATCH", f"sobjects/Account/{ids[3]}", {"Name": "살아 있다"})
    assert 2 == _pull(stack)
    _until_equal(client, psql)
    assert 19 == len(psql.run(ALL))
    assert [[0]] == psql.run("SELECT count(*) FROM isthmus.dead_letter")


def test_the_schedule_pulls(start: MakeStack, rows: RowsOf) -> None:
    """Every minute, on the job that the stack (and Terraform) makes."""
    stack = start(pubsub="broker", pulls=True, moved_clock=True)
    sample.quietly(stack, "mapping", "create", "Account", "--yes")
    client, psql = sample.Client(stack), rows(stack)
    _create(client, 0, 3)

    stack.move_clock(61)

    _until_equal(client, psql)


def test_a_follower_brings_every_commit_at_once(
    stack: Stack, client: sample.Client, rows: RowsOf, follower: None
) -> None:
    """Within seconds, however the records changed, and through a broken stream."""
    psql = rows(stack)
    ids = _create(client, 0, 3)
    _until_equal(client, psql)

    client.control("POST", "events/streams", {"error": "service.unavailable"})
    client.rest("PATCH", f"sobjects/Account/{ids[0]}", {"Phone": "after the break"})

    _until_equal(client, psql)


def test_a_killed_door_loses_nothing(stack: Stack, client: sample.Client, rows: RowsOf) -> None:
    """kill -9 in the midst of 20,000 events, again and again, at whatever point it is: both sides are equal in the end."""
    psql = rows(stack)
    shelf = Folder(stack.environment["PULL_STATE"])
    ids = [i for n in range(0, RECORDS, 200) for i in _create(client, n, 200)]
    for n in range(0, 400, 200):
        listed = ",".join(ids[n : n + 200])
        client.rest("DELETE", f"composite/sobjects?ids={listed}")  # one event: the same change of many records
    killed_at: list[int] = []

    for reached in (
        lambda was: _page(shelf).holder not in ("", was.holder),  # it is held, and little or nothing is published
        lambda was: _arrived(psql) > 1000,  # much is published, and the bookmark knows nothing of it
        lambda was: _page(shelf).events > was.events,  # some are confirmed, and the bookmark says so
    ):
        was = _page(shelf)
        puller = threading.Thread(target=_pull_or_die, args=(stack,))
        puller.start()
        sample.wait_until(lambda reached=reached, was=was: reached(was), "the moment", seconds=120)
        stack.doors["pull_change_events"].kill()
        killed_at.append(_page(shelf).events)
        puller.join()
        stack.start_door("pull_change_events")
        _let_the_lease_end(shelf)
    while _pull(stack):
        pass
    _until_equal(client, psql)

    assert killed_at == sorted(killed_at)
    assert killed_at[-1] < RECORDS, ("it was killed in the midst", killed_at)
    assert RECORDS - 400 == len(psql.run(ALL))
    assert [[0]] == psql.run("SELECT count(*) FROM isthmus.dead_letter")


def test_an_echo_costs_a_read_at_most(stack: Stack, client: sample.Client, rows: RowsOf) -> None:
    """Our own write comes back as an event: the row takes what Salesforce made of it, nothing is sent again; and the
    same event once more costs not even a read.
    """
    psql = rows(stack)
    _create(client, 0, 1)
    _pull(stack)
    _until_equal(client, psql)
    psql.run("UPDATE salesforce.account SET phone = 'ours ' || id")
    _until_equal(client, psql)
    sample.wait_until(
        lambda: [[1]] == psql.run("SELECT count(*) FROM isthmus.change_log WHERE processed"), "the edit's end"
    )

    assert 1 == _pull(stack)
    stamp = client.rest("GET", "query?q=SELECT+SystemModstamp+FROM+Account")["records"][0]["SystemModstamp"]
    look = "SELECT isthmus_read_at - system_modstamp > interval '2 seconds' FROM salesforce.account WHERE system_modstamp = :s"
    sample.wait_until(lambda: psql.run(look, s=stamp) == [[True]], "the echo, read twice since it was young")
    assert 0 == _pull(stack), "nothing of it went to Salesforce again"
    reads = _reads(client)
    client.control("POST", "events/duplicate", {"last": 1})
    assert 1 == _pull(stack)
    sample.wait_until(lambda: '"outcome": "stale"' in _log(stack), "the repeated echo")

    assert reads == _reads(client)
    assert [[1]] == psql.run("SELECT count(*) FROM isthmus.change_log")


def _create(client: sample.Client, first: int, count: int) -> list[str]:
    made = [
        {"attributes": {"type": "Account"}, "External_Id__c": f"a-{n}", "Name": f"회사 {n:06d}", "NumberOfEmployees": n}
        for n in range(first, first + count)
    ]
    return [r["id"] for r in client.rest("POST", "composite/sobjects", {"records": made})]


def _pull(stack: Stack) -> int:
    """Call the door as the schedule does; how many events it published."""
    address = stack.door_url("pull_change_events")
    with urlopen(Request(address, data=b"", method="POST"), timeout=120) as answer:
        return int(answer.read())


def _pull_or_die(stack: Stack) -> None:
    try:
        _pull(stack)
    except OSError:
        pass  # it was killed meanwhile


def _page(shelf: Folder) -> Bookmark:
    return bookmark.decode(shelf.read(TOPIC)[0])


def _arrived(psql: sample.Rows) -> int:
    return int(psql.run("SELECT count(*) FROM salesforce.account")[0][0])


def _let_the_lease_end(shelf: Folder) -> None:
    """As time would."""
    page, generation = shelf.read(TOPIC)
    at = bookmark.decode(page)
    assert at.lease_until is not None
    assert at.holder
    shelf.write(TOPIC, bookmark.encode(replace(at, lease_until=at.lease_until - timedelta(minutes=1))), generation)


def _until_equal(client: sample.Client, psql: sample.Rows) -> None:
    sample.wait_until(lambda: _there(client) == set(map(tuple, psql.run(ALL))), "equality", seconds=240)


def _there(client: sample.Client) -> set[tuple[Any, ...]]:
    page = client.rest("GET", f"query?q=SELECT+{',+'.join(FIELDS)}+FROM+Account")
    records = page["records"]
    while not page["done"]:
        page = client.rest("GET", page["nextRecordsUrl"].split("/", 4)[4])
        records += page["records"]
    return {tuple(r[name] for name in FIELDS) for r in records}


def _reads(client: sample.Client) -> int:
    """How often our doors have read records."""
    calls = client.control("GET", "calls?limit=1000")
    return sum("composite/sobjects/Account" in str(call) for call in calls)


def _log(stack: Stack) -> str:
    return Path(stack.doors["upsert_postgres"].log).read_text()
