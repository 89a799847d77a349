"""The wrapped push body, as Pub/Sub posts it: both spellings of the message's id and publish time."""

import base64
import json

from tests.stack.broker.wire import Message


def iso_time(stamp: Message) -> str:
    """RFC 3339 with milliseconds and Z, like 2026-11-23T23:54:37.788Z."""
    return str(stamp.ToDatetime().isoformat(timespec="milliseconds")) + "Z"


def wrapped(subscription: str, message: Message, attempt: int | None) -> bytes:
    """The body to post.

    Args:
        attempt: Which delivery of this message it is; None where no dead letter policy counts them.
    """
    published = iso_time(message.publish_time)
    inner = {
        "data": base64.b64encode(message.data).decode(),
        "attributes": dict(message.attributes),
        "messageId": message.message_id,
        "message_id": message.message_id,
        "publishTime": published,
        "publish_time": published,
    }
    if message.ordering_key:
        inner["orderingKey"] = message.ordering_key
    envelope: dict[str, object] = {"message": inner, "subscription": subscription}
    if attempt is not None:
        envelope["deliveryAttempt"] = attempt
    return json.dumps(envelope).encode()
