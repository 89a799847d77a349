"""A first load, slice by slice, each a message of its own on topic `work`.

    asking    Salesforce works on one query of all records; the message comes again until the answer is complete
    running   a slice is a page of that answer: streamed, staged, merged, done; then the next one is asked for.
              To Salesforce it is some rows that Salesforce never had: captured, and sent as all edits are

A message that finds its slice done asks for the next one; one that finds it under way comes again. So whoever dies at any
point leaves a message that goes on exactly there.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from common.backfill import ASKING, OPEN, Backfill, Backfills, Loaded, Query
from common.change import REREAD, Change
from common.clock import Clock
from common.errors import Misconfigured, Terminal, Transient
from common.flows.identity import refuse_other_org
from common.flows.to_postgres import look_later
from common.mapping import Direction, Mapping
from common.ports import BulkEnd, Mappings, Org, Purse, Topic
from common.work import BACKFILL, NUDGE, Work

MOST_WAITING = 50_000  #: edits of one table in the log: a Bulk API job takes so many, and they are some 50 MB
NOTHING = Loaded(0)


class Family(Protocol):
    """The part of the tables that follows rows written by others."""

    def follow_family(self, mapping: Mapping, sfids: list[str]) -> None: ...


class Works(Protocol):
    """Topic `work`."""

    def publish(self, *pieces: Work) -> None: ...


@dataclass(frozen=True, slots=True)
class World:
    """What this journey needs."""

    mappings: Mappings
    backfills: Backfills
    query: Query
    org: Org
    table: Family
    topic: Topic  #: where records that need care go on
    works: Works
    now: Clock
    purse: Purse | None = None  #: where calls are counted
    timer: Callable[[], float] = time.monotonic


class Slices(Protocol):
    """Who knows which slice comes next."""

    def waiting(self, backfill: Backfill) -> int | None: ...


def carry_on(backfill: Backfill, backfills: Slices, works: Works) -> None:
    """Ask for what is to be done next; for one that has begun, or that goes on after a pause. Too often does no harm."""
    works.publish(_piece(backfill, backfills.waiting(backfill) or 1))


def step(backfill_id: int, number: int, world: World) -> str:
    """Do one slice, or look after the query; asks for the next slice.

    Returns:
        What there was to do: asking, slice, done, or '' where nothing was.

    Raises:
        Transient: later; the message comes again.
        Misconfigured: a person must act; then the message that comes again goes on.
    """
    backfill = world.backfills.find(backfill_id)
    if backfill is None or backfill.state not in OPEN or backfill.paused:
        return ""
    try:
        return _step(backfill, number, world)
    except Terminal as exc:
        world.backfills.end(backfill, "failed", str(exc))
        return "failed"
    except (Transient, Misconfigured) as exc:
        if exc.reason == "configuration_changed":
            world.mappings.refresh()
        if exc.reason == "query_refused" and _is_gone(backfill, world):
            world.backfills.end(backfill, "failed", f"query_failed: Salesforce has its answer no more: {exc.detail}")
            return "failed"
        world.backfills.trouble(backfill, str(exc))
        raise


def _step(backfill: Backfill, number: int, world: World) -> str:
    mapping = _mapping(backfill, world)
    refuse_other_org(world.mappings, world.org)
    world.query.spent()  # what this thread called before was for others
    try:
        return _ask(backfill, mapping, world) if backfill.state == ASKING else _slice(backfill, number, mapping, world)
    finally:
        if world.purse is not None:
            world.purse.spend(mapping, world.query.spent())


def _slice(backfill: Backfill, number: int, mapping: Mapping, world: World) -> str:
    if backfill.direction is Direction.PG_TO_SF:
        return _capture(backfill, number, mapping, world)
    began = world.timer()
    with world.backfills.turn(backfill, number) as turn:
        if turn is not None:
            with world.query.page(backfill.sf_job, turn.place, most=backfill.slice_records) as page:
                loaded = turn.load(mapping, page, backfill, world.topic.publish)
            following = page.following
    if turn is None:
        return _already(backfill, number, world)
    world.table.follow_family(mapping, list(loaded.family))
    _look_again(backfill, mapping, loaded, world)
    if world.backfills.finish(backfill, number, loaded, following, world.timer() - began):
        world.works.publish(_piece(backfill, number + 1))
        return "slice"
    world.query.abandon(backfill.sf_job)
    return "done"


def _is_gone(backfill: Backfill, world: World) -> bool:
    """Whether there is a query, and its answer can be read no more: seven days are over."""
    return bool(backfill.sf_job) and world.query.watch(backfill.sf_job).end is BulkEnd.FAILED


def _mapping(backfill: Backfill, world: World) -> Mapping:
    """Looked up once more where it is paused: what is held in memory may be old."""
    for _ in range(2):
        found = next((m for m in world.mappings.all() if m.id == backfill.mapping_id), None)
        if found is not None and found.active:
            return found
        world.mappings.refresh()
    raise Transient(
        "paused", detail="the mapping is paused", hint="`isthmus mapping resume`; then it goes on by itself."
    )


def _ask(backfill: Backfill, mapping: Mapping, world: World) -> str:
    if backfill.direction is Direction.PG_TO_SF:
        return _answered(backfill, world.backfills.unsent(mapping), world)
    if not backfill.sf_job:
        began = world.now()
        backfill = world.backfills.asked(backfill, world.query.ask(mapping), began)
    watched = world.query.watch(backfill.sf_job)
    if watched.end is BulkEnd.FAILED:
        raise Terminal("query_failed", watched.error, "Start the backfill again.")
    if watched.end is not BulkEnd.COMPLETE:
        raise Transient("salesforce_asked", "Salesforce works on the query", "It is looked at again by itself.")
    return _answered(backfill, watched.records, world)


def _answered(backfill: Backfill, records: int, world: World) -> str:
    world.backfills.answered(backfill, records)
    if records:
        world.works.publish(_piece(backfill, 1))
    return ASKING


def _capture(backfill: Backfill, number: int, mapping: Mapping, world: World) -> str:
    """Let rows travel as if they were inserted now; not so many at a time that the log outgrows a small database.

    The last slice finds no row; it waits until the others have been sent.
    """
    began, waiting = world.timer(), world.backfills.on_their_way(mapping)
    if waiting > MOST_WAITING:
        raise Transient("log_full", f"{waiting} edits wait to be sent", "It goes on when some were.")
    with world.backfills.turn(backfill, number) as turn:
        loaded, following = turn.capture(mapping, backfill.slice_records) if turn is not None else (NOTHING, "")
    if turn is None:
        return _already(backfill, number, world)
    if waiting or loaded.written:
        world.works.publish(Work(NUDGE))
    if not following and waiting:
        raise Transient("being_sent", f"{waiting} edits wait to be sent", "It is over when they were.")
    if world.backfills.finish(backfill, number, loaded, following, world.timer() - began):
        world.works.publish(_piece(backfill, number + 1))
        return "slice"
    return "done"


def _already(backfill: Backfill, number: int, world: World) -> str:
    """The slice is done, then the next one is asked for; or somebody is at it, and may die."""
    waiting = world.backfills.waiting(backfill)
    if waiting == number:
        raise Transient("slice_taken", f"slice {number} is under way", "It is looked at again by itself.")
    if waiting is not None:
        world.works.publish(_piece(backfill, waiting))
    return ""


def _look_again(backfill: Backfill, mapping: Mapping, loaded: Loaded, world: World) -> None:
    """Two edits may share a second: what was read within two seconds of its stamp is read once more."""

    def again(sfid: str, stamp: datetime) -> Change:
        return look_later(mapping, sfid, stamp + REREAD, f"backfill/{backfill.id}/{sfid}/again")

    if loaded.close:
        world.topic.publish([again(sfid, stamp) for sfid, stamp in loaded.close])


def _piece(backfill: Backfill, number: int) -> Work:
    return Work(BACKFILL, {"backfill": backfill.id, "slice": number})
