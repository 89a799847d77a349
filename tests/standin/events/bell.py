"""Wakes what waits on the event loop when something has happened, from whichever thread."""

import asyncio


class Bell:
    """Streams wait on it; commits, the clock, sessions and orders ring it."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._waiting: set[asyncio.Event] = set()

    def hang(self) -> None:
        """Belong to the loop that runs now."""
        self._loop = asyncio.get_running_loop()

    def ring(self) -> None:
        if self._loop is not None and self._waiting:
            self._loop.call_soon_threadsafe(self._wake)

    def _wake(self) -> None:
        for event in self._waiting:
            event.set()

    def join(self) -> asyncio.Event:
        """An event that every ring sets; the waiter clears it, and leaves when it is done."""
        event = asyncio.Event()
        self._waiting.add(event)
        return event

    def leave(self, event: asyncio.Event) -> None:
        self._waiting.discard(event)


async def wait(event: asyncio.Event, seconds: float) -> None:
    """Until the event is set, this long at most."""
    try:
        async with asyncio.timeout(max(seconds, 0.0)):
            await event.wait()
    except TimeoutError:
        pass
    event.clear()
