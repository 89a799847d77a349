"""What is owed to whom: publish, claim, acknowledge, retry and bury, each in one transaction."""

import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tests.stack.broker.clock import SECOND_US, timestamp
from tests.stack.broker.envelope import iso_time
from tests.stack.broker.errors import Refused, invalid
from tests.stack.broker.queues import Queue
from tests.stack.broker.store import Q, Store
from tests.stack.broker.wire import Message, PubsubMessage

SWEEP_EVERY_US = 60 * SECOND_US  #: how long a message may outlive its retention, unseen, on disk


@dataclass(frozen=True)
class Delivery:
    """One message handed to one subscriber, once."""

    queue_id: int
    message_id: int
    attempt: int
    message: Message

    @property
    def ack_id(self) -> str:
        return f"{self.queue_id}-{self.message_id}-{self.attempt}"


class Deliveries:
    def __init__(self, store: Store) -> None:
        self._store = store
        self._clock = store.clock
        self._swept_at = 0
        with store.transaction() as db:
            db.execute(Q["release_all"], {"now": self._clock.now_us()})

    def publish(self, topic: str, messages: Sequence[Message]) -> list[str]:
        """Keep messages for every subscription that takes them; they are safe once this returns."""
        with self._store.transaction() as db:
            self._store.topic(topic)
            first = self._add(db, topic, messages)
        return [str(number) for number in range(first, first + len(messages))]

    def claim(self, queue: Queue, limit: int, lease_us: int) -> list[Delivery]:
        """Hand out up to `limit` due messages; each comes again unless acknowledged within the lease."""
        with self._store.transaction() as db:
            now = self._clock.now_us()
            self._sweep(db, now)
            self._expire(db, queue, now)
            rows = db.execute(Q["claimable"], {**_open_key(queue, now), "now": now, "limit": limit}).fetchall()
            db.executemany(Q["lease"], [(now + lease_us, message, queue.id) for message, _, _ in rows])
        return [Delivery(queue.id, number, tries + 1, PubsubMessage.FromString(b)) for number, tries, b in rows]

    def seconds_until_due(self, queue: Queue) -> float | None:
        """How long until something of this queue falls due by itself; None means nothing will."""
        return self._seconds_until(queue, "next_waiting", "next_expiry")

    def seconds_until_expiry(self, queue: Queue) -> float | None:
        """How long until a lease runs out; None means there is none."""
        return self._seconds_until(queue, "next_expiry")

    def leased_count(self, queue: Queue) -> int:
        with self._store.transaction() as db:
            key = {"subscription": queue.id, "now": self._clock.now_us()}
            return int(db.execute(Q["leased_count"], key).fetchone()[0])

    def ack(self, queue: Queue, ack_ids: Iterable[str]) -> None:
        """Settle deliveries for good. A late acknowledgement counts too."""
        numbers = [_parsed(queue, ack_id)[0] for ack_id in ack_ids]
        with self._store.transaction() as db:
            for number in numbers:
                self._settle(db, queue, number)
        queue.bell.ring()

    def modify(self, queue: Queue, ack_ids: Iterable[str], seconds: int) -> None:
        """Pub/Sub's ModifyAckDeadline: zero seconds give the delivery back at once."""
        if seconds:
            self.extend(queue, ack_ids, seconds)
        else:
            self.nack(queue, ack_ids)

    def nack(self, queue: Queue, ack_ids: Iterable[str]) -> None:
        """Give deliveries back: again after a backoff, or to the dead letters after the last attempt."""
        leases = [_parsed(queue, ack_id) for ack_id in ack_ids]
        with self._store.transaction() as db:
            for number, attempt in leases:
                if db.execute(Q["leased"], _lease_key(queue, number, attempt)).fetchone():
                    self._fail(db, queue, number, attempt, self._clock.now_us())
        queue.bell.ring()

    def extend(self, queue: Queue, ack_ids: Iterable[str], seconds: int) -> None:
        """Let leases that still stand last `seconds` from now."""
        leases = [_parsed(queue, ack_id) for ack_id in ack_ids]
        with self._store.transaction() as db:
            due_at = self._clock.now_us() + seconds * SECOND_US
            for number, attempt in leases:
                db.execute(Q["extend"], {**_lease_key(queue, number, attempt), "due_at": due_at})
        queue.bell.ring()

    def seek(self, queue: Queue, time_us: int) -> None:
        """Acknowledge what was published before a time; bring back what was acknowledged since."""
        older = "retain_older" if queue.retains_acked else "drop_older"
        with self._store.transaction() as db:
            db.execute(Q[older], {"subscription": queue.id, "before": time_us})
            now = self._clock.now_us()
            db.execute(Q["rewind"], {"subscription": queue.id, "since": time_us, "now": now})
            db.execute(Q["forget_all"])
        queue.bell.ring()

    def _add(self, db: sqlite3.Connection, topic: str, messages: Sequence[Message]) -> int:
        now = self._clock.now_us() // 1_000 * 1_000  # Pub/Sub's publish times have milliseconds
        stamp = timestamp(now)
        first = self._store.take_ids(db, len(messages))
        queues = self._store.queues_of(topic)
        bodies, owed = [], []
        for number, message in enumerate(messages, first):
            takers = [queue for queue in queues if queue.accepts(message.attributes)]
            if not takers:
                continue
            message.message_id = str(number)
            message.publish_time.CopyFrom(stamp)
            bodies.append((number, message.SerializeToString()))
            owed += [(number, queue.id, now, now, _order(queue, message)) for queue in takers]
        db.executemany(Q["add_message"], bodies)
        db.executemany(Q["add_delivery"], owed)
        # Ringing before the commit is safe: whoever wakes must wait for the lock that we hold.
        for queue in queues:
            queue.bell.ring()
        return first

    def _seconds_until(self, queue: Queue, *queries: str) -> float | None:
        with self._store.transaction() as db:
            now = self._clock.now_us()
            key = _open_key(queue, now)
            found = [db.execute(Q[name], key).fetchone() for name in queries]
        due = [row[0] for row in found if row is not None]
        return max(0.0, (min(due) - now) / SECOND_US) if due else None

    def _settle(self, db: sqlite3.Connection, queue: Queue, number: int) -> None:
        key = {"message": number, "subscription": queue.id}
        db.execute(Q["settle_retained" if queue.retains_acked else "settle"], key)
        db.execute(Q["forget"], {"message": number})

    def _expire(self, db: sqlite3.Connection, queue: Queue, now: int) -> None:
        rows = db.execute(Q["expired"], {"subscription": queue.id, "now": now}).fetchall()
        for number, attempts, due_at in rows:
            self._fail(db, queue, number, attempts, due_at)

    def _fail(self, db: sqlite3.Connection, queue: Queue, number: int, attempts: int, at: int) -> None:
        spent = queue.has_dead_letters and attempts >= queue.max_attempts
        if spent and queue.dead_letter_topic in self._store.topics:
            self._bury(db, queue, number, attempts)
            return
        due_at = at + queue.backoff_us(attempts)
        db.execute(Q["release"], {"message": number, "subscription": queue.id, "due_at": due_at})

    def _bury(self, db: sqlite3.Connection, queue: Queue, number: int, attempts: int) -> None:
        (body,) = db.execute(Q["body"], {"message": number}).fetchone()
        message = PubsubMessage.FromString(body)
        message.attributes.update(_epitaph(queue, message, attempts))
        self._add(db, queue.dead_letter_topic, [message])
        db.execute(Q["settle"], {"message": number, "subscription": queue.id})
        db.execute(Q["forget"], {"message": number})

    def _sweep(self, db: sqlite3.Connection, now: int) -> None:
        """Drop what has outlived its retention; claims leave it alone already."""
        if abs(now - self._swept_at) < SWEEP_EVERY_US:
            return
        self._swept_at = now
        queues = self._store.queues.values()
        outlived = [{"subscription": queue.id, "before": now - queue.retention_us} for queue in queues]
        if db.executemany(Q["drop_older"], outlived).rowcount > 0:
            db.execute(Q["forget_all"])


