"""Many ask at once, few do it."""

import threading
from concurrent.futures import ThreadPoolExecutor

from common.turn import Turn

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
