"""Messages that ran out of attempts, and what people decide about dead letters."""

import base64
import json
from collections.abc import Callable, Iterator, Sequence
from collections.abc import Mapping as Map
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

from common import codec, log, work
from common.change import Change, Ending, Outcome, Side
from common.clock import Clock
from common.errors import IsthmusError, Terminal, Transient
from common.mapping import Mapping

DOOR = "keep_dead_letters"
ROUNDS = 5  #: of a hundred attempts and about 16 hours each: more than three days without a database
ROUND = "isthmus-round"  #: the attribute that counts them
FIRST_WAIT = timedelta(minutes=10)  #: the dead subscription's own pace

_HINT = "It was tried for days. See the doors' logs for the reason, mend it, then replay this."


class Raw(Protocol):
    """A topic that takes bytes as they are."""

    def publish_raw(self, payloads: Sequence[bytes], attributes: Map[str, str]) -> None: ...


class Graveyard(Protocol):
    def bury(self, topic: str, outcomes: Sequence[Outcome]) -> None: ...

    def bury_bytes(self, topic: str, event_id: str, data: bytes, exc: Terminal, attempts: int = 1) -> None: ...


@dataclass(frozen=True, slots=True)
class Message:
    """A message that ran out of attempts."""

    topic: str  #: short name of the topic it came from
    data: bytes
    message_id: str
    died_at: datetime
    attributes: Map[str, str]


def keep(
    message: Message, source: Raw, graveyard: Graveyard, now: Clock, paused: Callable[[str], bool]
) -> list[Outcome]:
    """Send it on again, later with each round; after the last round keep it.

    What waits for a paused mapping is not kept: it goes on as the hint that its record be read, however long that takes.

    Args:
        paused: Whether an object's mapping is.

    Raises:
        Transient: it is not time yet, or it could neither be sent on nor kept: it comes again.
    """
    told = message.attributes.get(ROUND, "")
    spent = int(told) if told.isdecimal() else 0
    if spent >= ROUNDS:
        return _bury(message, graveyard, source, paused)
    due = message.died_at + FIRST_WAIT * (2**spent - 1)
    if now() < due:
        raise Transient(
            "not_due", f"round {spent + 1} begins at {due.isoformat()}", "It waits in the dead subscription."
        )
    kept = {name: value for name, value in message.attributes.items() if not name.startswith("CloudPubSub")}
    source.publish_raw([message.data], kept | {ROUND: str(spent + 1)})
    return []


def _bury(message: Message, graveyard: Graveyard, source: Raw, paused: Callable[[str], bool]) -> list[Outcome]:
    if message.topic == work.TOPIC:
        return _bury_work(message, graveyard)
    try:
        changes = codec.decode(message.data)
    except (Terminal, Transient) as exc:
        _bury_bytes(message, graveyard, exc.detail)
        return []
    if any(c.source is Side.SALESFORCE and paused(c.sobject) for c in changes):
        # As hints: what the message says may be older by now than any tombstone that is still there.
        source.publish_raw(list(codec.encode([c.hint(buried=True) for c in changes], max_changes=len(changes))), {})
        return []
    outcomes = [Outcome(c, Ending.FAILED, "attempts_used_up", _HINT) for c in changes]
    graveyard.bury(message.topic, outcomes)
    return outcomes


def _bury_work(message: Message, graveyard: Graveyard) -> list[Outcome]:
    kind = message.attributes.get(work.KIND, "")
    if kind != work.NUDGE:  # what that was about stands in the change log, and the schedule looks into it
        _bury_bytes(message, graveyard, f"work of kind {kind!r}")
    return []


def _bury_bytes(message: Message, graveyard: Graveyard, detail: str) -> None:
    exc = Terminal("attempts_used_up", detail, _HINT)
    graveyard.bury_bytes(message.topic, message.message_id, message.data, exc)
    log.run(DOOR, "buried", reason=exc.reason)


# -- what people decide --------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Replay:
    """Where replayed letters go."""

    topics: Callable[[str], Raw]  #: by short name
    reopen: Callable[[str, str], int]  #: table, record id: failed edits of the log are open again
    mappings: Callable[[str], Sequence[Mapping]]  #: by object


def replay(letter: Map[str, Any], data: bytes | None, world: Replay) -> str:
    """Send one letter on its way again; what was done, in words.

    From Salesforce it goes as a hint: the record is read as it is now, deleted ones included, so an old letter
    brings no old value back (an event goes whole: nothing newer can be said of it). From Postgres the edits themselves are opened again in the log.

    Args:
        data: The message's own bytes where it could not be read.

    Raises:
        Terminal: the log holds no failed edit of the record any more.
    """
    topic = letter["topic"]
    if data is not None:
        world.topics(topic).publish_raw([data], work.attributes(work.decode(data)) if topic == work.TOPIC else {})
        return f"published again to {topic}"
    (change,) = codec.decode(_bytes(letter["payload"]["message"]))
    if change.source is Side.POSTGRES:
        return _reopen(change, world)
    hint = change.hint(buried=True)
    world.topics(topic).publish_raw(list(codec.encode([hint], max_changes=1)), {})
    return (
        "the event is told again, as it was" if change.is_event else "the record will be read and applied as it is now"
    )


def replay_each(
    letters: Sequence[Map[str, Any]], world: Replay, close: Callable[[Map[str, Any]], object]
) -> Iterator[tuple[int, str, bool]]:
    """Replay letters one after the other: (id, what was done or why not, whether it was).

    Args:
        close: Marks a letter as replayed, if it has not failed again since: the doors may have been quicker than we.
    """
    for letter in letters:
        held = letter["payload"].get("bytes")
        try:
            done = replay(letter, None if held is None else base64.b64decode(held), world)
        except IsthmusError as exc:
            yield letter["id"], str(exc), False
            continue
        close(letter)
        yield letter["id"], done, True


def _reopen(change: Change, world: Replay) -> str:
    rows = sum(world.reopen(m.table, change.record_id) for m in world.mappings(change.sobject))
    if not rows:
        raise Terminal(
            "nothing_failed",
            f"the change log holds no failed edit of {change.sobject} {change.record_id}",
            "A later edit has taken it along, or it was replayed already: discard the letter.",
        )
    return f"{rows} edits are open again"


def _bytes(message: object) -> bytes:
    """A kept message as the bytes it was."""
    return json.dumps(message, ensure_ascii=False).encode()