def _order(queue: Queue, message: Message) -> str | None:
    return (message.ordering_key or None) if queue.keeps_order else None


def _epitaph(queue: Queue, message: Message, attempts: int) -> dict[str, str]:
    _, project, _, name = queue.name.split("/")
    return {
        "CloudPubSubDeadLetterSourceSubscription": name,
        "CloudPubSubDeadLetterSourceSubscriptionProject": project,
        "CloudPubSubDeadLetterSourceDeliveryCount": str(attempts),
        "CloudPubSubDeadLetterSourceTopicPublishTime": iso_time(message.publish_time),
    }


def _open_key(queue: Queue, now: int) -> dict[str, int]:
    return {"subscription": queue.id, "retained_from": now - queue.retention_us}


def _lease_key(queue: Queue, number: int, attempt: int) -> dict[str, int]:
    return {"message": number, "subscription": queue.id, "attempts": attempt}


def _parsed(queue: Queue, ack_id: str) -> tuple[int, int]:
    try:
        queue_id, number, attempt = map(int, ack_id.split("-"))
    except ValueError:
        raise _bad(ack_id) from None
    if queue_id != queue.id:
        raise _bad(ack_id)
    return number, attempt


def _bad(ack_id: str) -> Refused:
    return invalid(f"Invalid ack id (ack_id={ack_id})")
