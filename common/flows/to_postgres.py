"""Road A, second half: changes from Salesforce become rows; hints are read first."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from common import budget
from common.change import REREAD, UNSTAMPED, Change, Ending, Op, Outcome, Side
from common.clock import Clock
from common.errors import Misconfigured, Transient
from common.flows.definitions import Definitions
from common.flows.identity import refuse_other_org
from common.mapping import Direction, Mapping
from common.ports import Graveyard, Mappings, Org, Purse, Sent, Table, Topic, Verdict

TOPIC = "salesforce-changes"
PAUSE_SECONDS = 20.0  #: how long a pause is believed without looking: waiting messages must not keep a database awake
PATIENCE = timedelta(minutes=1)  #: after that an older answer stands: not every event moves its record's stamp
NOT_VISIBLE = (
    "Let the integration user see the record (sharing, View All), then replay it. If it was purged, discard this: "
    "the row stays until a comparison of all ids decides."
)
_AFTER = "reread-after:"


@dataclass(frozen=True, slots=True)
class World:
    """What this journey needs."""

    mappings: Mappings
    table: Table
    org: Org
    graveyard: Graveyard
    topic: Topic  #: where reads that must be repeated are asked for
    now: Clock
    purse: Purse | None = None  #: what reads may cost; unset: whatever they do
    reserve_percent: int = budget.RESERVE_PERCENT  #: of the org's daily calls, left to its other users
    definitions: Definitions = field(default_factory=lambda: Definitions(lambda _: None))
    notice: Callable[[str], bool] = lambda _: (
        False
    )  #: looks at an object whose read was refused; whether its mapping changed


def apply(changes: Sequence[Change], world: World, *, trace: str = "") -> list[Outcome]:
    """Bring changes of one object into its tables. One outcome per change and table.

    Failed ones are buried before this returns; reads that began too close to their stamp are asked for again.

    Raises:
        Transient: some must be tried again later; what could be done was done, and doing it again changes nothing.
        Misconfigured: a person must act; nothing was buried.
    """
    if not changes:
        return []
    try:
        outcomes = _into_all(changes, world, trace)
    except (Transient, Misconfigured) as exc:
        unreadable = exc.reason == "object_unreadable" and world.notice(changes[0].sobject)
        if exc.reason != "configuration_changed" and not unreadable:
            raise
        world.mappings.refresh()
        outcomes = _into_all(changes, world, trace)
    world.graveyard.bury(TOPIC, [o for o in outcomes if o.ending is Ending.FAILED])
    return outcomes


def _into_all(changes: Sequence[Change], world: World, trace: str) -> list[Outcome]:
    mappings = _mappings(changes[0].sobject, world)
    if not mappings:
        return [Outcome(c, Ending.UNMAPPED) for c in changes]
    return [outcome for mapping in mappings for outcome in _into(mapping, changes, world, trace)]


def _mappings(sobject: str, world: World) -> list[Mapping]:
    """Looked up once more where there is none, or a paused one: what is held in memory may be old."""
    found = [m for m in world.mappings.of_object(sobject) if m.direction is not Direction.PG_TO_SF]
    if found and all(m.active for m in found):
        return found
    world.mappings.refresh(older_than=PAUSE_SECONDS if found else 0.0)
    return [m for m in world.mappings.of_object(sobject) if m.direction is not Direction.PG_TO_SF]


def _into(mapping: Mapping, changes: Sequence[Change], world: World, trace: str) -> list[Outcome]:
    if mapping.active:
        return _bring(mapping, changes, world, trace)
    return [Outcome(c, Ending.LATER, "paused", "The mapping is paused: `isthmus mapping resume`.") for c in changes]


def _bring(mapping: Mapping, changes: Sequence[Change], world: World, trace: str) -> list[Outcome]:
    whole, hints = _sorted_out(mapping, changes, world.definitions)
    outcomes, wishes = _judge(whole, world.table.apply(mapping, whole) if whole else [])
    known, hints = _known(mapping, hints, world)
    outcomes += known
    hints += wishes
    if hints:
        outcomes += _read(mapping, hints, world, trace)
    return outcomes


def _sorted_out(
    mapping: Mapping, changes: Sequence[Change], definitions: Definitions
) -> tuple[list[Change], list[Change]]:
    """Complete ones, and mere hints. A pushed deletion is a hint too: the record may have come back."""
    whole, hints = [], []
    for change in changes:
        pushed = change.op is Op.UPSERT and (not change.buried or change.is_event)
        fields = mapping.completed(change) if pushed else None
        if fields is None and pushed:
            definitions.judge(mapping, change)
        if fields is None:
            hints.append(change.hint(buried=change.op is Op.DELETE))
        else:
            whole.append(change if fields is change.fields else replace(change, fields=fields))
    return whole, hints


def _judge(changes: Sequence[Change], verdicts: Sequence[Verdict]) -> tuple[list[Outcome], list[Change]]:
    outcomes, wishes = [], []
    for change, verdict in zip(changes, verdicts, strict=True):
        if verdict.outcome is not None:
            outcomes.append(verdict.outcome)
        else:
            wishes.append(change.hint(buried=verdict.buried))
    return outcomes, wishes


# -- hints ---------------------------------------------------------------------------------------


def _known(mapping: Mapping, hints: Sequence[Change], world: World) -> tuple[list[Outcome], list[Change]]:
    """Hints of what the rows say already (repeated events, echoes of our own writes that were read), and the others.

    A row that carries the hint's very second may lack an edit of that second, unless it was read once that was over.
    """
    plain = [h for h in hints if not h.buried and h.stamp != UNSTAMPED and not h.origin.startswith(_AFTER)]
    versions = world.table.versions(mapping, [h.record_id for h in plain]) if plain else {}

    def is_known(hint: Change) -> bool:
        stamp, read_at = versions.get(hint.record_id, (UNSTAMPED, UNSTAMPED))
        return stamp > hint.stamp or (stamp == hint.stamp and read_at - stamp >= REREAD)

    known = {id(h) for h in plain if is_known(h)}
    return [Outcome(h, Ending.STALE) for h in plain if id(h) in known], [h for h in hints if id(h) not in known]


def _read(mapping: Mapping, hints: Sequence[Change], world: World, trace: str) -> list[Outcome]:
    """Read the hints' records, as they are now, and apply what was read."""
    early = [h for h in hints if _too_early(h, world.now())]
    due = [h for h in hints if h not in early]
    outcomes = [Outcome(h, Ending.LATER, "too_early", "It is read again once its second is over.") for h in early]
    if refusal := _too_dear(mapping, due, world):
        return outcomes + [Outcome(h, Ending.LATER, refusal.reason, refusal.hint, refusal.detail) for h in due]
    found, outside = _paid(mapping, due, world)
    ready: list[tuple[Change, Change]] = []  # the hint, and what was read for it
    for hint in due:
        brought = found.get(hint.record_id)
        if brought is None:
            outcomes.append(Outcome(hint, Ending.FAILED, "record_not_visible", NOT_VISIBLE))
        elif brought.stamp < hint.stamp and world.now() - hint.stamp < PATIENCE:
            outcomes.append(Outcome(hint, Ending.LATER, "read_too_old", "Salesforce does not show the change yet."))
        else:
            ready.append((hint, brought))
    return outcomes + _apply_read(mapping, ready, outside, world, trace)


