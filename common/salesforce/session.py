"""Logging in to an org, and calling its REST API: one login, one HTTP connection per thread, every call timed."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit

import requests

from common import ids
from common.config import Salesforce as Settings
from common.errors import Misconfigured, Transient, Unknown

if TYPE_CHECKING:  # late where it logs in: 70 ms of a door's start, and most pushes need no call
    from simple_salesforce.api import Salesforce

CLIENT = "isthmus"  #: names our calls in the org's logs, and our writes in change events (changeOrigin)
CONNECT_SECONDS = 10.0
CALL_SECONDS = 110.0  #: less than the doors' two minutes, so that a silent call is still ours to settle
JWT_SECONDS = 180
CHUNK = 1 << 18  #: bytes of a streamed answer at a time
JSON = "application/json; charset=utf-8"
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


class Refused(Exception):
    """Salesforce answered a whole request with an error."""

    def __init__(self, status: int, code: str, message: str, fields: Sequence[str] = ()) -> None:
        super().__init__(f"{status} {code}: {message}")
        self.status = status
        self.code = code
        self.message = message
        self.fields = fields  #: API names, where Salesforce tells them


@dataclass(frozen=True, slots=True)
class Access:
    """What the event bus wants to know of a session."""

    token: str
    instance_url: str
    org_id: str


@dataclass(frozen=True, slots=True)
class Stream:
    """An answer whose bytes come as they are read, once."""

    headers: Mapping[str, str]
    chunks: Iterator[bytes]


class Session:
    """One org, logged in when first used and again when the session has expired. Safe to share between threads."""

    def __init__(self, settings: Settings, *, call_seconds: float = CALL_SECONDS) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._local = threading.local()
        self._client: Salesforce | None = None
        self._org_id = ""
        self._call_seconds = call_seconds
        self.calls = 0
        self.api_usage: tuple[int, int] | None = None  #: used and allowed today, as the last answer told

    @property
    def org_id(self) -> str:
        """The org's 18-character id."""
        self._logged_in()
        return self._org_id

    def access(self, *, instead_of: Access | None = None) -> Access:
        """The session, for calls that are not REST's; a new one where that one was refused.

        Raises:
            Transient: Salesforce could not be reached.
            Misconfigured: the login is refused.
        """
        client = self._logged_in()
        if instead_of is not None and client.session_id == instead_of.token:
            client = self._log_in_again(client)
        parts = urlsplit(client.base_url)
        return Access(client.session_id, f"{parts.scheme}://{parts.netloc}", self._org_id)

    @property
    def data_path(self) -> str:
        """What stands before a path in a Composite's subrequests."""
        return f"/services/data/v{self._settings.api_version}/"

    def close(self) -> None:
        """Close this thread's HTTP connections."""
        http: requests.Session | None = getattr(self._local, "http", None)
        if http is not None:
            http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def get(self, path: str, *, seconds: float | None = None, **query: str) -> Any:
        """GET below /services/data/vXX.X/. Raises as `call` does, never Unknown."""
        try:
            return self.call("GET", path, query=query, seconds=seconds)
        except Unknown as exc:
            raise Transient(exc.reason, exc.detail, exc.hint) from exc

    def call(
        self, method: str, path: str, body: object = None, *,
        query: Mapping[str, str] | None = None, seconds: float | None = None,
    ) -> Any:  # fmt: skip
        """One REST call; the answer's JSON with numbers as they were written, None where it has no body.

        Raises:
            Refused: Salesforce understood and said no.
            Transient: it was not carried out; try again.
            Unknown: nobody knows whether it was carried out.
            Misconfigured: the login is refused.
        """
        data = None if body is None else json.dumps(body, ensure_ascii=False).encode()
        return _read(self._answered(method, path, data, JSON, query, seconds))

    def unless_unchanged(self, path: str, since: str) -> tuple[Any, str] | None:
        """GET what changed since a Last-Modified, with its new one; None where it did not. Raises as `call` does."""
        response = self._answered("GET", path, None, JSON, None, None, since=since)
        if response.status_code == 304:
            return None
        return _read(response), response.headers.get("Last-Modified", "")

    def text(self, method: str, path: str, body: bytes | None = None, *, content_type: str = JSON) -> str:
        """One REST call whose answer is text, as Bulk's are. Raises as `call` does."""
        response = self._answered(method, path, body, content_type, None, None)
        if response.status_code >= 300:
            _read(response)
        return response.content.decode()

    @contextmanager
    def stream(self, path: str, **query: str) -> Iterator[Stream]:
        """GET an answer too large for memory; its bytes are read while the block lasts. Raises as `get` does.

        Raises:
            Transient: within the block, too: the answer broke off.
        """
        try:
            response = self._answered("GET", path, None, JSON, query, None, whole=False)
        except Unknown as exc:
            raise Transient(exc.reason, exc.detail, exc.hint) from exc
        try:
            if response.status_code >= 300:
                _read(response)
            yield Stream(response.headers, _chunks(response))
        finally:
            response.close()

    def usage(self) -> dict[str, int]:
        """Calls of this thread since it last told, and what the org last said of its daily limit; for the log."""
        made, told = getattr(self._local, "made", 0), getattr(self._local, "told", 0)
        self._local.told = made
        used, allowed = self.api_usage or (0, 0)
        return {"calls": made - told, "api_used": used, "api_allowed": allowed}

    def spent(self) -> int:
        """How many calls this thread has made since it last asked."""
        spent: int = getattr(self._local, "calls", 0)
        self._local.calls = 0
        return spent

    def _answered(
        self, method: str, path: str, body: bytes | None, content_type: str, query: Mapping[str, str] | None,
        seconds: float | None, whole: bool = True, since: str = "",
    ) -> requests.Response:  # fmt: skip
        client = self._logged_in()
        response = self._request(client, method, path, body, content_type, query, seconds, whole, since)
        if response.status_code == 401:
            client = self._log_in_again(client)
            response = self._request(client, method, path, body, content_type, query, seconds, whole, since)
        return response

    def _request(
        self, client: Salesforce, method: str, path: str, body: bytes | None, content_type: str,
        query: Mapping[str, str] | None, seconds: float | None, whole: bool, since: str,
    ) -> requests.Response:  # fmt: skip
        self.calls += 1
        self._local.calls = getattr(self._local, "calls", 0) + 1
        self._local.made = getattr(self._local, "made", 0) + 1
        try:
            response = self._http().request(
                method, client.base_url + path, params=query, data=body,
                headers={
                    "Authorization": f"Bearer {client.session_id}", "Content-Type": content_type,
                    "Sforce-Call-Options": f"client={CLIENT}",
                } | ({"If-Modified-Since": since} if since else {}),
                timeout=(CONNECT_SECONDS, seconds or self._call_seconds), allow_redirects=False,
                stream=not whole,
            )  # fmt: skip
        except requests.ConnectTimeout as exc:
            raise Transient(
                "salesforce_unavailable", str(exc), "Salesforce could not be reached; it is tried again."
            ) from exc
        except requests.RequestException as exc:
            raise Unknown(
                "salesforce_silent", str(exc), "Salesforce did not answer; the call may have been carried out."
            ) from exc
        self._note_usage(response)
        return response

    def _http(self) -> requests.Session:
        http: requests.Session | None = getattr(self._local, "http", None)
        if http is None:
            http = self._local.http = requests.Session()
            http.trust_env = False  # a .netrc or proxy variable must not redirect people's data
        return http

    def _note_usage(self, response: requests.Response) -> None:
        info = response.headers.get("Sforce-Limit-Info", "")
        used, _, allowed = info.removeprefix("api-usage=").partition(";")[0].partition("/")
        if used.isdigit() and allowed.isdigit():
            self.api_usage = (int(used), int(allowed))

    # -- login -------------------------------------------------------------------------------------

    def _logged_in(self) -> Salesforce:
        with self._lock:
            if self._client is None:
                self._client = self._log_in()
            return self._client

    def _log_in_again(self, expired: Salesforce) -> Salesforce:
        with self._lock:
            if self._client is expired:  # else another thread has been here
                self._client = self._log_in()
            return self._client or expired

    def _log_in(self) -> Salesforce:
        from simple_salesforce.api import Salesforce
        from simple_salesforce.exceptions import SalesforceAuthenticationFailed

        s = self._settings
        _refuse_plain_http(s.login_url)
        if s.client_id and (s.client_secret or s.private_key):
            return self._log_in_oauth()
        try:
            client = Salesforce(
                username=s.username, password=s.password, security_token=s.security_token,
                domain=s.domain or "login", version=s.api_version,
            )  # fmt: skip
        except SalesforceAuthenticationFailed as exc:
            raise _login_refused(str(exc)) from exc
        except requests.RequestException as exc:
            raise Transient("salesforce_unavailable", str(exc), "Salesforce could not be reached.") from exc
        self._org_id = ids.to_18(client.session_id.partition("!")[0])
        return client

    def _log_in_oauth(self) -> Salesforce:
        from simple_salesforce.api import Salesforce

        s = self._settings
        try:
            answer = self._http().post(
                f"{s.login_url}/services/oauth2/token", data=_grant(s), timeout=(CONNECT_SECONDS, CONNECT_SECONDS)
            )
        except requests.RequestException as exc:
            raise Transient("salesforce_unavailable", str(exc), "Salesforce could not be reached.") from exc
        if answer.status_code >= 500:
            raise Transient(
                "salesforce_unavailable", f"HTTP {answer.status_code}", "Salesforce is down; it is tried again."
            )
        reply = _json_object(answer)
        if answer.status_code != 200 or not {"access_token", "instance_url", "id"} <= reply.keys():
            raise _login_refused(f"{reply.get('error', answer.status_code)}: {reply.get('error_description', '')}")
        self._org_id = ids.to_18(urlsplit(reply["id"]).path.strip("/").split("/")[1])
        client = Salesforce(instance_url=reply["instance_url"], session_id=reply["access_token"], version=s.api_version)
        if urlsplit(reply["instance_url"]).hostname in LOOPBACK:  # the client knows https only
            client.base_url = f"{reply['instance_url']}/services/data/v{s.api_version}/"
        return client


