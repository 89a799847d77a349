"""google.pubsub.v1.Subscriber: subscriptions, and messages fetched from them."""

import time

import grpc

from tests.stack.broker.checks import ACK_DEADLINES, check_push, check_subscription, completed
from tests.stack.broker.clock import SECOND_US, timestamp_us
from tests.stack.broker.deliveries import Deliveries, Delivery
from tests.stack.broker.errors import invalid, unimplemented
from tests.stack.broker.push import Pushers
from tests.stack.broker.queues import Queue
from tests.stack.broker.rpc import merged, page, streaming, unary
from tests.stack.broker.store import Store
from tests.stack.broker.streams import Streams, received
from tests.stack.broker.wire import Empty, Message, Methods, Subscription, pb

SERVICE = "google.pubsub.v1.Subscriber"
MAX_PULL = 1_000  #: messages in one answer
LONGEST_PULL = 60.0  #: seconds that a pull without a deadline of its own waits for a message
ANSWER_TIME = 0.05  #: seconds before the caller's deadline in which an empty answer still arrives
IMMUTABLE = {"name", "topic", "filter", "enable_message_ordering"}

PullResponse = pb("PullResponse")
SeekResponse = pb("SeekResponse")
StreamingPullResponse = pb("StreamingPullResponse")
ListSubscriptionsResponse = pb("ListSubscriptionsResponse")


class Subscriber:
    def __init__(self, store: Store, deliveries: Deliveries, pushers: Pushers) -> None:
        self._store = store
        self._deliveries = deliveries
        self._pushers = pushers
        self._streams = Streams(store, deliveries)

    def methods(self) -> Methods:
        return {
            "CreateSubscription": unary(self.create, "Subscription", Subscription),
            "GetSubscription": unary(self.get, "GetSubscriptionRequest", Subscription),
            "UpdateSubscription": unary(self.update, "UpdateSubscriptionRequest", Subscription),
            "ListSubscriptions": unary(self.list_all, "ListSubscriptionsRequest", ListSubscriptionsResponse),
            "DeleteSubscription": unary(self.delete, "DeleteSubscriptionRequest", Empty),
            "ModifyPushConfig": unary(self.modify_push, "ModifyPushConfigRequest", Empty),
            "Pull": unary(self.pull, "PullRequest", PullResponse),
            "Acknowledge": unary(self.acknowledge, "AcknowledgeRequest", Empty),
            "ModifyAckDeadline": unary(self.modify_deadline, "ModifyAckDeadlineRequest", Empty),
            "StreamingPull": streaming(self._streams.serve, "StreamingPullRequest", StreamingPullResponse),
            "Seek": unary(self.seek, "SeekRequest", SeekResponse),
        }

    def create(self, request: Message, _: grpc.ServicerContext) -> Message:
        body = self._checked(request)
        self._store.create_queue(body)
        self._pushers.refresh(body.name)
        return body

    def get(self, request: Message, _: grpc.ServicerContext) -> Message:
        return self._store.queue(request.subscription).body

    def update(self, request: Message, _: grpc.ServicerContext) -> Message:
        queue = self._store.queue(request.subscription.name)
        paths = {path.split(".")[0] for path in request.update_mask.paths}
        if not paths or paths & IMMUTABLE or not paths <= set(Subscription.DESCRIPTOR.fields_by_name):
            raise invalid("Invalid update_mask: it must name fields of a Subscription that may change.")
        body = self._checked(merged(queue.body, request.subscription, request.update_mask))
        self._store.update_queue(body)
        self._pushers.refresh(body.name)
        return body

    def list_all(self, request: Message, _: grpc.ServicerContext) -> Message:
        names = sorted(name for name in self._store.queues if name.startswith(f"{request.project}/"))
        found, following = page(names, request)
        bodies = [self._store.queue(name).body for name in found]
        return ListSubscriptionsResponse(subscriptions=bodies, next_page_token=following)

    def delete(self, request: Message, _: grpc.ServicerContext) -> Message:
        self._store.drop_queue(request.subscription)
        self._pushers.refresh(request.subscription)
        return Empty()

    def modify_push(self, request: Message, _: grpc.ServicerContext) -> Message:
        queue = self._store.queue(request.subscription)
        check_push(request.push_config)
        body = Subscription()
        body.CopyFrom(queue.body)
        body.push_config.CopyFrom(request.push_config)
        self._store.update_queue(body)
        self._pushers.refresh(body.name)
        return Empty()

    def pull(self, request: Message, context: grpc.ServicerContext) -> Message:
        """Answer as soon as there is a message; with none, when the caller is about to give up."""
        if request.max_messages < 1:
            raise invalid("No max_messages specified")
        bell = self._store.queue(request.subscription).bell
        context.add_callback(bell.ring)
        give_up = time.monotonic() + _patience(request, context)
        while True:
            heard = bell.rings
            queue = self._store.queue(request.subscription)
            found = self._claim(queue, request.max_messages) if context.is_active() else []
            left = give_up - time.monotonic()
            if found or left <= 0 or not context.is_active():
                return PullResponse(received_messages=[received(queue, delivery) for delivery in found])
            due = self._deliveries.seconds_until_due(queue)
            bell.wait(heard, left if due is None else min(left, due))

    def acknowledge(self, request: Message, _: grpc.ServicerContext) -> Message:
        queue = self._store.queue(request.subscription)
        if not request.ack_ids:
            raise invalid("No ack ids specified.")
        self._deliveries.ack(queue, request.ack_ids)
        return Empty()

    def modify_deadline(self, request: Message, _: grpc.ServicerContext) -> Message:
        queue = self._store.queue(request.subscription)
        if not request.ack_ids:
            raise invalid("No ack ids specified")
        if not 0 <= request.ack_deadline_seconds < ACK_DEADLINES.stop:
            raise invalid("ack_deadline_seconds out of bounds")
        self._deliveries.modify(queue, request.ack_ids, request.ack_deadline_seconds)
        return Empty()

    def seek(self, request: Message, _: grpc.ServicerContext) -> Message:
        queue = self._store.queue(request.subscription)
        match request.WhichOneof("target"):
            case "time":
                self._deliveries.seek(queue, timestamp_us(request.time))
            case "snapshot":
                raise unimplemented("This broker keeps no snapshots; seek to a time.")
            case _:
                raise invalid("No target was specified in the SeekRequest. Must specify a time.")
        return SeekResponse()

    def _checked(self, body: Message) -> Message:
        full = completed(body)
        check_subscription(full)
        if full.HasField("dead_letter_policy"):
            grave = full.dead_letter_policy.dead_letter_topic
            self._store.topic(grave, missing="Dead letter topic not found")
        return full

    def _claim(self, queue: Queue, most: int) -> list[Delivery]:
        return self._deliveries.claim(queue, min(most, MAX_PULL), queue.ack_deadline_seconds * SECOND_US)


def _patience(request: Message, context: grpc.ServicerContext) -> float:
    if request.return_immediately:
        return 0.0
    remaining = context.time_remaining()
    return LONGEST_PULL if remaining is None else min(LONGEST_PULL, remaining - ANSWER_TIME)