def _too_dear(mapping: Mapping, hints: Sequence[Change], world: World) -> Sent | None:
    """Why no call may be made for them now: then their message comes again, and waits where nothing is lost."""
    if not hints or world.purse is None:
        return None
    return budget.refusal(world.purse.allowance(mapping), world.reserve_percent, (), world.now())


def _paid(mapping: Mapping, hints: Sequence[Change], world: World) -> tuple[dict[str, Change], set[str]]:
    """Fetch, and write down what it cost, whatever came of it."""
    world.org.spent()  # what this thread called before was for others
    closed_until = None
    try:
        return _fetch(mapping, hints, world)
    except Transient as exc:
        if exc.reason == budget.LIMIT_REACHED:
            closed_until = world.now() + timedelta(seconds=budget.FRESH_SECONDS)
        raise
    finally:
        if world.purse is not None:
            world.purse.spend(mapping, replace(world.org.spent(), closed_until=closed_until))


def _fetch(mapping: Mapping, hints: Sequence[Change], world: World) -> tuple[dict[str, Change], set[str]]:
    """What a read brings, and which of it is outside of the filter; what it cannot see is looked for among the deleted."""
    if hints:
        refuse_other_org(world.mappings, world.org)
    buried = {h.record_id for h in hints if h.buried}
    alive = {h.record_id for h in hints} - buried
    found: dict[str, Change] = {}
    outside: Sequence[Change] = ()
    if alive:
        read = world.org.read(mapping, sorted(alive))
        found |= {c.record_id: c for c in read.changes}
        buried = buried | set(read.missing)
    if buried:
        read = world.org.read(mapping, sorted(buried), deleted=True)
        outside = read.outside
        found |= {c.record_id: c for c in (*read.changes, *outside)}
    return found, {c.record_id for c in outside}


def _apply_read(
    mapping: Mapping, ready: Sequence[tuple[Change, Change]], outside: set[str], world: World, trace: str
) -> list[Outcome]:
    brought = {change.record_id: change for _, change in ready}
    inside = [c for i, c in brought.items() if i not in outside]
    leaving = [c for i, c in brought.items() if i in outside]
    verdicts: dict[str, Verdict] = {}
    for some, said in (
        (inside, world.table.apply(mapping, inside, read=True) if inside else []),
        (leaving, world.table.let_go(mapping, leaving) if leaving else []),
    ):
        verdicts |= dict(zip((c.record_id for c in some), said, strict=True))
    outcomes = [_ended(hint, verdicts[hint.record_id]) for hint, _ in ready]
    _ask_again(list(brought.values()), world, trace)
    return outcomes


def _ended(hint: Change, verdict: Verdict) -> Outcome:
    if verdict.outcome is None:
        return Outcome(hint, Ending.LATER, "written_meanwhile", "We wrote the record while it was being read.")
    return replace(verdict.outcome, change=hint)


def look_later(mapping: Mapping, record_id: str, after: datetime, event_id: str) -> Change:
    """The wish that a record be read, with deleted ones included, not before that time."""
    origin = _AFTER + after.isoformat()
    return Change(
        Side.SALESFORCE, mapping.sobject, record_id, Op.UPSERT, UNSTAMPED, event_id, origin=origin, buried=True
    )


def _ask_again(read: Sequence[Change], world: World, trace: str) -> None:
    """Two edits may share a second: a read that began within two seconds of its stamp is repeated, later."""
    close = [c for c in read if c.op is Op.UPSERT and c.read_at and c.read_at - c.stamp < REREAD]
    if close:
        world.topic.publish([_repeat(c) for c in close], trace=trace)


def _repeat(change: Change) -> Change:
    after = (change.stamp + REREAD).isoformat()
    return replace(change.hint(), event_id=f"{change.event_id}/again", origin=_AFTER + after)


def _too_early(hint: Change, now: datetime) -> bool:
    return hint.origin.startswith(_AFTER) and now < datetime.fromisoformat(hint.origin.removeprefix(_AFTER))
