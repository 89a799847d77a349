"""Mass deletions in Salesforce wait for a person too, however they are heard of; everything else goes on."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

import pytest

from common.change import Change, Ending
from common.pubsub.topic import PubsubTopic
from tests.integration.accounts import run
from tests.integration.comparing import Comparing, accounts
from tests.standin.driving import Standin

Isthmus = Callable[..., str]


@pytest.fixture(scope="module")
def standin() -> Iterator[Standin]:
    with Standin() as running:
        yield running


@pytest.fixture
def ten(sides: Comparing) -> list[str]:
    """Ten accounts on both sides; more than four deletions, and more than half of the rows, are too many."""
    ids = accounts(sides.standin, 10)
    sides.window()
    run(sides.database, "UPDATE isthmus.sync_configurations SET delete_guard_count = 4, delete_guard_share = 0.5")
    sides.book.refresh()
    return ids


@contextmanager
def at_the_shell(sides: Comparing) -> Iterator[None]:
    """What the shell publishes is read by the reader of this test."""

    def publish(_: Any, changes: list[Change], trace: str = "") -> None:
        sides.topic.publish(changes)

    environment = {"GOOGLE_CLOUD_PROJECT": "p"}
    with mock.patch.object(PubsubTopic, "publish", publish), mock.patch.dict("os.environ", environment):
        yield
    sides.move(30)
    sides.read_published()


def delete(sides: Comparing, ids: list[str], *, purge: bool = False) -> None:
    for record_id in ids:
        sides.standin.rest("DELETE", f"sobjects/Account/{record_id}")
    if purge:
        sides.standin.control("DELETE", "deleted")


def test_a_few_go_and_too_many_wait(sides: Comparing, ten: list[str]) -> None:
    """Within the window they are counted together; an update of another record is not held up."""
    delete(sides, ten[:4])
    assert {Ending.DELETED} == {o.ending for o in sides.read(*ten[:4])}
    delete(sides, ten[4:6])
    sides.standin.rest("PATCH", f"sobjects/Account/{ten[9]}", {"Phone": "2"})

    outcomes = sides.read(*ten[4:6], ten[9])

    assert [Ending.HELD, Ending.HELD, Ending.APPLIED] == [o.ending for o in outcomes]
    assert ten[4:] == sorted(sides.keys())


def test_an_hour_later_a_few_go_again(sides: Comparing, ten: list[str]) -> None:
    """The window has passed."""
    delete(sides, ten[:4])
    sides.read(*ten[:4])
    sides.move(3601)
    delete(sides, ten[4:5])

    assert [Ending.DELETED] == [o.ending for o in sides.read(ten[4])]


def test_a_person_lets_them_go(sides: Comparing, ten: list[str], isthmus: Isthmus) -> None:
    """They are listed with their road, and read once more: what has come back by then stays."""
    delete(sides, ten[:8])
    sides.window()
    assert 10 == len(sides.keys())

    listed = isthmus("deletes", "list"), isthmus("deletes", "list", "Account")
    sides.standin.control("POST", f"records/{ten[0]}/undelete")
    with at_the_shell(sides):
        said = isthmus("deletes", "allow", "Account", "--yes", "--why", "spring cleaning")

    assert ("to Postgres" in listed[0], ten[7] in listed[1], "8 rows go" in said) == (True, True, True)
    assert ([ten[0], *ten[8:]], True) == (sides.keys(), sides.equal())


def test_a_person_keeps_them(sides: Comparing, ten: list[str], isthmus: Isthmus) -> None:
    """The rows stay, whoever tells again that their records are gone."""
    delete(sides, ten[:8])
    sides.window()
    with at_the_shell(sides):
        isthmus("deletes", "refuse", "Account", "--yes")

    sides.full()

    assert ten == sides.keys()
    with pytest.raises(SystemExit, match="no deletion of Account is held"):
        isthmus("deletes", "allow", "Account", "--yes")


def test_purged_records_are_held_too(sides: Comparing, ten: list[str], isthmus: Isthmus) -> None:
    """A full compare that finds too many nowhere asks; once allowed, the next one takes them along."""
    sides.grant_view_all()
    delete(sides, ten[:8], purge=True)
    assert {"compared": 2, "held": 8} == sides.full()

    with at_the_shell(sides):
        isthmus("deletes", "allow", "Account", "--yes")

    assert {"compared": 2, "purged": 8} == sides.full()
    assert (ten[8:], True) == (sides.keys(), sides.equal())
