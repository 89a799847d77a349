"""What is done every hour: a database that sleeps is not woken for nothing; wishes are settled by what was compared."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest

from common import bookmark
from common.bookmark import Bookmark, Resync
from common.bookmarks.folder import Folder
from common.events import Channel
from common.flows.hourly import Hourly
from tests.integration.comparing import Comparing, accounts
from tests.standin.driving import Standin

ACCOUNTS = Channel("/data/AccountChangeEvent", "Account")


@pytest.fixture(scope="module")
def standin() -> Iterator[Standin]:
    with Standin() as running:
        yield running


@pytest.fixture
def shelf(tmp_path: Path) -> Folder:
    shelf = Folder(str(tmp_path / "shelf"))
    bookmark.store_channels(shelf, [ACCOUNTS])
    return shelf


class Opened:
    """Counts how often the database was opened: whoever opens it prunes."""

    def __init__(self, sides: Comparing, shelf: Folder) -> None:
        self.times = 0
        self.sides = sides
        self.hourly = Hourly(sides.comparing, self._prune, lambda _: {}, shelf)

    def _prune(self, _: object) -> dict[str, int]:
        self.times += 1
        return {}

    def after(self, hours: float) -> int:
        self.sides.move(hours * 3600)
        self.hourly.run(lambda: True)
        return self.times


def test_a_quiet_database_sleeps_on(sides: Comparing, shelf: Folder, capsys: pytest.CaptureFixture[str]) -> None:
    """One call for each object and hour; it is opened where something changed, once a day, and where mappings changed."""
    accounts(sides.standin, 1)
    opened = Opened(sides, shelf)
    assert [1, 1, 1] == [opened.after(1) for _ in range(3)]
    sides.forget_calls()
    assert (1, 1) == (opened.after(1), sides.calls())
    assert "asleep" in capsys.readouterr().out

    sides.standin.create("Account", Name="new")
    assert [2, 2] == [opened.after(1), opened.after(1)]
    assert 3 == opened.after(24)
    bookmark.store_channels(shelf, [ACCOUNTS, Channel("/data/ContactChangeEvent", "Contact")])
    assert [4, 4] == [opened.after(1), opened.after(1)]


def test_it_is_opened_when_a_full_compare_is_due(sides: Comparing, shelf: Folder) -> None:
    """Though nothing has changed."""
    opened = Opened(sides, shelf)
    opened.after(7 * 24 - 1.5)
    assert [1, 2] == [opened.after(1), opened.after(1)]
    assert 1 == len(sides.works)


def test_what_was_compared_is_wished_no_more(sides: Comparing, shelf: Folder) -> None:
    """A full compare settles every earlier wish of its object, a window those of its time; later ones stay."""
    now = sides.hand()

    def wish(reason: str, since_hours: float | None, asked_hours: float, sobject: str = "Account") -> Resync:
        since = None if since_hours is None else now - timedelta(hours=since_hours)
        return Resync(sobject, reason, since, now - timedelta(hours=asked_hours))

    wishes = (
        wish("overflow", None, 2),
        wish("expired", 3, 2),
        wish("wildcard", 1, -2),
        wish("other", None, 2, "Contact"),
    )
    shelf.write(ACCOUNTS.topic, bookmark.encode(Bookmark(resyncs=wishes)), 0)

    def left() -> list[str]:
        return [w.reason for w in bookmark.decode(shelf.read(ACCOUNTS.topic)[0]).resyncs]

    assert (1, ["overflow", "wildcard", "other"]) == (
        bookmark.settle(shelf, "account", now, now - timedelta(hours=4)), left()
    )  # fmt: skip
    sides.comparing = replace(sides.comparing, settle=partial(bookmark.settle, shelf))
    sides.full()
    assert ["wildcard", "other"] == left()
