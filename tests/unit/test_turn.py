"""Many ask at once, few do it."""

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

from common.turn import Together, Turn

SECONDS = 10


class Gate:
    """Holds the first one inside until it is opened."""

    def __init__(self, turn):
        self.turn = turn
        self.inside = threading.Event()
        self.open = threading.Event()
        self.done = []

    def first(self):
        with self.turn.unless_covered():
            self.inside.set()
            assert self.open.wait(SECONDS)
            self.done.append("first")

    def scheduled(self):
        with self.turn.alone():
            self.done.append("scheduled")

    def ask(self, name):
        with self.turn.unless_covered() as ours:
            if ours:
                self.done.append(name)
        return ours


def waits(turn):
    """Return once somebody waits for the turn."""
    while turn._waiting.acquire(blocking=False):
        turn._waiting.release()


def test_a_hundred_who_ask_during_one_are_done_by_one_more():
    """One waits and answers for the other ninety-nine, who need not wait."""
    gate = Gate(Turn())
    with ThreadPoolExecutor(3) as pool:
        running = pool.submit(gate.first)
        assert gate.inside.wait(SECONDS)
        waiting = pool.submit(gate.ask, "second")
        waits(gate.turn)

        covered = [gate.ask(str(n)) for n in range(99)]
        gate.open.set()
        running.result(SECONDS)

        assert ([False] * 99, True) == (covered, waiting.result(SECONDS))
    assert ["first", "second"] == gate.done


def test_one_after_the_other_each_do_it():
    """Who has begun covers nobody: what was written since would be missed."""
    gate = Gate(Turn())

    assert [True, True] == [gate.ask("a"), gate.ask("b")]
    assert ["a", "b"] == gate.done


def test_who_fails_gives_the_turn_away():
    """The next one gets through."""
    turn = Turn()
    try:
        with turn.unless_covered():
            raise ValueError
    except ValueError:
        pass

    with turn.alone(), ThreadPoolExecutor(1):
        pass
    with turn.unless_covered() as ours:
        assert ours


def test_alone_covers_nobody():
    """A nudge that comes while the scheduler's run waits still gets its own drain: that run does not come again."""
    gate = Gate(Turn())
    with ThreadPoolExecutor(3) as pool:
        running = pool.submit(gate.first)
        assert gate.inside.wait(SECONDS)
        scheduled = pool.submit(gate.scheduled)
        asked = pool.submit(gate.ask, "nudge")
        waits(gate.turn)
        gate.open.set()
        running.result(SECONDS)
        scheduled.result(SECONDS)

        assert asked.result(SECONDS)


class Counted:
    """Work that counts itself, and holds the first one inside until it is opened."""

    def __init__(self, fails=False):
        self.times = 0
        self.inside = threading.Event()
        self.open = threading.Event()
        self.fails = fails

    def __call__(self):
        self.times += 1
        self.inside.set()
        assert self.open.wait(SECONDS)
        if self.fails:
            raise ValueError("no")


def all_wait(together, count):
    """Return once so many wait for the one that has not begun."""
    while together._next is None or len(together._next._condition._waiters) < count:
        pass


def test_all_who_ask_during_one_share_the_next():
    """Each was served by one that began after it had asked: a hundred cost two."""
    counted = Counted()
    together = Together(counted, 0)
    with ThreadPoolExecutor(32) as pool:
        first = pool.submit(together.do)
        assert counted.inside.wait(SECONDS)
        others = [pool.submit(together.do) for _ in range(20)]
        all_wait(together, 19)  # the twentieth leads

        counted.open.set()
        for one in (first, *others):
            one.result(SECONDS)

    assert 2 == counted.times


def test_one_who_asks_alone_does_not_wait():
    """The gap is counted from the last one's end; within it one waits for the rest of it."""
    now, pauses = [100.0], []
    together = Together(lambda: None, 0.25, pause=pauses.append, clock=lambda: now[0])

    together.do()
    now[0] += 0.1
    together.do()
    now[0] += 1
    together.do()

    assert [0, 0.15, 0] == [round(p, 3) for p in pauses]


def test_who_was_not_served_is_told():
    """And the next one is tried anew."""
    counted = Counted(fails=True)
    counted.open.set()
    together = Together(counted, 0)

    for _ in range(2):
        with suppress(ValueError):
            together.do()
            raise AssertionError("it was told nothing")

    assert 2 == counted.times
