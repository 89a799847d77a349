"""ManagedSubscribe: subscriptions whose place the server keeps, moved by what clients commit."""

from collections import deque
from collections.abc import Callable
from typing import Any

from tests.standin import ids
from tests.standin.events.failures import Failed
from tests.standin.events.log import replay_number
from tests.standin.events.managed import Managed, Subscription
from tests.standin.events.stream import Stream
from tests.standin.events.topics import Topic
from tests.standin.events.wire import pubsub_api_pb2 as wire
from tests.standin.org import Org

RESTRICTED = "managed.subscription.fetch.request.commit.request.restricted"


def subscription_of(managed: Managed, request: Any) -> Subscription:
    """The subscription that a stream's first request names, free to be used."""
    if bool(request.subscription_id) == bool(request.developer_name):
        raise Failed("managed.subscription.id.or.developer.name.empty")
    if request.subscription_id and ids.to_18(request.subscription_id) is None:
        raise Failed("managed.subscription.subscription.id.invalid")
    by_id = bool(request.subscription_id)
    found = managed.by_id(request.subscription_id) if by_id else managed.by_name(request.developer_name)
    if found is None:
        kind = "subscription.id" if by_id else "developer.name"
        raise Failed(f"managed.subscription.{kind}.not.found")
    if found.state == "STOP":
        raise Failed("managed.subscription.config.stopped")
    if found.id in managed.active:
        raise Failed("managed.subscription.already.active")
    if request.HasField("commit_replay_id_request"):
        raise Failed(RESTRICTED)
    return found


def start_of(org: Org, subscription: Subscription) -> int:
    """After what was committed last, if it is still kept; else where the subscription's preset says."""
    log = org.events.log
    if subscription.committed and log.is_valid(subscription.committed):
        return subscription.committed
    return log.earliest() if subscription.preset == "EARLIEST" else log.tip


class Call:
    """One client's use of a subscription: only one at a time, and its commits answered in order."""

    def __init__(self, org: Org, topic: Callable[[str], Topic], token: str, first: Any) -> None:
        self._org = org
        self._answers: deque[Any] = deque()
        self._subscription = subscription_of(org.events.managed, first)
        found = topic(self._subscription.topic)
        if first.num_requested < 0:
            raise Failed("managed.subscription.fetch.request.events.invalid")
        self.stream = Stream(org, token)
        self.stream.topic, self.stream.position = found, start_of(org, self._subscription)
        self.stream.ask(first.num_requested)
        org.events.managed.active.add(self._subscription.id)

    def start(self, requests: Any) -> None:
        self.stream.start(requests, self._hear)

    def _hear(self, request: Any) -> None:
        if request.num_requested < 0:
            raise Failed("managed.subscription.fetch.request.events.invalid")
        self.stream.refresh(request.auth_refresh)
        if request.HasField("commit_replay_id_request"):
            asked = request.commit_replay_id_request
            self._answers.append(committed(self._org, self.stream, self._subscription, asked))
            self.stream.answers_due += 1
        self.stream.ask(request.num_requested)

    def answer(self) -> Any:
        """The answer to the oldest commit that has none yet."""
        if not self._answers:
            return None
        self.stream.answers_due -= 1
        return self._answers.popleft()

    async def close(self) -> None:
        self._org.events.managed.active.discard(self._subscription.id)
        await self.stream.close()


def committed(org: Org, stream: Stream, subscription: Subscription, asked: Any) -> Any:
    """The answer to a commit; one that cannot be kept says why, and the stream goes on."""
    number = replay_number(asked.replay_id)
    problem = _problem(org, stream, subscription, number)
    if problem is None and number is not None:
        org.events.managed.commit(subscription, number)
    return wire.CommitReplayResponse(
        commit_request_id=asked.commit_request_id,
        replay_id=asked.replay_id,
        error=wire.Error(code=wire.ErrorCode.COMMIT, msg=problem) if problem else None,
        process_time=int(org.clock.now() * 1000),
    )


def _problem(org: Org, stream: Stream, subscription: Subscription, number: int | None) -> str | None:
    if number is None or not org.events.log.is_valid(number):
        return "The Replay ID is missing, invalid or older than the retention."
    if number > stream.position:
        return "The Replay ID was not delivered yet."
    return "A newer Replay ID was committed already." if number < subscription.committed else None
