"""Road A, what was missed: records and rows are compared slice by slice; what differs is published, to be read again."""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import TypeVar

from common import budget, log
from common.change import UNSTAMPED, Change, Ending, Op, Side
from common.clock import Clock
from common.comparing import BothSides, Census, Finding, Found, Kind, Row, Run, Runs, Seen, is_compared, judge
from common.errors import IsthmusError, Misconfigured, Terminal, Transient
from common.flows import verify
from common.flows.identity import refuse_other_org
from common.mapping import Mapping
from common.ports import Mappings, Org, Purse, Table, Topic
from common.work import Work, slice_of

OVERLAP = timedelta(minutes=10)  #: a stamp is set when a record is saved, and seen when that is committed
SETTLED = timedelta(minutes=5)  #: what changed less long ago is still on its way, and no difference
SLICE_SECONDS = 240.0  #: one slice; the page that is under way then ends within the door's nine minutes
SLICE = 100_000  #: rows of a full compare's slice: their versions stand in memory, 20 MB
BY_REST = 10_000  #: rows up to which a list comes by REST: five calls, and no queue
CHUNK = 2000  #: records that are judged at a time

DONE, AGAIN, WAIT = "done", "again", "wait"

T = TypeVar("T")


def by_hand(sobject: str, asked_before: datetime, since: datetime | None) -> None:
    """Nobody forgets the wishes but a person: `isthmus channels settle`."""


@dataclass(frozen=True, slots=True)
class World:
    """What this journey needs."""

    door: str
    mappings: Mappings
    census: Census
    org: Org
    table: Table
    runs: Runs
    topic: Topic
    ask: Callable[[Work], None]  #: publishes on topic `work`
    now: Clock
    purse: Purse | None = None  #: what calls may cost; unset: whatever they do
    reserve_percent: int = budget.RESERVE_PERCENT
    slice_rows: int = SLICE
    rest_rows: int = BY_REST
    settle: Callable[[str, datetime, datetime | None], object] = by_hand  #: forgets wishes, as bookmark.settle does
    quiet: bool = False  #: nothing is logged: a person looks on


def within(seconds: float) -> Callable[[], bool]:
    """Whether so many seconds are not over yet; counted from now."""
    until = time.monotonic() + seconds
    return lambda: time.monotonic() < until


def wished(piece: Work, world: World, go_on: Callable[[], bool]) -> None:
    """Do what a piece of work of kind `resync` asks: begin comparisons of an object, or do a slice of one.

    Raises:
        Transient: it is to come again: Salesforce still works on it, or cannot be asked now.
    """
    if number := piece.body.get("run"):
        _slice(int(number), world, go_on)
        return
    sobject, since = piece.body.get("object"), piece.body.get("since")
    if not isinstance(sobject, str):
        raise Terminal("work_unreadable", f"object {sobject!r}", "It was not written by Isthmus. Discard it.")
    start = datetime.fromisoformat(since) if since else None
    for mapping in world.mappings.of_object(sobject):
        if is_compared(mapping):
            world.ask(slice_of(begin(mapping, str(piece.body.get("reason", "")), start, world)))


def begin(mapping: Mapping, reason: str, since: datetime | None, world: World) -> int:
    """Begin to compare all of a mapping's records, or those changed since a time; the run's number."""
    kind = Kind.WINDOW if since else Kind.FULL
    return world.runs.begin(mapping, kind, reason, since, world.now())


def _slice(number: int, world: World, go_on: Callable[[], bool]) -> None:
    match step(number, world, go_on):
        case "again":
            world.ask(slice_of(number))
        case "wait":
            raise Transient(
                "query_runs", f"run {number}", "Salesforce still works on the list; it is looked after again."
            )


def scheduled(world: World, go_on: Callable[[], bool]) -> int:
    """Compare what is due as far as the time reaches; what is left goes through topic `work`. How many were begun."""
    world.mappings.refresh()
    by_id = {m.id: m for m in world.mappings.all()}
    begun = 0
    for due in world.runs.due(world.now()):
        mapping = by_id.get(due.mapping_id)
        if mapping is None or not is_compared(mapping):
            continue
        until = world.now() - SETTLED if due.kind is Kind.WINDOW else world.now()
        since = due.since - OVERLAP if due.since and due.kind is Kind.WINDOW else None
        number = due.number or world.runs.begin(mapping, due.kind, "schedule", since, until)
        begun += 1
        if due.kind is not Kind.WINDOW or not go_on() or step(number, world, go_on) != DONE:
            world.ask(slice_of(number))
    return begun


