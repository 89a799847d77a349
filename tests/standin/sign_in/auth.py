"""Who may sign in, the sessions and refresh tokens that were given to them, and who a session is."""

import re
import secrets
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from tests.standin.clock import Clock
from tests.standin.errors import Refused
from tests.standin.store import Actor
from tests.standin.web import Request

Json = dict[str, Any]
NEWEST_VERSION = "67.0"
_SESSION_ID = re.compile(rb"<(?:[\w-]+:)?sessionId[^>]*>([^<]*)<")
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
    security_token: str = "token"  #: stands behind the password where the caller's network is not trusted


@dataclass(frozen=True, slots=True)
class Session:
    token: str
    user_id: str
    client_id: str


@dataclass(frozen=True, slots=True)
class Refresh:
    """A refresh token: new sessions of a user, for one client."""

    token: str
    user_id: str
    client_id: str


class Denied(Exception):
    """An OAuth error body."""

    def __init__(self, error: str, description: str, status: int = 400) -> None:
        super().__init__(description)
        self.error = error
        self.description = description
        self.status = status


class Sessions:
    """Clients, users and the tokens that were given to them."""

    def __init__(self, org_id: str, clock: Clock, journal: Callable[[Json], None]) -> None:
        self.org_id = org_id
        self.clients: dict[str, Client] = {}
        self.logins: dict[str, Login] = {}
        self._clock = clock
        self._journal = journal
        self.timeout_seconds = 0.0  #: a session that was not used for so long has ended; 0 is never
        self.on_expiry: Callable[[], None] = lambda: None
        self._sessions: dict[str, Session] = {}
        self._used_at: dict[str, float] = {}
        self._refreshes: dict[str, Refresh] = {}
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
        self._used_at[session.token] = self._clock.now()

    def open_refresh(self, user_id: str, client_id: str) -> Refresh:
        """A new refresh token; it lasts until it is revoked."""
        refresh = Refresh(f"5Aep861{secrets.token_urlsafe(60)}", user_id, client_id)
        self.keep_refresh(refresh)
        self._journal({"k": "refresh", "refresh": asdict(refresh)})
        return refresh

    def keep_refresh(self, refresh: Refresh) -> None:
        self._refreshes[refresh.token] = refresh

    def find_refresh(self, token: str) -> Refresh | None:
        return self._refreshes.get(token)

    def password_opens(self, login: Login, given: str, token_needed: bool) -> bool:
        """Whether a password is right: alone, unless the security token must stand behind it, or with it."""
        return given == login.password + login.security_token or (given == login.password and not token_needed)

    def expire_all(self) -> int:
        """End every session; returns how many there were."""
        count = len(self._sessions)
        self._sessions.clear()
        self._actors.clear()
        self._journal({"k": "expired"})
        self.on_expiry()
        return count

    def expire(self, token: str) -> bool:
        """End one session, or a refresh token with the sessions it led to; whether there was one."""
        refresh = self._refreshes.get(token)
        ended = [token] if refresh is None else [token, *self._sessions_of(refresh)]
        known = [one for one in ended if self.forget(one)]
        for one in known:
            self._journal({"k": "session-ended", "token": one})
        self.on_expiry()
        return bool(known)

    def _sessions_of(self, refresh: Refresh) -> list[str]:
        who = refresh.user_id, refresh.client_id
        return [s.token for s in self._sessions.values() if (s.user_id, s.client_id) == who]

    def forget(self, token: str) -> bool:
        """Whether there was such a session or refresh token; there is none now."""
        self._actors.clear()
        self._used_at.pop(token, None)
        return self._sessions.pop(token, None) is not None or self._refreshes.pop(token, None) is not None

    def forget_all(self) -> None:
        self._sessions.clear()
        self._actors.clear()

    def find(self, token: str) -> Session | None:
        """The session of a token that is in force; asking is using it."""
        session = self._sessions.get(token)
        if session is None or not self.timeout_seconds:
            return session
        now = self._clock.now()
        if now - self._used_at[token] > self.timeout_seconds:
            self.expire(token)
            return None
        self._used_at[token] = now
        return session

    def actor(self, request: Request) -> Actor:
        """Who calls, by the token in the Authorization header, over which version, as which client."""
        headers = request.headers
        key = headers.get("authorization", ""), headers.get("sforce-call-options", ""), api_version(request.path)
        found = self._actors.get(key)
        if found is None or self.timeout_seconds:
            found = self._actors[key] = self._new_actor(*key)
        return found

    def _new_actor(self, authorization: str, options: str, version: str) -> Actor:
        scheme, _, token = authorization.partition(" ")
        return self.acting(
            token.strip() if scheme.lower() in ("bearer", "oauth") else "", "rest", version, call_client(options)
        )

    def acting(self, token: str, channel: str, version: str, client: str) -> Actor:
        """The user of a session that calls over a channel; Refused when there is no such session."""
        session = self.find(token)
        if session is None:
            raise Refused("INVALID_SESSION_ID", "Session expired or invalid", status=401)
        app = self.clients.get(session.client_id)
        return Actor(session.user_id, session.client_id, app.sends_outbound if app else True, channel, version, client)

    def snapshot(self) -> list[Json]:
        """Journal entries that make all this again."""
        return [
            *({"k": "client", "client": asdict(client)} for client in self.clients.values()),
            *({"k": "login", "login": asdict(login)} for login in self.logins.values()),
            *({"k": "session", "session": asdict(session)} for session in self._sessions.values()),
            *({"k": "refresh", "refresh": asdict(refresh)} for refresh in self._refreshes.values()),
        ]


def bearer(request: Request) -> str:
    """The token in a call's Authorization header, of a SOAP call that in its SessionHeader; empty without one."""
    if request.path.startswith("/services/Soap/"):
        match = _SESSION_ID.search(request.body)
        return match[1].decode("latin-1").strip() if match else ""
    return request.headers.get("authorization", "").partition(" ")[2].strip()


def api_version(path: str) -> str:
    """67.0 of /services/data/v67.0/...; the newest where a path has none."""
    match = _VERSION.match(path)
    return match[1] if match else NEWEST_VERSION


def call_client(options: str) -> str:
    """The client that a `Sforce-Call-Options` header names: `client=X, defaultNamespace=Y`."""
    pairs = (part.partition("=") for part in options.split(","))
    return next((value.strip() for name, _, value in pairs if name.strip().lower() == "client"), "")
