"""What Pub/Sub pushes: the envelope opened, the answer chosen."""

import base64
import binascii
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from common import clock, log
from common.change import Ending, Outcome
from common.errors import Misconfigured, Terminal, Transient

ACK = 204
NACK = 503
MALFORMED = 400  #: not a push at all; whoever sent it is told so

Answer = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Delivery:
    """One message as it was pushed."""

    data: bytes
    message_id: str
    published_at: datetime
    attributes: Mapping[str, str] = field(default_factory=dict)
    subscription: str = ""
    attempt: int = 1

    @property
    def trace(self) -> str:
        return self.attributes.get("traceparent", "")


def open_envelope(body: object) -> Delivery:
    """Read Pub/Sub's wrapped push body.

    Raises:
        Terminal: it is none.
    """
    try:
        return _delivery(body)
    except (KeyError, TypeError, ValueError, AttributeError, binascii.Error) as exc:
        raise Terminal(
            "not_a_push",
            f"{type(exc).__name__}: {exc}",
            'Expected {"message": {"data": base64, "messageId": ...}, ...}.',
        ) from exc


def _delivery(body: Any) -> Delivery:
    message = body["message"]
    published = message.get("publishTime") or message.get("publish_time")
    return Delivery(
        data=base64.b64decode(message.get("data", ""), validate=True),
        message_id=str(message["messageId"]),
        published_at=clock.parse(published) if published else clock.now(),
        attributes=dict((message.get("attributes") or {}).items()),
        subscription=body.get("subscription", ""),
        attempt=int(body.get("deliveryAttempt", 1)),
    )


def answer(
    door: str,
    body: object,
    *,
    handle: Callable[[Delivery], Sequence[Outcome]],
    bury: Callable[[Delivery, Terminal], None],
) -> Answer:
    """Handle one push: ack when every change has ended, nack when one may heal by waiting.

    A bug is neither: it rises, becomes 500, and is delivered again.

    Args:
        handle: Gets the message through.
        bury: Keeps a message that cannot be read at all.
    """
    try:
        delivery = open_envelope(body)
    except Terminal as exc:
        return f"{exc}\n", MALFORMED
    try:
        return _handled(door, delivery, handle, bury)
    except (Transient, Misconfigured) as exc:
        log.trouble(door, exc, trace=delivery.trace)
        return f"{exc.reason}\n", NACK


def burial(keep: Callable[[str, str, bytes, Terminal, int], None], topic: str) -> Callable[[Delivery, Terminal], None]:
    """How a message of this topic is kept among the dead letters.

    Args:
        keep: Takes topic, message id, bytes, reason and attempts.
    """

    def bury(delivery: Delivery, exc: Terminal) -> None:
        keep(topic, delivery.message_id, delivery.data, exc, delivery.attempt)

    return bury


def _handled(
    door: str,
    delivery: Delivery,
    handle: Callable[[Delivery], Sequence[Outcome]],
    bury: Callable[[Delivery, Terminal], None],
) -> Answer:
    try:
        outcomes = handle(delivery)
    except Terminal as exc:
        log.trouble(door, exc, trace=delivery.trace)
        bury(delivery, exc)
        log.run(door, "buried", trace=delivery.trace, reason=exc.reason)
        return "", ACK
    log.endings(door, outcomes, now=clock.now(), trace=delivery.trace, attempt=delivery.attempt)
    nack = any(o.ending is Ending.LATER for o in outcomes)
    return "", NACK if nack else ACK
