"""Sending outbound messages: threads that take from the queue and POST over kept connections."""

import gzip
import http.client
import ssl
import threading
from collections import Counter
from collections.abc import Callable
from urllib.parse import urlsplit

from tests.standin.faults.register import Faults
from tests.standin.outbound import xml as outbound_xml
from tests.standin.outbound.queue import Definition, Notification, OutboundQueue

TIMEOUT_SECONDS = 60.0  #: Salesforce's own limit for one delivery
IN_FLIGHT = 4
Write = Callable[[Definition, list[Notification]], bytes]

_HEADERS = {
    "Content-Type": "text/xml; charset=utf-8",
    "SOAPAction": '""',
    "Accept-Encoding": "gzip",
    "User-Agent": "Jakarta Commons-HttpClient/3.1",
}


class Deliverer:
    """Runs the sending threads; each keeps one connection for each endpoint's host."""

    def __init__(self, queue: OutboundQueue, write: Write, faults: Faults) -> None:
        self._queue = queue
        self._write = write
        self._faults = faults
        self._order = Order()
        self._threads = [
            threading.Thread(target=self._run, name=f"outbound-{n}", daemon=True) for n in range(IN_FLIGHT)
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self, timeout_seconds: float = 2.0) -> None:
        """Take nothing more; what is under way is given this long, then it is tried again after a restart."""
        self._queue.close()
        self._order.end()
        for thread in self._threads:
            thread.join(timeout_seconds / IN_FLIGHT)

    def _run(self) -> None:
        post = Poster()
        while (taken := self._queue.take()) is not None:
            self._handle(post, *taken)
        post.close()

    def _handle(self, post: "Poster", definition: Definition, batch: list[Notification]) -> None:
        """Send one message, or do to it what a fault says."""
        body = self._write(definition, batch)  # before a fault is counted: who sees it counted knows what was written
        held = any(n.held for n in batch)
        fault = None if held else self._faults.for_message(definition.name, definition.endpoint)
        kind, seconds = (fault.value, fault.order.get("seconds", 1.0)) if fault else ("", 0.0)
        if kind == "delay":
            self._queue.hold(definition, batch, seconds)
            return
        if kind == "lose":
            self._queue.settle(definition, batch, None)
            return
        if kind == "reorder":
            self._order.wait_to_be_overtaken(definition.id, seconds)
        problem = _send(post, definition.endpoint, body)
        if kind == "duplicate":
            problem = _send(post, definition.endpoint, body)
        self._order.sent(definition.id)
        self._queue.settle(definition, batch, problem)


def _send(post: "Poster", endpoint: str, body: bytes) -> str | None:
    """Why the message was not taken; None when it was."""
    try:
        return outbound_xml.ack_problem(*post.post(endpoint, body))
    except (OSError, http.client.HTTPException, ValueError) as exc:
        return f"{type(exc).__name__}: {exc}"


class Order:
    """Lets a message that was written be overtaken by later ones of its definition."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._sent: Counter[str] = Counter()
        self._waiting = 0
        self._ended = False

    def wait_to_be_overtaken(self, definition_id: str, seconds: float) -> None:
        """Wait until another message is sent, this long at most; one thread always stays free to send it."""
        with self._changed:
            if self._waiting >= IN_FLIGHT - 1:
                return
            before = self._sent[definition_id]
            self._waiting += 1
            self._changed.wait_for(lambda: self._ended or self._sent[definition_id] > before, seconds)
            self._waiting -= 1

    def sent(self, definition_id: str) -> None:
        with self._changed:
            self._sent[definition_id] += 1
            self._changed.notify_all()

    def end(self) -> None:
        with self._changed:
            self._ended = True
            self._changed.notify_all()


class Poster:
    """POSTs XML over kept connections."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, str], http.client.HTTPConnection] = {}

    def post(self, url: str, body: bytes) -> tuple[int, bytes]:
        """Status and body of the answer."""
        parts = urlsplit(url)
        key = (parts.scheme, parts.netloc)
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        kept = self._kept.pop(key, None)
        if kept is not None:
            try:
                return self._exchange(key, kept, target, body)
            except (ConnectionError, http.client.HTTPException):
                kept.close()  # the other side closed an idle connection: once more on a fresh one
        return self._exchange(key, self._connect(*key), target, body)

    def _exchange(
        self, key: tuple[str, str], connection: http.client.HTTPConnection, target: str, body: bytes
    ) -> tuple[int, bytes]:
        try:
            connection.request("POST", target, body, _HEADERS)
            with connection.getresponse() as answer:
                found = answer.status, _unpacked(answer)
                closing = answer.will_close
        except BaseException:
            connection.close()
            raise
        if closing:
            connection.close()
        else:
            self._kept[key] = connection
        return found

    @staticmethod
    def _connect(scheme: str, netloc: str) -> http.client.HTTPConnection:
        if scheme == "https":
            return http.client.HTTPSConnection(netloc, timeout=TIMEOUT_SECONDS, context=ssl.create_default_context())
        return http.client.HTTPConnection(netloc, timeout=TIMEOUT_SECONDS)

    def close(self) -> None:
        for connection in self._kept.values():
            connection.close()
        self._kept.clear()


def _unpacked(answer: http.client.HTTPResponse) -> bytes:
    body = answer.read()
    return gzip.decompress(body) if answer.getheader("Content-Encoding") == "gzip" else body