def step(number: int, world: World, go_on: Callable[[], bool]) -> str:
    """Do the next slice of a run: done, again (there is more), or wait (Salesforce works on it).

    Raises:
        Transient: it may be tried again later; what was found stays found.
    """
    run = world.runs.turn(number)
    if run is None:
        return DONE
    mapping = next((m for m in world.mappings.all() if m.id == run.mapping_id), None)
    if mapping is None:
        return DONE  # it was deleted, and the run with it
    try:
        ending, run = _paid(run, mapping, world, go_on)
    except Misconfigured as exc:
        if not world.quiet:
            log.trouble(world.door, exc)
        world.runs.end(run, str(exc))
        return DONE
    except IsthmusError as exc:
        world.runs.leave(run, str(exc))
        raise
    if ending != DONE:
        world.runs.leave(run)
        return ending
    world.runs.end(run)
    if run.kind is not Kind.REFRESH:
        world.settle(mapping.sobject, run.started_at, run.since)
    if not world.quiet:
        _tell(run, mapping, world)
    return DONE


def _paid(run: Run, mapping: Mapping, world: World, go_on: Callable[[], bool]) -> tuple[str, Run]:
    """One slice, within the budget of API calls."""
    refuse_other_org(world.mappings, world.org)
    if world.purse and (
        refusal := budget.refusal(world.purse.allowance(mapping), world.reserve_percent, (), world.now())
    ):
        raise Transient(refusal.reason, refusal.detail, refusal.hint)
    world.org.spent()  # what this thread called before was for others
    try:
        return _KINDS[run.kind](run, mapping, world, go_on)
    finally:
        if world.purse:
            world.purse.spend(mapping, world.org.spent())


def _tell(run: Run, mapping: Mapping, world: World) -> None:
    f = run.found
    took = round((world.now() - run.started_at).total_seconds() * 1000)
    log.run(world.door, "reconcile", sobject=mapping.sobject, kind=run.kind.value, compared=f.compared, drift=f.drift,
            missing=f.missing, older=f.older, gone=f.gone, purged=f.purged, held=f.held, unseen=f.unseen,
            took_ms=took)  # fmt: skip


# -- windows -------------------------------------------------------------------------------------


def _window(run: Run, mapping: Mapping, world: World, go_on: Callable[[], bool]) -> tuple[str, Run]:
    """Records whose stamp lies between two times, page by page."""
    while True:
        after = (str(run.place["stamp"]), str(run.place["id"])) if run.place else None
        page = world.census.changed(mapping, run.since or UNSTAMPED, run.until, after)
        found = _compared(run, mapping, page, world.runs.rows(mapping, [s.record_id for s in page]), world)
        if len(page) < CHUNK:
            return DONE, run.at(found)
        run = run.at(found, stamp=page[-1].stamp, id=page[-1].record_id)
        world.runs.note(run)
        if not go_on():
            return AGAIN, run


def _compared(run: Run, mapping: Mapping, seen: Sequence[Seen], rows: dict[str, Row], world: World) -> Found:
    """Judge records by their rows, and ask that what differs be read; the counts."""
    findings = {s.record_id: judge(s, rows.get(s.record_id)) for s in seen}
    missing = [i for i, finding in findings.items() if finding is Finding.MISSING]
    for record_id in world.runs.leaving(mapping, missing) if missing else ():
        findings[record_id] = Finding.EQUAL  # it is being deleted from here
    _publish(run, mapping, [i for i, finding in findings.items() if finding is not Finding.EQUAL], world)
    count = Counter(findings.values())
    return Found(len(seen), count[Finding.MISSING], count[Finding.OLDER], count[Finding.GONE])


def _publish(run: Run, mapping: Mapping, ids: Sequence[str], world: World) -> None:
    """Hints without a stamp: whatever a read brings is taken, deleted or alive."""
    if ids:
        world.topic.publish(
            [Change(Side.SALESFORCE, mapping.sobject, i, Op.UPSERT, UNSTAMPED, f"reconcile/{run.id}/{i}") for i in ids]
        )


