"""Commands on the channels of change events: how far each was read, which there are, what has to be compared."""

import argparse
from collections.abc import Sequence
from typing import Any

from common import bookmark, clock, config
from common.bookmark import CHANNELS, Bookmark, Shelf
from common.errors import Terminal
from common.events import Channel
from common.mapping import Mapping
from functions.cli.tables import show

Groups = Any  #: argparse keeps the type of subparsers to itself


def add_to(groups: Groups) -> None:
    commands = groups.add_parser("channels", help="change events: how far each channel was read").add_subparsers(
        metavar="ACTION", required=True
    )
    listed = commands.add_parser("list", help="every channel: how far it was read, its trouble, what is to be compared")
    listed.add_argument("--json", action="store_true", help="for programs")
    listed.set_defaults(run=_list)
    commands.add_parser("refresh", help="write down which channels the mappings need").set_defaults(run=_refresh)
    settle = commands.add_parser("settle", help="say that an object was compared: what was asked for is forgotten")
    settle.add_argument("object", help="API name")
    settle.set_defaults(run=_settle)


def write_down(env: config.Environment, mapped: Sequence[Mapping]) -> None:
    """Write down the channels of the mappings, where pullers look: they open no database. Nothing without PULL_STATE."""
    if env.get("PULL_STATE"):
        channels = _write(_shelf(env), mapped)
        print(f"{len(channels)} channels of change events are pulled.")


def _write(shelf: Shelf, mapped: Sequence[Mapping]) -> list[Channel]:
    from common.salesforce.events import topics

    channels = topics.of_mappings(mapped)
    bookmark.store_channels(shelf, channels)
    return channels


def _shelf(env: config.Environment) -> Shelf:
    from common.bookmarks import shelf

    return shelf(config.pull_state(env))


def _refresh(_: argparse.Namespace, env: config.Environment) -> None:
    from common.postgres import mappings
    from common.postgres.connect import Database

    shelf = _shelf(env)
    with Database(config.database(env)) as database, database.transaction() as tx:
        mapped = mappings.read(tx)
    for channel in _write(shelf, mapped):
        print(channel.topic)


def _list(chosen: argparse.Namespace, env: config.Environment) -> None:
    shelf = _shelf(env)
    channels = bookmark.decode_channels(shelf.read(CHANNELS)[0])
    rows = [_row(channel, bookmark.decode(shelf.read(channel.topic)[0])) for channel in channels]
    show(rows, empty="none; `isthmus channels refresh` writes them down", as_json=chosen.json)


def _row(channel: Channel, at: Bookmark) -> dict[str, object]:
    trouble, wishes = at.trouble, at.resyncs
    return {
        "channel": channel.topic,
        "events": at.events,
        "last event": at.event_at,
        "read to its end": at.looked_at,
        "replay id": at.place.hex() or None,
        "read by": at.holder or None,
        "trouble": f"{trouble.reason} since {trouble.since:%Y-%m-%d %H:%M}: {trouble.hint}" if trouble else None,
        "to be compared": "; ".join(
            f"{r.sobject}: {r.reason}, {f'since {r.since:%Y-%m-%d %H:%M}' if r.since else 'all records'}"
            for r in wishes
        )
        or None,
    }


def _settle(chosen: argparse.Namespace, env: config.Environment) -> None:
    settled = bookmark.settle(_shelf(env), chosen.object, clock.now())
    if not settled:
        raise Terminal("nothing_to_settle", f"nothing of {chosen.object} was to be compared", "See `channels list`.")
    print(f"{settled} wishes are settled.")
