"""Road B, second half: what is still owed is sent to Salesforce, and each record's answer is written down."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from common import backoff
from common.change import Change, Ending, Op, Outcome
from common.clock import Clock
from common.flows.identity import refuse_other_org
from common.mapping import Mapping
from common.ports import Log, Mappings, Org, Owed, Sent, Settled


@dataclass(frozen=True, slots=True)
class World:
    """What this journey needs."""

    mappings: Mappings
    log: Log
    org: Org
    now: Clock
    unknown_seconds: float  #: how long a call whose end is unknown may still be carried out


def apply(changes: Sequence[Change], world: World) -> list[Outcome]:
    """Send what the changes' claims still owe. One outcome per change, same order.

    Salesforce's troubles are no reason to raise: they are kept in the log, each record with its next attempt.

    Raises:
        Transient: the log could not be read or written; the claims stand, so all may be tried again.
        Misconfigured: a person must act; the claims stand.
    """
    refuse_other_org(world.mappings, world.org)
    owed = world.log.take(changes)
    outcomes = {c.event_id: Outcome(c, Ending.FENCED) for c in changes}
    for mapping in {o.mapping.id: o.mapping for o in owed}.values():
        for settled in _send(mapping, [o for o in owed if o.mapping.id == mapping.id], world):
            outcomes[settled.owed.change.event_id] = settled.outcome
    return [outcomes[c.event_id] for c in changes]


def _send(mapping: Mapping, owed: Sequence[Owed], world: World) -> list[Settled]:
    due = [o for o in owed if o.refused is None and (o.send.op is Op.DELETE or o.send.fields or not o.send.sfid)]
    answers = dict(zip((o.change.event_id for o in due), world.org.send(mapping, [o.send for o in due]), strict=True))
    # Nothing in it can be written: it is settled without a call.
    settled = [_settled(o, o.refused or answers.get(o.change.event_id, Sent(o.send.sfid)), world) for o in owed]
    world.log.settle(mapping, settled)
    return settled


def _settled(owed: Owed, sent: Sent, world: World) -> Settled:
    if not sent.reason or sent.stopped:
        outcome = Outcome(owed.change, Ending.SENT, sent.reason, sent.hint, sent.detail)
        return Settled(owed, outcome, sent.sfid, stopped=sent.stopped)
    if not sent.retry or 0 < sent.tries <= owed.attempts:
        return Settled(owed, Outcome(owed.change, Ending.FAILED, sent.reason, sent.hint, sent.detail))
    wait = world.unknown_seconds if sent.unknown else max(sent.retry_seconds, backoff.seconds(owed.attempts))
    outcome = Outcome(owed.change, Ending.WAITS, sent.reason, sent.hint, sent.detail)
    return Settled(owed, outcome, next_attempt_at=world.now() + timedelta(seconds=wait), untried=sent.untried)
