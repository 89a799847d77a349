"""Signing in: OAuth tokens, sessions, and who a session is."""

import base64
import hashlib
import hmac
import re
import secrets
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any
from urllib.parse import parse_qsl

from tests.standin.clock import Clock
from tests.standin.errors import Refused
from tests.standin.store import Actor
from tests.standin.web import Reply, Request

Json = dict[str, Any]
JWT_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
NEWEST_VERSION = "67.0"
_VERSION = re.compile(r"/services/data/v(\d+\.\d)(?:/|\Z)")


@dataclass(slots=True)
class Client:
    """A connected app, with the user that client credentials run as."""

    client_id: str
    client_secret: str
    user_id: str
    public_key: str | None = None  #: PEM; needed for the JWT bearer flow
    sends_outbound: bool = True


@dataclass(slots=True)
class Login:
    """A user who can sign in."""

    username: str
    password: str
    user_id: str


@dataclass(frozen=True, slots=True)
class Session:
    token: str
    user_id: str
    client_id: str


class Denied(Exception):
    """An OAuth error body."""

    def __init__(self, error: str, description: str) -> None:
        super().__init__(description)
        self.error = error
        self.description = description


class Sessions:
    """Clients, users and the tokens that were given to them."""

    def __init__(self, org_id: str, clock: Clock, journal: Callable[[Json], None]) -> None:
        self.org_id = org_id
        self.clients: dict[str, Client] = {}
        self.logins: dict[str, Login] = {}
        self._clock = clock
        self._journal = journal
        self._sessions: dict[str, Session] = {}
        self._actors: dict[tuple[str, str, str], Actor] = {}

    def register(self, client: Client, record: bool = True) -> None:
        self.clients[client.client_id] = client
        self._actors.clear()
        if record:
            self._journal({"k": "client", "client": asdict(client)})

    def admit(self, login: Login, record: bool = True) -> None:
        self.logins[login.username.lower()] = login
        if record:
            self._journal({"k": "login", "login": asdict(login)})

    def open(self, user_id: str, client_id: str, token: str | None = None) -> Session:
        """A new session; a token may be given so that tools can be configured before."""
        session = Session(token or f"{self.org_id[:15]}!{secrets.token_urlsafe(72)}", user_id, client_id)
        self.keep(session)
        self._journal({"k": "session", "session": asdict(session)})
        return session

    def keep(self, session: Session) -> None:
        self._sessions[session.token] = session

    def expire_all(self) -> int:
        """End every session; returns how many there were."""
        count = len(self._sessions)
        self._sessions.clear()
        self._actors.clear()
        self._journal({"k": "expired"})
        return count

    def expire(self, request: Request) -> None:
        """End the session of a call, if it has one."""
        token = request.headers.get("authorization", "").partition(" ")[2].strip()
        if self.forget(token):
            self._journal({"k": "session-ended", "token": token})

    def forget(self, token: str) -> bool:
        """Whether there was such a session; there is none now."""
        self._actors.clear()
        return self._sessions.pop(token, None) is not None

    def forget_all(self) -> None:
        self._sessions.clear()
        self._actors.clear()

    def find(self, token: str) -> Session | None:
        """The session of a token that is in force."""
        return self._sessions.get(token)

    def actor(self, request: Request) -> Actor:
        """Who calls, by the token in the Authorization header, over which version, as which client."""
        headers = request.headers
        key = headers.get("authorization", ""), headers.get("sforce-call-options", ""), api_version(request.path)
        found = self._actors.get(key)
        if found is None:
            found = self._actors[key] = self._new_actor(*key)
        return found

    def _new_actor(self, authorization: str, options: str, version: str) -> Actor:
        scheme, _, token = authorization.partition(" ")
        session = self.find(token.strip()) if scheme.lower() in ("bearer", "oauth") else None
        if session is None:
            raise Refused("INVALID_SESSION_ID", "Session expired or invalid", status=401)
        client = self.clients.get(session.client_id)
        sends = client.sends_outbound if client else True
        return Actor(session.user_id, session.client_id, sends, "rest", version, call_client(options))

    def snapshot(self) -> list[Json]:
        """Journal entries that make all this again."""
        return [
            *({"k": "client", "client": asdict(client)} for client in self.clients.values()),
            *({"k": "login", "login": asdict(login)} for login in self.logins.values()),
            *({"k": "session", "session": asdict(session)} for session in self._sessions.values()),
        ]

    def token(self, request: Request, base_url: str) -> Reply:
        """POST /services/oauth2/token."""
        form = dict(parse_qsl(request.body.decode(), keep_blank_values=True))
        try:
            session = self._grant(form, request.headers.get("authorization", ""))
        except Denied as denied:
            return Reply(400, {"error": denied.error, "error_description": denied.description})
        issued = str(int(self._clock.now() * 1000))
        identity = f"{base_url}/id/{self.org_id}/{session.user_id}"
        signature = hmac.new(session.client_id.encode(), (identity + issued).encode(), hashlib.sha256).digest()
        body = {
            "access_token": session.token,
            "signature": base64.b64encode(signature).decode(),
            "scope": "api",
            "instance_url": base_url,
            "id": identity,
            "token_type": "Bearer",
            "issued_at": issued,
        }
        return Reply(200, body)

    def _grant(self, form: Json, authorization: str) -> Session:
        grant = form.get("grant_type")
        if grant == JWT_GRANT:
            return self._by_assertion(form.get("assertion", ""))
        if grant not in ("client_credentials", "password"):
            raise Denied("unsupported_grant_type", "grant type not supported")
        client = self._client(*_credentials(form, authorization))
        if grant == "client_credentials":
            return self.open(client.user_id, client.client_id)
        login = self.logins.get(form.get("username", "").lower())
        if login is None or not form.get("password", "").startswith(login.password):
            raise Denied("invalid_grant", "authentication failure")
        return self.open(login.user_id, client.client_id)

    def _client(self, client_id: str, secret: str) -> Client:
        client = self.clients.get(client_id)
        if client is None:
            raise Denied("invalid_client_id", "client identifier invalid")
        if not hmac.compare_digest(client.client_secret.encode(), secret.encode()):
            raise Denied("invalid_client", "invalid client credentials")
        return client

    def _by_assertion(self, assertion: str) -> Session:
        import jwt  # only this flow needs it

        try:
            unverified = jwt.decode(assertion, options={"verify_signature": False})
            client = self.clients.get(unverified.get("iss", ""))
            if client is None or client.public_key is None:
                raise Denied("invalid_client_id", "client identifier invalid")
            checks: Any = {"verify_aud": False, "verify_exp": False, "verify_iat": False, "verify_nbf": False}
            claims = jwt.decode(assertion, client.public_key, algorithms=["RS256"], options=checks)
        except jwt.PyJWTError as exc:
            raise Denied("invalid_grant", "invalid assertion") from exc
        if not float(claims.get("exp", 0)) > self._clock.now():
            raise Denied("invalid_grant", "expired authorization code")
        login = self.logins.get(str(claims.get("sub", "")).lower())
        if login is None:
            raise Denied("invalid_grant", "user hasn't approved this consumer")
        return self.open(login.user_id, client.client_id)


def call_client(options: str) -> str:
    """The client that a `Sforce-Call-Options` header names: `client=X, defaultNamespace=Y`."""
    pairs = (part.partition("=") for part in options.split(","))
    return next((value.strip() for name, _, value in pairs if name.strip().lower() == "client"), "")


def api_version(path: str) -> str:
    """67.0 of /services/data/v67.0/...; the newest where a path has none."""
    match = _VERSION.match(path)
    return match[1] if match else NEWEST_VERSION


def _credentials(form: Json, authorization: str) -> tuple[str, str]:
    scheme, _, encoded = authorization.partition(" ")
    if scheme.lower() != "basic":
        return form.get("client_id", ""), form.get("client_secret", "")
    try:
        client_id, _, secret = base64.b64decode(encoded).decode().partition(":")
    except ValueError as exc:
        raise Denied("invalid_client", "invalid client credentials") from exc
    return client_id, secret