# -- all records ---------------------------------------------------------------------------------


def _full(run: Run, mapping: Mapping, world: World, go_on: Callable[[], bool]) -> tuple[str, Run]:
    """Ids and stamps of all records, in slices by the ids of our rows."""
    while True:
        after, upto = str(run.place.get("after", "")), str(run.place.get("upto", ""))
        job = str(run.place.get("job", ""))
        if not job:
            upto = world.runs.slice_end(mapping, after, world.slice_rows)
            few = not after and not world.runs.slice_end(mapping, "", world.rest_rows)
            if not few:
                return WAIT, run.at(after=after, upto=upto, job=world.census.ask(mapping, after, upto))
        elif not world.census.answered(job):
            return WAIT, run
        listed = world.census.answer(job) if job else world.census.between(mapping, after, upto)
        found = _held_against(run, mapping, listed, world.runs.rows_between(mapping, after, upto), world)
        if not upto:
            return DONE, run.at(found)
        run = run.at(found, after=upto)
        world.runs.note(run)
        if not go_on():
            return AGAIN, run


def _held_against(run: Run, mapping: Mapping, listed: Iterator[Seen], rows: dict[str, Row], world: World) -> Found:
    """Every record by its row; then the rows that no record has named."""
    found = Found()
    for chunk in _chunks(listed):
        found += _compared(run, mapping, chunk, rows, world)
        for seen in chunk:
            rows.pop(seen.record_id, None)
    for ids in _chunks(rows):
        found += _unnamed(run, mapping, ids, world)
    return found


def _unnamed(run: Run, mapping: Mapping, ids: list[str], world: World) -> Found:
    """Rows whose records are not in the list: deleted, outside of the filter, made since, hidden, or purged.

    A hidden record is not deleted. Only where nothing can be hidden from us is what we do not see not there.
    """
    began = world.now()
    read = world.org.read(mapping, ids, deleted=True)
    gone = [c for c in read.changes if c.op is Op.DELETE]
    _publish(run, mapping, [c.record_id for c in (*read.changes, *read.outside)], world)
    found = Found(gone=len(gone) + len(read.outside))
    if not read.missing:
        return found
    if not (mapping.active and world.census.sees_all(mapping)):
        return found + Found(unseen=len(read.missing))
    return found + _purge(run, mapping, read.missing, began, world)


def _purge(run: Run, mapping: Mapping, ids: Sequence[str], began: datetime, world: World) -> Found:
    """Rows whose records are nowhere go, by the same guarded merge as any deletion. Nobody knows when they died."""
    deletions = [
        Change(Side.SALESFORCE, mapping.sobject, i, Op.DELETE, began, f"reconcile/{run.id}/{i}", read_at=began)
        for i in ids
    ]
    endings = Counter(
        verdict.outcome.ending for verdict in world.table.apply(mapping, deletions, read=True) if verdict.outcome
    )
    return Found(purged=endings[Ending.DELETED] + endings[Ending.MERGED], held=endings[Ending.HELD])


# -- values --------------------------------------------------------------------------------------


def _refresh(run: Run, mapping: Mapping, world: World, go_on: Callable[[], bool]) -> tuple[str, Run]:
    """Values of all records: formulas and what hangs on parents change without their record's stamp."""
    sides = BothSides(world.census, world.runs)
    while True:
        compared = verify.between(mapping, sides, str(run.place.get("after", "")))
        what = {d.record: d.what for d in compared.differences if d.what in ("value", "no_row")}
        _publish(run, mapping, list(what), world)
        count = Counter(what.values())
        found = Found(compared.salesforce.count, missing=count["no_row"], older=count["value"])
        if not compared.upto:
            return DONE, run.at(found)
        run = run.at(found, after=compared.upto)
        world.runs.note(run)
        if not go_on():
            return AGAIN, run


def _chunks(items: Iterable[T]) -> Iterator[list[T]]:
    iterator = iter(items)
    while chunk := list(islice(iterator, CHUNK)):
        yield chunk


_KINDS: dict[Kind, Callable[[Run, Mapping, World, Callable[[], bool]], tuple[str, Run]]] = {
    Kind.WINDOW: _window,
    Kind.FULL: _full,
    Kind.REFRESH: _refresh,
}