def _grant(s: Settings) -> dict[str, str]:
    if s.client_secret:
        return {"grant_type": "client_credentials", "client_id": s.client_id, "client_secret": s.client_secret}
    import jwt  # late: only this way of logging in needs it

    claims = {"iss": s.client_id, "sub": s.username, "aud": s.login_url, "exp": int(time.time()) + JWT_SECONDS}
    assertion = jwt.encode(claims, s.private_key, algorithm="RS256")
    return {"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer", "assertion": assertion}


def _refuse_plain_http(url: str) -> None:
    parts = urlsplit(url)
    if parts.scheme != "https" and parts.hostname not in LOOPBACK:
        raise Misconfigured("setting_refused", f"SF_LOGIN_URL is {url}", "Use https; plain http is for loopback only.")


def _login_refused(words: str) -> Misconfigured:
    return Misconfigured(
        "salesforce_login", words, "Check the SF_ settings, and that the app's run-as user is active and allowed."
    )


def _json_object(response: requests.Response) -> dict[str, Any]:
    try:
        reply = response.json()
    except ValueError:
        return {}
    return reply if isinstance(reply, dict) else {}


def _chunks(response: requests.Response) -> Iterator[bytes]:
    try:
        yield from response.iter_content(CHUNK)
    except requests.RequestException as exc:
        raise Transient("salesforce_silent", str(exc), "Salesforce's answer broke off; it is asked for again.") from exc


