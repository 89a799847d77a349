"""Road A, its quick start: what Salesforce tells of changes is published, and only then is it done with."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import groupby

from common import backoff, bookmark, log
from common.bookmark import Bookmark, Overtaken, Resync, Shelf, Trouble
from common.change import EVENT
from common.clock import Clock
from common.errors import IsthmusError, Misconfigured, Transient
from common.events import Broken, Channel, Events, Exhausted, Expired, Heard, Lost, Stream
from common.ports import Topic
from common.work import Work, resync

LEASE = timedelta(seconds=20)  #: of one puller on its channel, renewed while it hears something
SAVE_SECONDS = 1.0  #: between two saves: a bucket takes one write a second of an object
AWAKE_SECONDS = 60.0  #: a lease is let go after so long a silence: a write every ten seconds costs money in a bucket
LOOK_SECONDS = 0.5  #: how long a puller may be deaf to being told to end
SILENT_SECONDS = 300.0  #: Salesforce says something every 270 s: a stream that does not is dead
LOOKED = timedelta(hours=1)  #: how often it is written down that there was nothing to read
KEPT = timedelta(hours=60)  #: what is younger is surely still to be had: Salesforce keeps 72 hours
OVERLAP = timedelta(minutes=10)  #: a stamp may lie so long before its commit
REST = timedelta(minutes=15)  #: between two attempts while the org's deliveries of a day are used up


@dataclass(frozen=True, slots=True)
class World:
    """What this journey needs."""

    door: str
    events: Events
    shelf: Shelf
    topic: Topic
    ask: Callable[[Work], None]  #: publishes on topic `work`
    now: Clock
    holder: str  #: our name on the bookmarks, no other process's


@dataclass(frozen=True)
class Patience:
    """How long to stay with a channel."""

    seconds: float  #: at most
    quiet_seconds: float  #: once nothing has come for so long
    stopped: Callable[[], bool] = lambda: False
    began: float = field(default_factory=time.monotonic)

    def left(self, heard_at: float) -> float:
        """Seconds for which to wait for the next event."""
        if self.stopped():
            return 0.0
        now = time.monotonic()
        return min(self.began + self.seconds - now, heard_at + self.quiet_seconds - now)


@dataclass(slots=True)
class Pulled:
    """What one run did on one channel."""

    events: int = 0
    changes: int = 0
    ending: str = "quiet"  #: quiet, held (by somebody else), overtaken, resting (the org's deliveries are used up)


def pull(channel: Channel, world: World, patience: Patience) -> Pulled:
    """Publish what a channel tells from its bookmark on; the bookmark follows what Pub/Sub has confirmed.

    Raises:
        Transient: what was published stays published, and may be published once more.
        Misconfigured: a person must act; it is written down too.
    """
    page = _Page(world.shelf, channel)
    if page.bookmark.held(world.holder, world.now()):
        return Pulled(ending="held")
    trouble = page.bookmark.trouble
    if trouble and trouble.rest_until and trouble.rest_until > world.now():
        return Pulled(ending="resting")
    _refuse_other_org(page.bookmark, world)
    run = _Run(channel, world, patience, page)
    try:
        run.go()
    except Overtaken:
        run.pulled.ending = "overtaken"
    except Exhausted as exc:
        run.rest(exc)
    except Misconfigured as exc:
        run.note(exc)
        raise
    return run.pulled


def _refuse_other_org(at: Bookmark, world: World) -> None:
    """Another org's replay ids may look like ours: what lies between would be taken for read."""
    if at.org_id and at.org_id != world.events.org_id:
        raise Misconfigured(
            "other_org",
            f"the bookmarks are of org {at.org_id}, the login leads to {world.events.org_id}",
            "Name another place in PULL_STATE, and compare what is there (`isthmus rebase` after a sandbox refresh).",
        )


class _Page:
    """One channel's bookmark, as it was last read or written."""

    def __init__(self, shelf: Shelf, channel: Channel) -> None:
        self._shelf = shelf
        self._name = channel.topic
        page, self._generation = shelf.read(self._name)
        self.bookmark = bookmark.decode(page)

    def write(self, new: Bookmark) -> None:
        self._generation = self._shelf.write(self._name, bookmark.encode(new), self._generation)
        self.bookmark = new


