"""How far each channel of events was read: kept outside the database, which a look for news must not wake."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Protocol

from common import clock
from common.errors import Misconfigured, Transient
from common.events import Channel

VERSION = 1
CHANNELS = "channels"  #: the page that lists them


class Overtaken(Transient):
    """The page has changed since it was read: nothing was written."""


class Shelf(Protocol):
    """Small pages by name, each with a generation that counts its writes."""

    def read(self, name: str) -> tuple[bytes, int]:
        """A page and its generation; nothing and 0 where there is none.

        Raises:
            Transient, Misconfigured: it could not be read.
        """
        ...

    def write(self, name: str, page: bytes, generation: int) -> int:
        """Replace the page of that generation, 0 for none; its new generation. It is safe once this returns.

        Raises:
            Overtaken: it is of another generation by now; nothing was written.
            Transient: nobody knows whether it was written.
            Misconfigured: we may not.
        """
        ...


@dataclass(frozen=True, slots=True)
class Resync:
    """The wish that all records of an object be compared, or those changed since then."""

    sobject: str
    reason: str
    since: datetime | None
    asked_at: datetime


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why a channel is not read."""

    reason: str
    detail: str
    hint: str
    since: datetime
    rest_until: datetime | None = None  #: no use in trying before


@dataclass(frozen=True, slots=True)
class Bookmark:
    """How far one channel was read, and what is to be known about it."""

    org_id: str = ""  #: whose replay ids these are: another org's may look like them
    place: bytes = b""  #: replay id of the last event that Pub/Sub has confirmed
    event_at: datetime | None = None  #: when that one was committed
    looked_at: datetime | None = None  #: when there was nothing more to read; about an hour old at most
    events: int = 0
    holder: str = ""  #: who reads it
    lease_until: datetime | None = None
    trouble: Trouble | None = None
    resyncs: tuple[Resync, ...] = field(default=())

    def held(self, by: str, now: datetime) -> bool:
        """Whether somebody else reads it just now."""
        return self.holder not in ("", by) and self.lease_until is not None and self.lease_until > now

    def wishing(self, resyncs: Iterable[Resync]) -> "Bookmark":
        """With more to compare: one wish for each object and reason, from the earliest time on."""
        wishes = {(r.sobject, r.reason): r for r in self.resyncs}
        for new in resyncs:
            known = wishes.get((new.sobject, new.reason))
            since = None if known and known.since is None else new.since
            if known and since and known.since:
                since = min(since, known.since)
            wishes[new.sobject, new.reason] = replace(new, since=since)
        return replace(self, resyncs=tuple(wishes.values()))


# -- as JSON -------------------------------------------------------------------------------------


def encode(bookmark: Bookmark) -> bytes:
    held: dict[str, Any] = {
        "v": VERSION,
        "org_id": bookmark.org_id,
        "replay_id": bookmark.place.hex(),
        "event_at": _text(bookmark.event_at),
        "looked_at": _text(bookmark.looked_at),
        "events": bookmark.events,
        "holder": bookmark.holder,
        "lease_until": _text(bookmark.lease_until),
        "resyncs": [
            {"object": r.sobject, "reason": r.reason, "since": _text(r.since), "asked_at": _text(r.asked_at)}
            for r in bookmark.resyncs
        ],
    }
    if (t := bookmark.trouble) is not None:
        held["trouble"] = {
            "reason": t.reason, "detail": t.detail, "hint": t.hint, "since": _text(t.since),
            "rest_until": _text(t.rest_until),
        }  # fmt: skip
    return json.dumps(held, indent=1).encode()


def decode(page: bytes) -> Bookmark:
    """The bookmark of a page; an empty page is a channel that was never read.

    Raises:
        Misconfigured: it is no page of ours.
    """
    if not page:
        return Bookmark()
    try:
        held = _ours(page)
        trouble = held.get("trouble")
        return Bookmark(
            org_id=held.get("org_id", ""),
            place=bytes.fromhex(held["replay_id"]),
            event_at=_moment(held["event_at"]),
            looked_at=_moment(held["looked_at"]),
            events=int(held["events"]),
            holder=held["holder"],
            lease_until=_moment(held["lease_until"]),
            trouble=_trouble(trouble) if trouble else None,
            resyncs=tuple(
                Resync(r["object"], r["reason"], _moment(r["since"]), clock.parse(r["asked_at"]))
                for r in held["resyncs"]
            ),
        )
    except (ValueError, KeyError, TypeError, AttributeError) as exc:
        raise _unreadable(exc) from exc


def encode_channels(channels: Sequence[Channel]) -> bytes:
    listed = [{"topic": c.topic, "object": c.sobject} for c in channels]
    return json.dumps({"v": VERSION, "channels": listed}, indent=1).encode()


def decode_channels(page: bytes) -> list[Channel]:
    """The channels of a page; none of an empty one. Raises as `decode` does."""
    try:
        return [Channel(c["topic"], c["object"]) for c in _ours(page)["channels"]] if page else []
    except (ValueError, KeyError, TypeError, AttributeError) as exc:
        raise _unreadable(exc) from exc


def store_channels(shelf: Shelf, channels: Sequence[Channel]) -> None:
    """Write down which channels are read, where pullers look: they open no database."""
    while True:
        page, generation = shelf.read(CHANNELS)
        if decode_channels(page) == list(channels):
            return
        try:
            shelf.write(CHANNELS, encode_channels(channels), generation)
        except Overtaken:
            continue  # somebody else has changed the mappings too


def settle(shelf: Shelf, sobject: str, asked_before: datetime, since: datetime | None = None) -> int:
    """Forget wishes to compare an object: it was compared, all of it or what changed since a time. How many."""
    channels = decode_channels(shelf.read(CHANNELS)[0])
    return sum(_settled(shelf, c.topic, sobject.lower(), asked_before, since) for c in channels)


def _settled(shelf: Shelf, topic: str, sobject: str, asked_before: datetime, since: datetime | None) -> int:
    def is_done(wish: Resync) -> bool:
        covered = since is None or (wish.since is not None and wish.since >= since)
        return wish.sobject.lower() == sobject and wish.asked_at <= asked_before and covered

    while True:
        page, generation = shelf.read(topic)
        at = decode(page)
        left = tuple(wish for wish in at.resyncs if not is_done(wish))
        try:
            if len(left) < len(at.resyncs):
                shelf.write(topic, encode(replace(at, resyncs=left)), generation)
            return len(at.resyncs) - len(left)
        except Overtaken:
            continue  # it is being read just now


def _ours(page: bytes) -> dict[str, Any]:
    held: dict[str, Any] = json.loads(page)
    if held["v"] != VERSION:
        raise Transient("bookmark_version", f"version {held['v']!r}", "A newer release wrote it: deploy that release.")
    return held


def _unreadable(exc: Exception) -> Misconfigured:
    hint = "Something else wrote there: name another place in PULL_STATE, or remove the page to read all that is kept."
    return Misconfigured("bookmark_unreadable", f"{type(exc).__name__}: {exc}", hint)


def _trouble(held: dict[str, Any]) -> Trouble:
    return Trouble(
        held["reason"], held["detail"], held["hint"], clock.parse(held["since"]), _moment(held["rest_until"])
    )


def _text(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None


def _moment(text: str | None) -> datetime | None:
    return clock.parse(text) if text else None