def _read(response: requests.Response) -> Any:
    if response.status_code >= 500:
        raise _broken(response)
    if not response.content:
        answer: Any = None
    else:
        try:
            answer = json.loads(response.content, parse_float=str, parse_int=str)
        except ValueError as exc:
            raise Unknown(
                "salesforce_unreadable", f"HTTP {response.status_code}", "A proxy may be in the way."
            ) from exc
    if response.status_code >= 300:
        raise _refused(response.status_code, answer)
    return answer


def _broken(response: requests.Response) -> Refused | Unknown:
    """A server's error. 500 with a code is Salesforce's own word that the call has ended; anything else is a gateway's."""
    try:
        answer = json.loads(response.content)
    except ValueError:
        answer = None
    if response.status_code == 500 and isinstance(answer, list):
        refused = _refused(500, answer)
        if refused.code not in ("HTTP_500", "SERVER_UNAVAILABLE"):
            return refused
    return Unknown("salesforce_unavailable", f"HTTP {response.status_code}", "Salesforce is down; it is tried again.")


def _refused(status: int, answer: Any) -> Refused:
    first = answer[0] if isinstance(answer, list) and answer else answer
    if not isinstance(first, dict):
        return Refused(status, f"HTTP_{status}", str(answer)[:200])
    code, message = str(first.get("errorCode", f"HTTP_{status}")), str(first.get("message", ""))
    return Refused(status, code, message, first.get("fields") or ())
