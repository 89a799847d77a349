"""What topics, subscriptions and publish requests must be like, and the defaults for what they leave out."""

import re
from collections.abc import Sequence

from tests.stack.broker.clock import SECOND_US, duration_us
from tests.stack.broker.errors import invalid, out_of_range, unimplemented
from tests.stack.broker.filters import FilterError, parse
from tests.stack.broker.wire import Duration, Message, Subscription

MAX_MESSAGES = 1_000  #: per publish request; Pub/Sub quotas
MAX_REQUEST_BYTES = 10 * 1024 * 1024  #: per publish request and message; Pub/Sub quotas, "10 MB"
MAX_ATTRIBUTES = 100  #: per message; Pub/Sub quotas
MAX_KEY_BYTES = 256  #: of an attribute
MAX_VALUE_BYTES = 1_024  #: of an attribute; of an ordering key too
ACK_DEADLINES = range(10, 601)  #: seconds
ATTEMPTS = range(5, 101)
DEFAULT_ACK_DEADLINE = 10  #: seconds
DEFAULT_RETENTION = 7 * 86_400  #: seconds
DEFAULT_BACKOFF = (10, 600)  #: seconds, where a retry policy leaves a bound out
RETENTION_US = (600 * SECOND_US, 31 * 86_400 * SECOND_US)  #: 10 minutes to 31 days
MAX_BACKOFF_US = 600 * SECOND_US

_NAME = r"projects/[^/]+/{kind}/(?!goog)[A-Za-z][A-Za-z0-9\-_.~+%]{{2,254}}"
_KEY = re.compile(r"(?!goog(?!client_)).+", re.DOTALL)  # googclient_: the client library's own, for tracing
_ENDPOINT = re.compile(r"https?://[^/\s]+\S*")

_ELSEWHERE = {
    "topic": ("schema_settings", "ingestion_data_source_settings", "message_transforms"),
    "subscription": ("bigquery_config", "cloud_storage_config", "bigtable_config", "message_transforms"),
}


def check_topic(body: Message) -> None:
    _check_name("topics", body.name)
    _check_supported("topic", body)
    if body.HasField("message_retention_duration"):
        _check_retention(body.message_retention_duration)


def check_messages(messages: Sequence[Message], request_bytes: int) -> None:
    if not messages:
        raise invalid("No messages to publish")
    if len(messages) > MAX_MESSAGES:
        raise invalid("Too many messages to publish")
    if request_bytes > MAX_REQUEST_BYTES:
        raise invalid(f"Request payload size exceeds the limit: {MAX_REQUEST_BYTES} bytes.")
    for message in messages:
        _check_message(message)


def completed(body: Message) -> Message:
    """A copy of a subscription with Pub/Sub's defaults in the places left empty."""
    full = Subscription()
    full.CopyFrom(body)
    full.ack_deadline_seconds = body.ack_deadline_seconds or DEFAULT_ACK_DEADLINE
    if not full.HasField("message_retention_duration"):
        full.message_retention_duration.CopyFrom(Duration(seconds=DEFAULT_RETENTION))
    if full.HasField("dead_letter_policy"):
        policy = full.dead_letter_policy
        policy.max_delivery_attempts = policy.max_delivery_attempts or ATTEMPTS.start
    if full.HasField("retry_policy"):
        for bound, seconds in zip(("minimum_backoff", "maximum_backoff"), DEFAULT_BACKOFF, strict=True):
            if not full.retry_policy.HasField(bound):
                getattr(full.retry_policy, bound).CopyFrom(Duration(seconds=seconds))
    return full


def check_subscription(body: Message) -> None:
    """Check a completed subscription by itself; whether its topics exist is for the store to say."""
    _check_name("subscriptions", body.name)
    _check_supported("subscription", body)
    if body.ack_deadline_seconds not in ACK_DEADLINES:
        raise invalid("ack_deadline_secs out of bounds")
    _check_retention(body.message_retention_duration)
    check_push(body.push_config)
    _check_filter(body.filter)
    if body.HasField("dead_letter_policy"):
        _check_attempts(body.dead_letter_policy.max_delivery_attempts)
    if body.HasField("retry_policy"):
        _check_backoff(body.retry_policy)


def check_push(config: Message) -> None:
    if config.push_endpoint and not _ENDPOINT.fullmatch(config.push_endpoint):
        raise invalid("Unsupported push_endpoint")
    if config.HasField("no_wrapper"):
        raise unimplemented("This broker pushes wrapped messages only (no_wrapper is not supported).")


def _check_name(kind: str, name: str) -> None:
    if not re.fullmatch(_NAME.format(kind=kind), name):
        raise invalid(f"Invalid [{kind}] name: (name={name})")


def _check_supported(noun: str, body: Message) -> None:
    present = {field.name for field, _ in body.ListFields()}
    for field in _ELSEWHERE[noun]:
        if field in present:
            raise unimplemented(f"This broker does not support {field} of a {noun}.")


def _check_message(message: Message) -> None:
    if not message.data and not message.attributes:
        raise invalid("Some messages are empty")
    if len(message.ordering_key.encode()) > MAX_VALUE_BYTES:
        raise invalid(f"An ordering key is longer than {MAX_VALUE_BYTES} bytes")
    if len(message.attributes) > MAX_ATTRIBUTES:
        raise invalid(f"A message has more than {MAX_ATTRIBUTES} attributes")
    for key, value in message.attributes.items():
        if not _KEY.fullmatch(key) or len(key.encode()) > MAX_KEY_BYTES:
            raise invalid(f"Not an attribute's key: {key[:MAX_KEY_BYTES]!r}")
        if len(value.encode()) > MAX_VALUE_BYTES:
            raise invalid(f"The value of attribute {key!r} is longer than {MAX_VALUE_BYTES} bytes")


def _check_retention(duration: Message) -> None:
    shortest, longest = RETENTION_US
    if not shortest <= duration_us(duration) <= longest:
        raise invalid("message_retention_duration out of bounds")


def _check_filter(text: str) -> None:
    try:
        parse(text)
    except FilterError as exc:
        raise invalid(f"Invalid filter: {exc}") from exc


def _check_attempts(attempts: int) -> None:
    # OUT_OF_RANGE is what Google's emulator answers; the client library makes both it and
    # INVALID_ARGUMENT a BadRequest.
    if attempts not in ATTEMPTS:
        bound = "small" if attempts < ATTEMPTS.start else "large"
        raise out_of_range(
            f"The value for max_delivery_attempts is too {bound}. You passed {attempts} in the request,"
            f" but the value must be between {ATTEMPTS.start} and {ATTEMPTS.stop - 1}."
        )


def _check_backoff(policy: Message) -> None:
    least, most = duration_us(policy.minimum_backoff), duration_us(policy.maximum_backoff)
    if not 0 <= least <= MAX_BACKOFF_US or not 0 <= most <= MAX_BACKOFF_US:
        raise invalid("minimum_backoff and maximum_backoff must be between 0s and 600s.")
    if least > most:
        raise invalid("The value for maximum_backoff is too small: it is below minimum_backoff.")
