"""Work messages, and whose they are."""

import pytest

from common import clock, work
from common.errors import Terminal, Transient
from common.pubsub import work as reading
from common.pubsub.push import Delivery
from common.work import Work


def a_delivery(piece, **attributes):
    return Delivery(work.encode(piece), "m-1", clock.now(), attributes)


def test_what_is_read_is_what_was_asked_for():
    """Body and kind travel as they are, Korean included."""
    piece = Work(work.BULK_POLL, {"job": "750x", "이름": ["a", 1, None]})

    assert piece == work.decode(work.encode(piece))


def test_unknown_keys_are_ignored():
    """A newer release may say more."""
    assert Work("nudge") == work.decode(b'{"v":1,"kind":"nudge","since":3}')


@pytest.mark.parametrize("data", [b"", b"{}", b"[]", b"null", b'{"v":1}', b'{"v":1,"kind":""}', b'{"v":1,"kind":7}',
                                  b'{"v":1,"kind":"x","body":[]}', b"[" * 100_000])  # fmt: skip
def test_what_is_no_work_is_said_to_be_none(data):
    """It is buried with a reason."""
    with pytest.raises(Terminal) as caught:
        work.decode(data)

    assert "work_unreadable" == caught.value.reason


def test_a_newer_releases_work_waits():
    """Readers are deployed before writers; where they were not, nothing is lost."""
    with pytest.raises(Transient) as caught:
        work.decode(b'{"v":2,"task":"nudge"}')

    assert "message_version" == caught.value.reason


def test_another_readers_work_is_left_alone():
    """Even where it is of a shape that this release cannot read."""
    assert reading.read(a_delivery(Work(work.BULK_POLL), kind=work.BULK_POLL), work.NUDGE) is None
    assert reading.read(Delivery(b"?", "m-1", clock.now(), {"kind": "later"}), work.NUDGE) is None


def test_the_kind_is_known_without_the_attribute():
    """A message that was published by hand carries it in its body."""
    assert Work(work.NUDGE) == reading.read(a_delivery(Work(work.NUDGE)), work.NUDGE)
    assert reading.read(a_delivery(Work(work.BULK_POLL)), work.NUDGE) is None