class _Run:
    """One run on one channel."""

    def __init__(self, channel: Channel, world: World, patience: Patience, page: _Page) -> None:
        self._channel = channel
        self._world = world
        self._patience = patience
        self._page = page
        self._now: Bookmark = page.bookmark  #: what is true; the page follows
        self._leased_at = float("-inf")
        self._saved_at = float("-inf")
        self._failures = 0
        self.pulled = Pulled()

    def go(self) -> None:
        """Until patience ends."""
        try:
            while not self._subscribed():
                pass
        except Overtaken:
            raise
        except BaseException:
            self._leave()
            raise
        self._leave()

    def _subscribed(self) -> bool:
        """One subscription; whether that was all."""
        try:
            with self._world.events.subscribe(self._channel.topic, self._now.place) as stream:
                self._listen(stream)
            return True
        except Expired as exc:
            self._begin_anew(exc)
        except Broken as exc:
            self._failures += 1
            self._wait(exc)
        return False

    def _listen(self, stream: Stream) -> None:
        heard_at = time.monotonic()
        while (left := self._patience.left(heard_at)) > 0:
            heard = stream.hear(min(left, LOOK_SECONDS))
            if heard is not None:
                heard_at = time.monotonic()
                self._take(heard)
                stream.ask()
            elif time.monotonic() - heard_at > SILENT_SECONDS:
                raise Broken("stream_silent", self._channel.topic, "It is opened again.")
            elif self._unsaved or self._to_be_renewed(heard_at):
                self._save()
        self._looked(time.monotonic() - heard_at >= min(self._patience.quiet_seconds, LOOK_SECONDS))

    def _take(self, heard: Heard) -> None:
        """Publish, then move on: an event that is not confirmed is heard again."""
        self._failures = 0
        if heard.events and not self._leased:
            self._save()  # whoever else has heard it too stops here
        for _, changes in groupby(sorted(heard.changes, key=lambda c: c.sobject), key=lambda c: c.sobject):
            self._world.topic.publish(list(changes))
        for lost in dict.fromkeys(heard.lost):
            self._wish(lost, None)
        self.pulled.events += heard.events
        self.pulled.changes += len(heard.changes)
        self._now = replace(
            self._now, place=heard.place, event_at=heard.at or self._now.event_at, trouble=None,
            events=self._now.events + heard.events,
            looked_at=self._now.looked_at if heard.events else self._world.now(),
        )  # fmt: skip
        if heard.lost or time.monotonic() - self._saved_at >= SAVE_SECONDS:
            self._save()

    # -- what cannot be read -------------------------------------------------------------------------

    def _begin_anew(self, exc: Expired) -> None:
        """The replay id is gone. Where we have seen the channel's end lately, nothing else is."""
        if not self._now.place:
            raise Transient(exc.reason, exc.detail, exc.hint) from exc
        log.trouble(self._world.door, exc)
        seen = max((t for t in (self._now.event_at, self._now.looked_at) if t), default=None)
        if seen is None or self._world.now() - seen > KEPT:
            self._wish(Lost(self._channel.sobject, "expired"), seen - OVERLAP if seen else None)
        self._now = replace(self._now, place=b"")
        self._save()

    def _wish(self, lost: Lost, since: datetime | None) -> None:
        """Ask for a comparison, and write it down where people look: it stays until somebody settles it."""
        asked_at = self._world.now()  # before the comparison begins, or that would not settle it
        self._ask(lost, since)
        self._now = self._now.wishing([Resync(lost.sobject, lost.reason, since, asked_at)])

    def _ask(self, lost: Lost, since: datetime | None) -> None:
        if lost.sobject.endswith(EVENT):
            return  # there is nothing to compare with: people are told, on the page
        self._world.ask(resync(lost.sobject, lost.reason, since))
        log.run(self._world.door, "resync", sobject=lost.sobject, reason=lost.reason)

    def rest(self, exc: Exhausted) -> None:
        """The org's deliveries are used up: leave it alone for a while, and have the object polled instead."""
        log.trouble(self._world.door, exc)
        seen = max((t for t in (self._now.event_at, self._now.looked_at) if t), default=None)
        self._ask(Lost(self._channel.sobject, exc.reason), seen - OVERLAP if seen else None)
        self.note(exc, self._world.now() + REST)
        self.pulled.ending = "resting"

    def note(self, exc: IsthmusError, rest_until: datetime | None = None) -> None:
        """Write a trouble down, once: a page that says it already is not written again."""
        known = self._now.trouble
        if known and known.reason == exc.reason and rest_until is None:
            return
        since = known.since if known and known.reason == exc.reason else self._world.now()
        self._now = replace(self._now, trouble=Trouble(exc.reason, exc.detail, exc.hint, since, rest_until))
        self._leave()

    def _wait(self, exc: Broken) -> None:
        """Before the next subscription; where patience will have ended by then, the trouble is told."""
        pause = max(backoff.seconds(self._failures, first=0.5, longest=30.0), exc.pause_seconds)
        if self._patience.left(time.monotonic()) <= pause or self._patience.quiet_seconds < exc.pause_seconds:
            raise exc
        log.trouble(self._world.door, exc)
        until = time.monotonic() + pause
        while time.monotonic() < until and not self._patience.stopped():
            time.sleep(min(LOOK_SECONDS, pause))

    # -- the page ------------------------------------------------------------------------------------

    @property
    def _ours(self) -> bool:
        return self._now.holder == self._world.holder

    @property
    def _leased(self) -> bool:
        return time.monotonic() - self._leased_at < LEASE.total_seconds()

    @property
    def _unsaved(self) -> bool:
        return self._now.place != self._page.bookmark.place and time.monotonic() - self._saved_at >= SAVE_SECONDS

    def _to_be_renewed(self, heard_at: float) -> bool:
        now = time.monotonic()
        return self._leased and now - self._leased_at > LEASE.total_seconds() / 2 and now - heard_at < AWAKE_SECONDS

    def _save(self) -> None:
        """Write the page, with our name on it."""
        until = self._world.now() + LEASE
        self._now = replace(self._now, org_id=self._world.events.org_id, holder=self._world.holder, lease_until=until)
        self._page.write(self._now)
        self._saved_at = self._leased_at = time.monotonic()

    def _looked(self, quiet: bool) -> None:
        """Nothing more was there: written down now and then, since a quiet channel's replay id grows old too."""
        now, last = self._world.now(), self._now.looked_at
        dirty = self._now != self._page.bookmark or self._ours
        if quiet and (dirty or last is None or now - last >= LOOKED):
            self._now = replace(self._now, looked_at=now, trouble=None)
        elif quiet and self._now.trouble:
            self._now = replace(self._now, trouble=None)

    def _leave(self) -> None:
        """Take our name off the page; it is written only where that changes something."""
        self._now = replace(self._now, holder="", lease_until=None) if self._ours else self._now
        if self._now != self._page.bookmark:
            self._page.write(self._now)
