"""StreamingPull: the conversation behind the client library's `subscribe()`."""

import threading
from collections.abc import Iterator

import grpc

from tests.stack.broker.bell import Bell
from tests.stack.broker.clock import SECOND_US
from tests.stack.broker.deliveries import Deliveries, Delivery
from tests.stack.broker.queues import Queue
from tests.stack.broker.store import Store
from tests.stack.broker.wire import Message, ReceivedMessage, pb

BATCH = 100  #: messages in one response, so that the first do not wait for the last

StreamingPullResponse = pb("StreamingPullResponse")


def received(queue: Queue, delivery: Delivery) -> Message:
    """A delivery as pulls answer it; attempts are told only where a dead letter policy counts them."""
    attempt = delivery.attempt if queue.has_dead_letters else 0
    return ReceivedMessage(ack_id=delivery.ack_id, message=delivery.message, delivery_attempt=attempt)


class Streams:
    def __init__(self, store: Store, deliveries: Deliveries) -> None:
        self._store = store
        self._deliveries = deliveries

    def serve(self, requests: Iterator[Message], context: grpc.ServicerContext) -> Iterator[Message]:
        """Send messages as they fall due, no more at a time than the subscriber asked for."""
        opening = next(requests)
        bell = self._store.queue(opening.subscription).bell
        context.add_callback(bell.ring)
        hung_up = threading.Event()
        threading.Thread(target=self._listen, args=(requests, opening, bell, hung_up), daemon=True).start()
        while context.is_active() and not hung_up.is_set():
            heard = bell.rings
            queue = self._store.queue(opening.subscription)
            room = self._room(queue, opening)
            found = self._claim(queue, opening, room) if room > 0 else []
            if found:
                messages = [received(queue, delivery) for delivery in found]
                yield StreamingPullResponse(received_messages=messages)
            elif room > 0:
                bell.wait(heard, self._deliveries.seconds_until_due(queue))
            else:
                bell.wait(heard, self._deliveries.seconds_until_expiry(queue))

    def _room(self, queue: Queue, opening: Message) -> int:
        """How many messages more the subscriber wants to hold; 0 in its request means any number."""
        if not opening.max_outstanding_messages:
            return BATCH
        # Acknowledgements come by other calls, so what is outstanding is what the queue has on lease.
        return min(BATCH, int(opening.max_outstanding_messages) - self._deliveries.leased_count(queue))

    def _claim(self, queue: Queue, opening: Message, room: int) -> list[Delivery]:
        seconds = opening.stream_ack_deadline_seconds or queue.ack_deadline_seconds
        return self._deliveries.claim(queue, room, seconds * SECOND_US)

    def _listen(self, requests: Iterator[Message], opening: Message, bell: Bell, hung_up: threading.Event) -> None:
        try:
            for request in requests:
                self._hear(self._store.queue(opening.subscription), request)
        except grpc.RpcError:
            pass  # how grpc says that the call has ended
        finally:
            hung_up.set()
            bell.ring()

    def _hear(self, queue: Queue, request: Message) -> None:
        if request.ack_ids:
            self._deliveries.ack(queue, request.ack_ids)
        changes = zip(request.modify_deadline_ack_ids, request.modify_deadline_seconds, strict=True)
        for ack_id, seconds in changes:
            self._deliveries.modify(queue, [ack_id], seconds)
