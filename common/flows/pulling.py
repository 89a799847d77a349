"""Who pulls all channels, and when: the schedule within a window, or a follower that stays."""

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from common import backoff, bookmark, log
from common.errors import IsthmusError, Misconfigured, Transient
from common.events import Channel
from common.flows.pull import Patience, Pulled, World, pull

BUDGET_SECONDS = 50.0  #: one run; the next may be a minute after this one began
QUIET_SECONDS = 2.0  #: a run without a window ends once nothing has come for so long: the schedule pays by the second
REFRESH_SECONDS = 15.0  #: a follower looks so often which channels there are
HELD_SECONDS = 5.0  #: and so often whether somebody else has let go of one
MISTAKEN_SECONDS = 60.0  #: and so often whether a person has acted
MAX_CHANNELS = 100


@dataclass(frozen=True)
class Puller:
    """Pulls every channel, each in a thread of its own."""

    world: World

    def scheduled(self, listen_seconds: float = 0.0) -> int:
        """Pull what waits; in a window, stay for it. How many events.

        Raises:
            Transient, Misconfigured: some channel could not be read; the others were.
        """
        window = min(listen_seconds, BUDGET_SECONDS) if listen_seconds > 0 else 0.0
        patience = Patience(window or BUDGET_SECONDS, window or QUIET_SECONDS)
        channels = self._channels()
        if not channels:
            log.run(self.world.door, "no_channels", hint="`isthmus channels refresh` writes them down.")
            return 0
        with ThreadPoolExecutor(min(len(channels), MAX_CHANNELS)) as pool:
            runs = [pool.submit(self._pull, channel, patience) for channel in channels]
        return sum(run.result().events for run in runs)

    def follow(self, stopped: Callable[[], bool], pause: Callable[[float], object]) -> None:
        """Stay with every channel until told to stop; troubles are waited for.

        Args:
            pause: Waits so many seconds, or until told to stop.
        """
        following: dict[str, Future[None]] = {}
        live: set[str] = set()
        with ThreadPoolExecutor(MAX_CHANNELS) as pool:
            while not stopped():
                for channel in self._listed(live):
                    if channel.topic not in following or following[channel.topic].done():

                        def gone(topic: str = channel.topic) -> bool:
                            return stopped() or topic not in live

                        following[channel.topic] = pool.submit(self._follow, channel, gone, pause)
                pause(REFRESH_SECONDS)
                for run in [f for f in following.values() if f.done()]:
                    run.result()  # a mistake of ours ends us: whoever keeps us running starts us again

    def _listed(self, live: set[str]) -> list[Channel]:
        """The channels there are now, in `live` too; those of last time where that cannot be told."""
        try:
            channels = self._channels()
        except (Transient, Misconfigured) as exc:
            log.trouble(self.world.door, exc)
            return []
        live.clear()
        live.update(c.topic for c in channels)
        return channels

    def _follow(self, channel: Channel, stopped: Callable[[], bool], pause: Callable[[float], object]) -> None:
        failures = 0
        while not stopped():
            began = time.monotonic()
            try:
                done = self._pull(channel, Patience(float("inf"), float("inf"), stopped))
                wait = HELD_SECONDS if done.ending != "quiet" else 0.0
            except Transient:
                failures = failures + 1 if time.monotonic() - began < MISTAKEN_SECONDS else 1
                wait = backoff.seconds(failures, longest=MISTAKEN_SECONDS)
            except Misconfigured:
                wait = MISTAKEN_SECONDS
            if wait and not stopped():
                pause(wait)

    def _pull(self, channel: Channel, patience: Patience) -> Pulled:
        try:
            done = pull(channel, self.world, patience)
        except IsthmusError as exc:
            log.trouble(self.world.door, exc)
            raise
        if done.events or done.ending == "overtaken":
            log.run(self.world.door, "pull", channel=channel.topic, sobject=channel.sobject,
                    events=done.events, changes=done.changes, ending=done.ending)  # fmt: skip
        return done

    def _channels(self) -> list[Channel]:
        return bookmark.decode_channels(self.world.shelf.read(bookmark.CHANNELS)[0])
