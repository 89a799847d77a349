"""Calls that may not meet, and how many may."""

import threading

from common.salesforce.lanes import Lanes


def enters(lanes: Lanes, *keys: str, seconds: float = 0) -> bool:
    with lanes.through(frozenset(keys), seconds) as entered:
        return entered


def test_no_more_calls_than_allowed() -> None:
    lanes = Lanes(2)

    with lanes.through(frozenset("a")), lanes.through(frozenset("b")):
        third = enters(lanes, "c")

    assert (False, True) == (third, enters(lanes, "c"))


def test_calls_that_share_a_parent_do_not_meet() -> None:
    """Siblings lock their parent; others pass."""
    lanes = Lanes(4)

    with lanes.through(frozenset({"child-1", "parent"})):
        sibling, stranger = enters(lanes, "child-2", "parent"), enters(lanes, "child-3", "other")

    assert (False, True) == (sibling, stranger)


def test_who_waits_goes_as_soon_as_the_way_is_free() -> None:
    lanes = Lanes(4)
    entered: list[bool] = []
    waiter = threading.Thread(target=lambda: entered.append(enters(lanes, "p", seconds=10)))

    with lanes.through(frozenset("p")):
        waiter.start()
    waiter.join(10)

    assert [True] == entered
