"""Drives the stand-in from tests: starts it as its own process, calls it, and receives what it sends."""

import queue
import signal
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any
from xml.etree import ElementTree

import requests

Json = dict[str, Any]

ROOT = Path(__file__).parents[2]
VERSION = "v67.0"
OUTBOUND = "{http://soap.sforce.com/2005/09/outbound}"
SOBJECT = "{urn:sobject.enterprise.soap.sforce.com}"
WAIT_SECONDS = 10
QUIET_SECONDS = 0.3  #: how long nothing may come when nothing should; delivery takes about a millisecond
ACK = """<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"><soapenv:Body>
<notificationsResponse xmlns="http://soap.sforce.com/2005/09/outbound"><Ack>{}</Ack></notificationsResponse>
</soapenv:Body></soapenv:Envelope>"""


class Standin:
    """A running stand-in. Arguments are those of its command line; the port is a free one."""

    def __init__(self, *arguments: object) -> None:
        command = [sys.executable, "-m", "tests.standin", "--port", "0", *map(str, arguments)]
        self._process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        self.http = requests.Session()
        self.http.trust_env = False
        ready = self._process.stdout.readline() if self._process.stdout else ""
        if not ready.startswith("standin ready "):
            self.stop()
            raise RuntimeError(f"the stand-in did not start: {ready!r}")
        words = ready.split()
        self.url = words[2]
        secure = len(words) > 3 and words[3].startswith("https")
        self.secure_url = words[3] if secure else ""  #: https, with --tls
        self.ca = words[5] if secure else ""  #: the file that clients must trust
        self.pubsub = words[words.index("pubsub") + 1] if "pubsub" in words else ""  #: host:port, with --grpc-port

    def __enter__(self) -> "Standin":
        return self

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        return self._process.pid

    def sign_in(self) -> str:
        """Take a token by client credentials; all later calls use it."""
        asked = {"grant_type": "client_credentials", "client_id": "isthmus", "client_secret": "isthmus"}
        token = str(self.http.post(f"{self.url}/services/oauth2/token", data=asked).json()["access_token"])
        self.http.headers["Authorization"] = f"Bearer {token}"
        return token

    def rest(self, method: str, path: str, body: Any = None, **more: Any) -> requests.Response:
        """A REST call below /services/data/vXX.X/."""
        return self.http.request(method, f"{self.url}/services/data/{VERSION}/{path}", json=body, **more)

    def control(self, method: str, path: str, body: Any = None) -> Any:
        """A call of the control API; it must succeed."""
        answer = self.http.request(method, f"{self.url}/standin/{path}", json=body)
        answer.raise_for_status()
        return answer.json() if answer.content else None

    def create(self, name: str, **body: Any) -> str:
        """A new record's id."""
        answer = self.rest("POST", f"sobjects/{name}", body)
        answer.raise_for_status()
        return str(answer.json()["id"])

    def get(self, name: str, record_id: str) -> Any:
        return self.rest("GET", f"sobjects/{name}/{record_id}").json()

    def query(self, text: str) -> list[Json]:
        """The first page of an answer."""
        answer = self.rest("GET", "query", params={"q": text})
        answer.raise_for_status()
        return list(answer.json()["records"])

    def query_all(self, text: str) -> list[Json]:
        """Every page of an answer."""
        page = self.rest("GET", "query", params={"q": text}).json()
        found = list(page["records"])
        while not page["done"]:
            page = self.http.get(f"{self.url}{page['nextRecordsUrl']}").json()
            found += page["records"]
        return found

    def define_outbound(self, receiver: "Receiver", fields: list[str], sobject: str = "Account") -> Any:
        body = {"name": "Changes", "object": sobject, "fields": fields, "endpoint": receiver.url}
        return self.control("POST", "outbound-messages", body)

    def stop(self, how: int = signal.SIGTERM) -> int:
        """End the process; returns its exit status. A second call changes nothing."""
        self.http.close()
        self._process.send_signal(how)
        status = self._process.wait(WAIT_SECONDS)
        if self._process.stdout:
            self._process.stdout.close()
        return status


class Receiver:
    """An outbound message endpoint; `answers` are given in order, then every message is acknowledged."""

    def __init__(self) -> None:
        self.bodies: queue.Queue[tuple[Json, bytes]] = queue.Queue()
        self.answers: queue.Queue[tuple[int, str]] = queue.Queue()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}/om"

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                status, text = outer.next_answer()
                self.send_response(status)
                self.send_header("Content-Type", "text/xml")
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text.encode())
                outer.bodies.put((dict(self.headers), body))

            def log_message(self, *_: object) -> None:
                """Quiet: a test that logs noise is not done."""

        return Handler

    def next_answer(self) -> tuple[int, str]:
        try:
            return self.answers.get_nowait()
        except queue.Empty:
            return 200, ACK.format("true")

    def message(self) -> bytes:
        """The next message's body; waits for it."""
        return self.bodies.get(timeout=WAIT_SECONDS)[1]

    def notifications(self) -> list[ElementTree.Element]:
        """The next message's notifications; waits for it."""
        return list(ElementTree.fromstring(self.message()).iter(f"{OUTBOUND}Notification"))

    def is_quiet(self) -> bool:
        """Whether nothing comes for a while."""
        try:
            self.bodies.get(timeout=QUIET_SECONDS)
        except queue.Empty:
            return True
        return False

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def id_of(notification: ElementTree.Element) -> str | None:
    """A notification's own id."""
    return notification.findtext(f"{OUTBOUND}Id")


def fields_of(notification: ElementTree.Element) -> dict[str, str | None]:
    """A notification's record, by API name."""
    sobject = notification.find(f"{OUTBOUND}sObject")
    return {element.tag.removeprefix(SOBJECT): element.text for element in sobject} if sobject is not None else {}


class PlainHttp(requests.adapters.HTTPAdapter):
    """For clients that know only https: mounted on their session, it speaks http to the stand-in."""

    def send(self, request: requests.PreparedRequest, *args: Any, **more: Any) -> requests.Response:
        request.url = (request.url or "").replace("https://", "http://", 1)
        return super().send(request, *args, **more)


def upserts(names: list[tuple[str, str]], all_or_none: bool = False) -> Json:
    """A collection of accounts from (external id, name)."""
    listed = [{"attributes": {"type": "Account"}, "External_Id__c": key, "Name": name} for key, name in names]
    return {"allOrNone": all_or_none, "records": listed}
