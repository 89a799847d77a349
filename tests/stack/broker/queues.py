"""A queue: one subscription as the broker keeps it in memory, with its rules worked out."""

from dataclasses import dataclass, field
from functools import cached_property

from tests.stack.broker.bell import Bell
from tests.stack.broker.clock import SECOND_US, duration_us
from tests.stack.broker.filters import Predicate, parse
from tests.stack.broker.wire import Message

DELETED_TOPIC = "_deleted-topic_"  #: what Pub/Sub writes where a subscription's topic was

# Without a retry policy Pub/Sub redelivers at once; pushes are slowed down from 100 ms. It goes on to 60 s,
# we stop at 1 s: an endpoint on this machine is down because somebody is restarting it.
FIRST_PUSH_RETRY_US = SECOND_US // 10
LAST_PUSH_RETRY_US = SECOND_US


@dataclass(frozen=True)
class Queue:
    """One subscription. Replaced, never changed, when the subscription is updated; the bell stays."""

    id: int
    body: Message
    bell: Bell = field(default_factory=Bell)

    @cached_property
    def name(self) -> str:
        return str(self.body.name)

    @cached_property
    def topic(self) -> str:
        return str(self.body.topic)

    @cached_property
    def accepts(self) -> Predicate:
        return parse(self.body.filter)

    @property
    def endpoint(self) -> str:
        """Where to push; empty means it is pulled."""
        return str(self.body.push_config.push_endpoint)

    @property
    def ack_deadline_seconds(self) -> int:
        return int(self.body.ack_deadline_seconds)

    @property
    def keeps_order(self) -> bool:
        return bool(self.body.enable_message_ordering)

    @property
    def retains_acked(self) -> bool:
        return bool(self.body.retain_acked_messages)

    @cached_property
    def retention_us(self) -> int:
        return duration_us(self.body.message_retention_duration)

    @property
    def has_dead_letters(self) -> bool:
        return bool(self.body.HasField("dead_letter_policy"))

    @property
    def dead_letter_topic(self) -> str:
        return str(self.body.dead_letter_policy.dead_letter_topic)

    @property
    def max_attempts(self) -> int:
        return int(self.body.dead_letter_policy.max_delivery_attempts)

    def backoff_us(self, attempts: int) -> int:
        """How long a message rests after its `attempts`-th failed delivery."""
        first, last = self._retry_bounds
        return int(min(last, first * 2 ** min(attempts - 1, 40)))

    @cached_property
    def _retry_bounds(self) -> tuple[int, int]:
        if self.body.HasField("retry_policy"):
            policy = self.body.retry_policy
            first, last = duration_us(policy.minimum_backoff), duration_us(policy.maximum_backoff)
            return max(first, FIRST_PUSH_RETRY_US), max(last, FIRST_PUSH_RETRY_US)
        return (FIRST_PUSH_RETRY_US, LAST_PUSH_RETRY_US) if self.endpoint else (0, 0)
