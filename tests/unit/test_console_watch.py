"""Streams: one look for all who watch, ever more seldom while nothing happens, and an end after five minutes."""

from collections.abc import Callable

import anyio

from common.console.watch import FIRST_WAIT, LIFE_SECONDS, LONGEST_WAIT, Event, Watch


class World:
    """A clock that sleeping moves, and a mark that somebody changes."""

    def __init__(self, changes: Callable[[float], str]) -> None:
        self.now = 0.0
        self.looks: list[float] = []
        self._changes = changes

    async def sleep(self, seconds: float) -> None:
        self.now += seconds
        await anyio.lowlevel.checkpoint()

    def look(self) -> str:
        self.looks.append(self.now)
        return self._changes(self.now)

    def watch(self) -> Watch:
        return Watch(self.look, sleep=self.sleep, now=lambda: self.now)


async def all_of(watch: Watch) -> list[Event]:
    return [event async for event in watch.events()]


def test_a_quiet_stream_looks_ever_more_seldom_and_ends() -> None:
    """Some twenty looks in five minutes, then none: what is left open wakes nobody."""
    world = World(lambda _: "same")

    events = anyio.run(all_of, world.watch())

    waits = [b - a for a, b in zip(world.looks, world.looks[1:], strict=False)]
    assert [Event("changed", "same"), Event("ended")] == [e for e in events if e.name != "still"]
    assert (FIRST_WAIT, LONGEST_WAIT) == (waits[0], waits[-1])
    assert waits == sorted(waits)
    assert len(world.looks) < 20
    assert world.now <= LIFE_SECONDS


def test_a_change_is_told_once_and_quickens_the_looks() -> None:
    world = World(lambda now: "after" if now > 100 else "before")

    events = anyio.run(all_of, world.watch())

    assert ["before", "after"] == [e.mark for e in events if e.name == "changed"]
    told = next(at for at in world.looks if at > 100)
    assert FIRST_WAIT == world.looks[world.looks.index(told) + 1] - told


def test_many_who_watch_cost_one_look() -> None:
    """All of them hear what one look has found."""
    world = World(lambda _: "same")
    watch = world.watch()

    async def ten() -> None:
        async with anyio.create_task_group() as group:
            for _ in range(10):
                group.start_soon(_first, watch)

    anyio.run(ten)

    assert 1 == len(world.looks)


async def _first(watch: Watch) -> None:
    async for event in watch.events():
        assert "changed" == event.name
        return
