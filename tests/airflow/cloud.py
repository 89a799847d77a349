"""What stands between Airflow and the doors in the cloud: the metadata server that signs workers in, and Cloud Run, which asks who calls."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.error import HTTPError
from urllib.parse import parse_qs, urlsplit
from urllib.request import Request, urlopen

SIGNED = "signed-for:"  #: before the audience, which is all that our token says


class Handler(BaseHTTPRequestHandler):
    """Answers without a line on stderr."""

    protocol_version = "HTTP/1.0"

    def log_message(self, *_: object) -> None:
        pass

    def reply(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class Metadata(Handler):
    """Google's metadata server: an ID token for whoever asks for one in its manner."""

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        asked = parse_qs(parts.query)
        if self.headers["Metadata-Flavor"] != "Google" or not parts.path.endswith("/default/identity"):
            self.reply(403, b"Missing Metadata-Flavor:Google header")
            return
        self.reply(200, (SIGNED + asked["audience"][0]).encode())


def gate(door: str) -> type[Handler]:
    """Cloud Run before a door: who shows no token of this service is turned away."""

    class Gate(Handler):
        def do_POST(self) -> None:
            if self.headers["Authorization"] != f"Bearer {SIGNED}http://{self.headers['Host']}":
                self.reply(403, b"Your client does not have permission")
                return
            body = self.rfile.read(int(self.headers["Content-Length"]))
            headers = {"Content-Type": "application/json"}
            try:
                with urlopen(Request(door + self.path, data=body, headers=headers), timeout=300) as answer:
                    self.reply(answer.status, answer.read())
            except HTTPError as exc:
                self.reply(exc.code, exc.read())

    return Gate


@contextmanager
def serving(handler: type[Handler]) -> Iterator[str]:
    """A server on loopback; its host:port."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
