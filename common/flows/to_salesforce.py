"""Road B, second half: what is still owed is sent to Salesforce, and each record's answer is written down."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from common import backoff, budget, family
from common.change import Change, Ending, Op, Outcome
from common.clock import Clock
from common.errors import Transient
from common.flows.family import in_order
from common.flows.identity import refuse_other_org
from common.mapping import Direction, Mapping, Policy
from common.ports import Log, Mappings, Org, Owed, Read, Sent, Settled, Spent, Table, Verdict


@dataclass(frozen=True, slots=True)
class World:
    """What this journey needs."""

    mappings: Mappings
    log: Log
    org: Org
    now: Clock
    unknown_seconds: float  #: how long a call whose end is unknown may still be carried out
    table: Table  #: where records are looked at before the send, if Salesforce wins
    reserve_percent: int = budget.RESERVE_PERCENT  #: of the org's daily calls, left to its other users
    nudge: Callable[[], None] = lambda: None  #: children can go now: the log wants to be drained


def apply(changes: Sequence[Change], world: World) -> list[Outcome]:
    """Send what the changes' claims still owe. One outcome per change, same order.

    Salesforce's troubles are no reason to raise: they are kept in the log, each record with its next attempt.

    Raises:
        Transient: the log could not be read or written; the claims stand, so all may be tried again.
        Misconfigured: a person must act; the claims stand.
    """
    refuse_other_org(world.mappings, world.org)
    _give_way(changes, world)
    owed = world.log.take(changes)
    outcomes = {c.event_id: Outcome(c, Ending.FENCED) for c in changes}
    for mapping in {o.mapping.id: o.mapping for o in owed}.values():
        for settled in send(mapping, [o for o in owed if o.mapping.id == mapping.id], world):
            outcomes[settled.owed.change.event_id] = settled.outcome
    return [outcomes[c.event_id] for c in changes]


def _give_way(changes: Sequence[Change], world: World) -> None:
    """Where Salesforce wins, read the records before the send: edits that meet a third value leave the log.

    The arriving road's own merge decides, and takes the claims of what has lost back.
    """
    for mapping in _yielding(changes, world):
        ids = sorted(set(world.log.known(mapping, changes)))
        if not ids:
            continue
        read = world.org.read(mapping, ids)
        rest = world.org.read(mapping, read.missing, deleted=True) if read.missing else Read(())
        try:
            changes = [*read.changes, *rest.changes, *rest.outside]  # a filter tells who has a row, not whose edit wins
            _wait_for_capture(world.table.apply(mapping, changes, read=True))
        except Transient as exc:
            if exc.reason == "configuration_changed":
                world.mappings.refresh()
            raise


def _wait_for_capture(verdicts: Sequence[Verdict]) -> None:
    """Nobody can say who wins while edits are missing: the send is tried again."""
    behind = [v.outcome for v in verdicts if v.outcome and v.outcome.reason == "capture_behind"]
    if behind:
        raise Transient(behind[0].reason, hint=behind[0].hint)


def _yielding(changes: Sequence[Change], world: World) -> list[Mapping]:
    found = [m for sobject in {c.sobject for c in changes} for m in world.mappings.of_object(sobject)]
    return [m for m in found if yields(m)]


def yields(mapping: Mapping) -> bool:
    """Whether its records are read before they are sent."""
    return mapping.direction is Direction.BIDIRECTIONAL and mapping.policy is Policy.SALESFORCE_WINS


def is_due(owed: Owed) -> bool:
    """Whether there is anything to tell Salesforce: something in it can be written."""
    return owed.refused is None and (owed.send.op is Op.DELETE or bool(owed.send.fields) or not owed.send.sfid)


def settle(mapping: Mapping, told: Sequence[tuple[Owed, Sent]], world: World) -> None:
    """Write down what became of records that went by another road."""
    if world.log.settle(mapping, [_settled(owed, sent, world) for owed, sent in told]):
        world.nudge()


def send(mapping: Mapping, owed: Sequence[Owed], world: World) -> list[Settled]:
    """Send one mapping's records, and write down how Salesforce took them."""
    due = [o for o in owed if is_due(o)]
    sents, spent = _call(mapping, due, world)
    answers = dict(zip((o.change.event_id for o in due), sents, strict=True))
    # Nothing in it can be written: it is settled without a call.
    settled = [_settled(o, o.refused or answers.get(o.change.event_id, Sent(o.send.sfid)), world) for o in owed]
    if world.log.settle(mapping, settled, spent):
        world.nudge()
    return settled


def _call(mapping: Mapping, due: Sequence[Owed], world: World) -> tuple[list[Sent], Spent]:
    """Send, where the budget of API calls allows it."""
    if not due:
        return [], Spent()
    refusal = budget.refusal(world.log.allowance(mapping), world.reserve_percent, due, world.now())
    if refusal is not None:
        return [refusal] * len(due), Spent()
    world.org.spent()  # what this thread called before was for others
    sents = in_order(mapping, [o.send for o in due], world.org.send)
    closed = max((s.retry_seconds for s in sents if s.closed), default=0.0)
    until = world.now() + timedelta(seconds=closed) if closed else None
    return sents, replace(world.org.spent(), closed_until=until)


def _settled(owed: Owed, sent: Sent, world: World) -> Settled:
    if not sent.reason or sent.stopped:
        outcome = Outcome(owed.change, Ending.SENT, sent.reason, sent.hint, sent.detail)
        if not sent.reason and (left := _left_out(owed)):
            outcome = replace(outcome, reason="never_sent", detail=left)
        return Settled(owed, outcome, sent.sfid, stopped=sent.stopped)
    parent = family.whom(owed.mapping.parent_keys, owed.send.fields, sent.detail) if _lacks_parent(sent) else None
    waits_for = str(parent) if parent else None
    if not sent.retry or 0 < sent.tries <= owed.attempts:
        outcome = Outcome(owed.change, Ending.FAILED, sent.reason, sent.hint, sent.detail)
        return Settled(owed, outcome, waits_for=waits_for)  # should its parent come after all, it goes again
    wait = world.unknown_seconds if sent.unknown else max(sent.retry_seconds, backoff.seconds(owed.attempts))
    outcome = Outcome(owed.change, Ending.WAITS, sent.reason, sent.hint, sent.detail)
    due = world.now() + timedelta(seconds=wait)
    if parent:
        outcome = replace(outcome, reason=family.WAITING_FOR_PARENT, detail=f"{parent}: {sent.detail}")
    return Settled(owed, outcome, next_attempt_at=due, untried=sent.untried, waits_for=waits_for)


def _left_out(owed: Owed) -> str:
    """Edited fields that Salesforce lets nobody write at this time of the record's life."""
    if owed.send.op is Op.DELETE:
        return ""
    given = {*owed.send.fields, *(k.name for k in owed.mapping.parent_keys if k.lookup in owed.send.fields)}
    new = owed.send.sfid is None
    names = sorted(n for n in owed.change.fields if n not in given and not owed.mapping.may_send(n, new=new))
    when = "once the record is there" if new else "on creation"
    return f"{', '.join(names)}: can be written {when} only" if names else ""


def _lacks_parent(sent: Sent) -> bool:
    return sent.reason == family.PARENT_MISSING
