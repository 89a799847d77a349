"""A push endpoint for tests: records what is posted to it and answers what it is told."""

import contextlib
import json
import queue
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

PATIENCE = 30.0  #: seconds that a test waits for a post before it fails


@dataclass(frozen=True)
class Post:
    """One request, as it arrived."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def envelope(self) -> dict[str, Any]:
        return dict(json.loads(self.body))

    @property
    def message(self) -> dict[str, Any]:
        return dict(self.envelope["message"])


Answer = Callable[[Post], int]


class Endpoint:
    """An HTTP server on loopback. `answer` gives the status for each post and may be replaced at any time."""

    def __init__(self, answer: Answer = lambda post: 204, port: int = 0) -> None:
        self.answer = answer
        self._posts: queue.SimpleQueue[Post] = queue.SimpleQueue()
        self._server = _Server(("127.0.0.1", port), self._hear)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/push"

    def next(self, timeout: float = PATIENCE) -> Post:
        """The next post not yet looked at, in order of arrival.

        Raises:
            queue.Empty: none came in `timeout` seconds.
        """
        return self._posts.get(timeout=timeout)

    def close(self) -> None:
        """Stop listening and hang up on everybody, also on connections kept alive."""
        self._server.shutdown()
        self._thread.join()
        self._server.hang_up()
        self._server.server_close()

    def _hear(self, post: Post) -> int:
        status = self.answer(post)
        self._posts.put(post)
        return status


class _Server(ThreadingHTTPServer):
    daemon_threads = False  # so that closing waits for them and no socket is left open

    def __init__(self, address: tuple[str, int], hear: Answer) -> None:
        self.hear = hear
        self._open: set[socket.socket] = set()
        super().__init__(address, _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._open.discard(request)
        super().shutdown_request(request)

    def hang_up(self) -> None:
        for connection in list(self._open):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        status = self.server.hear(Post(self.path, dict(self.headers), body))
        with contextlib.suppress(OSError):  # who posted may be gone by now
            self.send_response(status)
            if status >= 200:
                self.send_header("Content-Length", "0")
            self.end_headers()

    def log_message(self, *args: object) -> None:
        """Say nothing: what was posted is looked at by the test."""
