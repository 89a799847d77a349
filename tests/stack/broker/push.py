"""Pushing: each push subscription's messages are posted to its endpoint as they fall due."""

import contextlib
import sqlite3
import threading
import time
from queue import SimpleQueue

import urllib3

from tests.stack.broker.clock import SECOND_US
from tests.stack.broker.deliveries import Deliveries, Delivery
from tests.stack.broker.envelope import wrapped
from tests.stack.broker.queues import Queue
from tests.stack.broker.store import Store

ACKNOWLEDGED = frozenset({102, 200, 201, 202, 204})  #: every other status is a negative acknowledgement
FIRST_WINDOW = 2  #: posts in flight at the start; Pub/Sub starts with a few
MAX_WINDOW = 8  #: posts in flight at most, per subscription
LEASE_GRACE_US = 5 * SECOND_US  #: a post is given up before its lease ends, so it is not repeated meanwhile
FIRST_PAUSE = 0.05  #: seconds of silence after an endpoint could not be reached; doubles
LAST_PAUSE = 1.0


class Window:
    """How many posts may be in flight: one more after each success, half after each failure."""

    def __init__(self, limit: int = MAX_WINDOW) -> None:
        self._limit = limit
        self._size = min(FIRST_WINDOW, limit)
        self._out = 0
        self._lock = threading.Lock()

    @property
    def room(self) -> int:
        return self._size - self._out

    @property
    def out(self) -> int:
        return self._out

    def take(self) -> None:
        with self._lock:
            self._out += 1

    def free(self, succeeded: bool) -> None:
        with self._lock:
            self._out -= 1
            self._size = min(self._limit, self._size + 1) if succeeded else max(1, self._size // 2)


class Pause:
    """Silence towards an endpoint that cannot be reached, so that its backlog does not burn its attempts."""

    def __init__(self) -> None:
        self._next = FIRST_PAUSE
        self._until = 0.0

    @property
    def left(self) -> float:
        return max(0.0, self._until - time.monotonic())

    def reached(self) -> None:
        self._next = FIRST_PAUSE

    def missed(self) -> None:
        self._until = time.monotonic() + self._next
        self._next = min(LAST_PAUSE, self._next * 2)


class Pusher:
    """Posts one subscription's messages until it is stopped."""

    def __init__(self, store: Store, deliveries: Deliveries, name: str) -> None:
        self._store = store
        self._deliveries = deliveries
        self._name = name
        self._bell = store.queue(name).bell
        self._window = Window()
        self._pause = Pause()
        self._jobs: SimpleQueue[tuple[Queue, Delivery] | None] = SimpleQueue()
        self._workers = 0
        self._stopping = False
        self._http = urllib3.PoolManager(maxsize=MAX_WINDOW, retries=False)
        # Daemons: a post may hang for minutes, and what it carries comes again after a restart.
        threading.Thread(target=self._run, name=f"push {name}", daemon=True).start()

    def stop(self) -> None:
        self._stopping = True
        self._bell.ring()

    def _run(self) -> None:
        with contextlib.suppress(sqlite3.ProgrammingError):  # the store was closed: the broker is going down
            while not self._stopping and (queue := self._store.queues.get(self._name)):
                heard = self._bell.rings
                if not self._send_due(queue):
                    self._bell.wait(heard, self._idle_seconds(queue))
        for _ in range(self._workers):
            self._jobs.put(None)
        self._http.clear()

    def _send_due(self, queue: Queue) -> bool:
        room = 0 if self._pause.left else self._window.room
        if room <= 0:
            return False
        lease_us = queue.ack_deadline_seconds * SECOND_US + LEASE_GRACE_US
        claimed = self._deliveries.claim(queue, room, lease_us)
        for delivery in claimed:
            self._hand_over(queue, delivery)
        return bool(claimed)

    def _idle_seconds(self, queue: Queue) -> float | None:
        if self._window.room <= 0:
            return None  # the next finished post rings
        return self._pause.left or self._deliveries.seconds_until_due(queue)

    def _hand_over(self, queue: Queue, delivery: Delivery) -> None:
        self._window.take()
        if self._workers < self._window.out:
            self._workers += 1
            threading.Thread(target=self._work, name=f"post {self._name}", daemon=True).start()
        self._jobs.put((queue, delivery))

    def _work(self) -> None:
        with contextlib.suppress(sqlite3.ProgrammingError):  # as above
            while job := self._jobs.get():
                self._deliver(*job)

    def _deliver(self, queue: Queue, delivery: Delivery) -> None:
        taken = self._post(queue, delivery)
        self._window.free(taken)
        settle = self._deliveries.ack if taken else self._deliveries.nack
        settle(queue, [delivery.ack_id])  # rings, and with that wakes _run

    def _post(self, queue: Queue, delivery: Delivery) -> bool:
        attempt = delivery.attempt if queue.has_dead_letters else None
        try:
            answer = self._http.request(
                "POST",
                queue.endpoint,
                body=wrapped(queue.name, delivery.message, attempt),
                headers={"Content-Type": "application/json", "User-Agent": "isthmus-broker"},
                timeout=queue.ack_deadline_seconds,
                redirect=False,
            )
        except urllib3.exceptions.HTTPError:
            self._pause.missed()
            return False
        self._pause.reached()
        return answer.status in ACKNOWLEDGED


class Pushers:
    """One pusher for each subscription that has an endpoint."""

    def __init__(self, store: Store, deliveries: Deliveries) -> None:
        self._store = store
        self._deliveries = deliveries
        self._running: dict[str, Pusher] = {}
        self._lock = threading.Lock()

    def start(self) -> None:
        for name in list(self._store.queues):
            self.refresh(name)

    def refresh(self, name: str) -> None:
        """Start, stop or replace the pusher of a subscription that was made, changed or deleted."""
        with self._lock:
            if former := self._running.pop(name, None):
                former.stop()
            queue = self._store.queues.get(name)
            if queue and queue.endpoint:
                self._running[name] = Pusher(self._store, self._deliveries, name)

    def stop(self) -> None:
        with self._lock:
            for pusher in self._running.values():
                pusher.stop()
            self._running.clear()
