"""How far a channel was read, as a page."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from common import bookmark
from common.bookmark import Bookmark, Resync, Trouble
from common.errors import Misconfigured, Transient
from common.events import Channel

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
WHOLE = Bookmark(
    "00D5w000004qGTOEA2",
    bytes.fromhex("00000000001790290000"),
    NOON,
    NOON + timedelta(hours=1),
    7,
    "host/1/ab",
    NOON,
    Trouble("delivery_limit", "said", "do", NOON, NOON + timedelta(minutes=15)),
    (Resync("Account", "overflow", None, NOON), Resync("Contact", "expired", NOON, NOON)),
)


@pytest.mark.parametrize("held", [Bookmark(), WHOLE, replace(WHOLE, trouble=None, resyncs=())])
def test_a_page_is_read_as_it_was_written(held):
    """Replay id, times, lease, trouble and wishes."""
    assert held == bookmark.decode(bookmark.encode(held))


def test_an_empty_page_is_a_channel_that_was_never_read():
    """And a list without a page is a list without channels."""
    assert (Bookmark(), []) == (bookmark.decode(b""), bookmark.decode_channels(b""))


def test_channels_are_read_as_they_were_written():
    """In their order."""
    channels = [Channel("/data/AccountChangeEvent", "Account"), Channel("/data/E__ChangeEvent", "E__c")]

    assert channels == bookmark.decode_channels(bookmark.encode_channels(channels))


@pytest.mark.parametrize("page", [b"garbage", b"[]", b'{"v": 1}', b'{"v": 1, "channels": 3}'])
def test_a_strange_page_is_a_persons(page):
    """It is not taken for an unread channel: three days of events would come again."""
    with pytest.raises(Misconfigured, match="bookmark_unreadable"):
        bookmark.decode(page)
    with pytest.raises(Misconfigured, match="bookmark_unreadable"):
        bookmark.decode_channels(page)


def test_a_newer_releases_page_waits():
    """Until that release is deployed."""
    with pytest.raises(Transient, match="bookmark_version"):
        bookmark.decode(b'{"v": 2}')


@pytest.mark.parametrize(
    ("holder", "until", "held"),
    [
        ("", None, False),
        ("they", NOON + timedelta(seconds=1), True),
        ("they", NOON, False),
        ("we", NOON + timedelta(seconds=1), False),
    ],
)
def test_a_lease_ends_by_itself(holder, until, held):
    """Whoever died holding it keeps nobody out for long."""
    assert held == Bookmark(holder=holder, lease_until=until).held("we", NOON)


@pytest.mark.parametrize(
    ("first", "second", "wanted"),
    [(NOON, NOON - timedelta(1), NOON - timedelta(1)), (None, NOON, None), (NOON, None, None)],
)
def test_wishes_add_up(first, second, wanted):
    """One for each object and reason, from the earliest time; all records, where one of them said so."""
    held = Bookmark().wishing([Resync("Account", "expired", first, NOON), Resync("Account", "overflow", None, NOON)])

    got = held.wishing([Resync("Account", "expired", second, NOON)])

    assert [("expired", wanted), ("overflow", None)] == sorted((r.reason, r.since) for r in got.resyncs)
