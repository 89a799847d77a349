"""The broker's memory: one SQLite file that holds topics, subscriptions, messages and their deliveries.

Everything goes through one connection and one lock. The journal is a write-ahead log with
synchronous=NORMAL: a commit is handed to the operating system before it is confirmed, so the broker may be
killed at any moment and loses nothing. Only a power cut could cost the last commits, and on one machine that
takes both sides with it; an fsync for every acknowledgement would cost each message milliseconds.
"""

import re
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.stack.broker.bell import Bell
from tests.stack.broker.clock import Clock
from tests.stack.broker.errors import already_exists, not_found
from tests.stack.broker.queues import DELETED_TOPIC, Queue
from tests.stack.broker.wire import Message, Subscription, Topic

_HERE = Path(__file__).parent
_SECTIONS = re.compile(r"^-- (\w+) --$", re.MULTILINE)


def _named_queries(text: str) -> dict[str, str]:
    _, *parts = _SECTIONS.split(text)
    return dict(zip(parts[::2], parts[1::2], strict=True))


Q = _named_queries((_HERE / "queries.sql").read_text())


class Store:
    """Topics and queues, in memory and on disk; the connection that deliveries are kept through.

    Raises:
        sqlite3.OperationalError: another broker holds the directory.
    """

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self._lock = threading.RLock()
        self._db = _connect(directory / "broker.sqlite")
        settings = dict(self._db.execute(Q["settings"]).fetchall())
        self.clock = Clock(settings.get("clock_offset_us", 0))
        self._next_id = settings.get("next_message_id", 1)
        self.topics: dict[str, Message] = _topics(self._db)
        self.queues: dict[str, Queue] = _queues(self._db)

    def close(self) -> None:
        """Close the file. Whoever still waits on a queue is woken and finds the store closed."""
        with self._lock:
            self._db.close()
        self.ring_all()

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """One writer at a time; all of the block is kept, or nothing."""
        with self._lock:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")

    def ring_all(self) -> None:
        for queue in list(self.queues.values()):
            queue.bell.ring()

    def take_ids(self, db: sqlite3.Connection, count: int) -> int:
        """Reserve `count` message ids and return the first; an id is never used twice."""
        first = int(self._next_id)
        self._next_id += count
        db.execute(Q["set"], {"name": "next_message_id", "value": self._next_id})
        return first

    def move_clock(self, by_us: int) -> None:
        """Move the clock, keep its offset, and wake every queue: something may be due now."""
        with self.transaction() as db:
            offset_us = self.clock.move(by_us)
            db.execute(Q["set"], {"name": "clock_offset_us", "value": offset_us})
        self.ring_all()

    def topic(self, name: str, missing: str = "Topic not found") -> Message:
        try:
            return self.topics[name]
        except KeyError:
            raise not_found(missing) from None

    def create_topic(self, body: Message) -> None:
        with self.transaction() as db:
            if body.name in self.topics:
                raise already_exists("Topic already exists")
            self._put_topic(db, body)

    def update_topic(self, body: Message) -> None:
        with self.transaction() as db:
            self.topic(body.name)
            self._put_topic(db, body)

    def drop_topic(self, name: str) -> None:
        """Forget a topic. Its subscriptions stay and give out what they still hold."""
        with self.transaction() as db:
            self.topic(name)
            orphans = [(queue, _orphan(queue.body)) for queue in self.queues_of(name)]
            for queue, body in orphans:
                self._put_queue(db, body, queue.bell)
            db.execute(Q["drop_topic"], {"name": name})
            del self.topics[name]

    def queue(self, name: str) -> Queue:
        try:
            return self.queues[name]
        except KeyError:
            raise not_found("Subscription does not exist") from None

    def queues_of(self, topic: str) -> list[Queue]:
        return [queue for queue in self.queues.values() if queue.topic == topic]

    def create_queue(self, body: Message) -> None:
        with self.transaction() as db:
            if body.name in self.queues:
                raise already_exists("Subscription already exists")
            self.topic(body.topic, missing="Subscription topic does not exist")
            self._put_queue(db, body, Bell())

    def update_queue(self, body: Message) -> None:
        with self.transaction() as db:
            queue = self.queue(body.name)
            self._put_queue(db, body, queue.bell)
        queue.bell.ring()

    def drop_queue(self, name: str) -> None:
        with self.transaction() as db:
            queue = self.queue(name)
            db.execute(Q["drop_deliveries"], {"subscription": queue.id})
            db.execute(Q["drop_subscription"], {"subscription": queue.id})
            db.execute(Q["forget_all"])
            del self.queues[name]
        queue.bell.ring()

    def _put_topic(self, db: sqlite3.Connection, body: Message) -> None:
        db.execute(Q["put_topic"], {"name": body.name, "body": body.SerializeToString()})
        self.topics[body.name] = body

    def _put_queue(self, db: sqlite3.Connection, body: Message, bell: Bell) -> None:
        db.execute(Q["put_subscription"], {"name": body.name, "body": body.SerializeToString()})
        (queue_id,) = db.execute(Q["subscription_id"], {"name": body.name}).fetchone()
        self.queues[body.name] = Queue(queue_id, body, bell)


def _connect(path: Path) -> sqlite3.Connection:
    # EXCLUSIVE: a second broker on the same directory is refused, and no shared memory file is needed.
    db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=1)
    try:
        db.execute("PRAGMA locking_mode = EXCLUSIVE")
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = NORMAL")
        db.executescript((_HERE / "schema.sql").read_text())
    except sqlite3.Error:
        db.close()
        raise
    return db


def _topics(db: sqlite3.Connection) -> dict[str, Message]:
    return {name: Topic.FromString(body) for name, body in db.execute(Q["topics"])}


def _queues(db: sqlite3.Connection) -> dict[str, Queue]:
    rows = [(row, Subscription.FromString(body)) for row, body in db.execute(Q["subscriptions"])]
    return {body.name: Queue(row, body) for row, body in rows}


def _orphan(body: Message) -> Message:
    orphan = Subscription()
    orphan.CopyFrom(body)
    orphan.topic = DELETED_TOPIC
    return orphan
