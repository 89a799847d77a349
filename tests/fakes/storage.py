"""A Cloud Storage of one process: the two calls of its JSON API that bookmarks need, with generations."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit


class Storage:
    """Generations are microseconds in the real one: they rise, and say nothing else."""

    def __init__(self, *buckets: str) -> None:
        self.objects: dict[tuple[str, str], tuple[bytes, int]] = {}
        self.failures: list[int] = []  #: statuses with which the next calls are refused
        self._buckets = set(buckets)
        self._lock = threading.Lock()
        self._generation = 1_700_000_000_000_000
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def read(self, bucket: str, name: str) -> tuple[int, dict[str, str], bytes]:
        if bucket not in self._buckets:
            return 404, {}, b"The specified bucket does not exist."
        found = self.objects.get((bucket, name))
        if found is None:
            return 404, {}, f"No such object: {bucket}/{name}".encode()
        return 200, {"x-goog-generation": str(found[1])}, found[0]

    def write(self, bucket: str, name: str, content: bytes, match: str | None) -> tuple[int, dict[str, str], bytes]:
        if bucket not in self._buckets:
            return 404, {}, b"The specified bucket does not exist."
        with self._lock:
            current = self.objects.get((bucket, name), (b"", 0))[1]
            if match is not None and int(match) != current:
                said = {
                    "error": {"code": 412, "message": "At least one of the pre-conditions you specified did not hold."}
                }
                return 412, {}, json.dumps(said).encode()
            self._generation += 1
            self.objects[bucket, name] = content, self._generation
            return 200, {}, json.dumps({"name": name, "generation": str(self._generation)}).encode()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        storage = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                path = urlsplit(self.path)
                _, _, _, _, bucket, _, name = path.path.split("/")
                assert parse_qs(path.query)["alt"] == ["media"]
                self._answer(lambda: storage.read(unquote(bucket), unquote(name)))

            def do_POST(self) -> None:
                path = urlsplit(self.path)
                query = parse_qs(path.query)
                content = self.rfile.read(int(self.headers["Content-Length"]))
                bucket = path.path.removeprefix("/upload/storage/v1/b/").removesuffix("/o")
                match = query.get("ifGenerationMatch", [None])[0]
                self._answer(lambda: storage.write(unquote(bucket), query["name"][0], content, match))

            def _answer(self, work) -> None:
                status, headers, body = (storage.failures.pop(0), {}, b"refused") if storage.failures else work()
                self.send_response(status)
                for name, value in {**headers, "Content-Length": str(len(body))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Quiet: a test that logs noise is not done."""

        return Handler
