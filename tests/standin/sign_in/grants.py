"""How each OAuth grant becomes a session, or is refused in Salesforce's words."""

import base64
import hashlib
import hmac
import secrets
from typing import Any, NamedTuple

from tests.standin.clock import Clock
from tests.standin.sign_in.auth import Client, Denied, Login, Session, Sessions

Form = dict[str, str]
Json = dict[str, Any]
JWT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
LEGACY_HOSTS = ("https://login.salesforce.com", "https://test.salesforce.com")
MY_DOMAIN = ".my.salesforce.com"  #: some clients can name no other audience; whose it is cannot be known here
CODE_SECONDS = 15 * 60.0  #: how long an authorization code may wait to be changed for a token


class Caller(NamedTuple):
    """What a token request says besides its form."""

    authorization: str
    base_url: str  #: scheme and host that were called


class Granted(NamedTuple):
    session: Session
    refresh_token: str | None = None
    scope: str = "api"


class Code(NamedTuple):
    """An authorization code that was handed to a redirect address."""

    user_id: str
    client_id: str
    redirect_uri: str
    challenge: str
    until: float


class Grants:
    """One org's token endpoint. `settings` are the org's."""

    def __init__(self, sessions: Sessions, clock: Clock, settings: Json) -> None:
        self._sessions = sessions
        self._clock = clock
        self._settings = settings
        self._codes: dict[str, Code] = {}

    def grant(self, form: Form, caller: Caller) -> Granted:
        """A session for a token request; Denied says why not."""
        match form.get("grant_type"):
            case "client_credentials":
                return self._by_client(form, caller)
            case "password":
                return self._by_password(form, caller)
            case "refresh_token":
                return self._by_refresh(form, caller)
            case "authorization_code":
                return self._by_code(form, caller)
            case grant if grant == JWT:
                return self._by_assertion(form.get("assertion", ""), caller)
        raise Denied("unsupported_grant_type", "grant type not supported")

    def client(self, form: Form, caller: Caller, secret_needed: bool = True) -> Client:
        """The client that a form or a Basic header names; its secret must be right where one is given or needed."""
        client_id, secret = _credentials(form, caller.authorization)
        client = self._sessions.clients.get(client_id)
        if client is None:
            raise Denied("invalid_client_id", "client identifier invalid")
        if (secret or secret_needed) and not hmac.compare_digest(client.client_secret.encode(), secret.encode()):
            raise Denied("invalid_client", "invalid client credentials")
        return client

    def login(self, username: str, password: str) -> Login:
        """Who a name and a password are."""
        login = self._sessions.logins.get(username.lower())
        token_needed = bool(self._settings["requireSecurityToken"])
        if login is None or not self._sessions.password_opens(login, password, token_needed):
            raise Denied("invalid_grant", "authentication failure")
        return login

    def hand_out_code(self, user_id: str, form: Form) -> str:
        """A code for the web server flow, for the client and redirect address of an authorize request."""
        code = f"aPrx{secrets.token_urlsafe(48)}"
        until = self._clock.now() + CODE_SECONDS
        challenge = form.get("code_challenge", "")
        self._codes[code] = Code(user_id, form["client_id"], form["redirect_uri"], challenge, until)
        return code

    def _by_client(self, form: Form, caller: Caller) -> Granted:
        host = caller.base_url.partition("://")[2].partition(":")[0].lower()
        if host in self._settings["loginHosts"]:
            raise Denied("invalid_grant", "request not supported on this domain")
        client = self.client(form, caller)
        return Granted(self._sessions.open(client.user_id, client.client_id))

    def _by_password(self, form: Form, caller: Caller) -> Granted:
        client = self.client(form, caller)
        login = self.login(form.get("username", ""), form.get("password", ""))
        return Granted(self._sessions.open(login.user_id, client.client_id))

    def _by_refresh(self, form: Form, caller: Caller) -> Granted:
        client = self.client(form, caller, secret_needed=False)
        refresh = self._sessions.find_refresh(form.get("refresh_token", ""))
        if refresh is None or refresh.client_id != client.client_id:
            raise Denied("invalid_grant", "expired access/refresh token")
        return Granted(self._sessions.open(refresh.user_id, client.client_id), scope="refresh_token api")

    def _by_code(self, form: Form, caller: Caller) -> Granted:
        code = self._codes.pop(form.get("code", ""), None)
        client = self.client(form, caller, secret_needed=code is None or not code.challenge)
        if code is None or code.client_id != client.client_id:
            raise Denied("invalid_grant", "invalid authorization code")
        if self._clock.now() > code.until:
            raise Denied("invalid_grant", "expired authorization code")
        if form.get("redirect_uri") != code.redirect_uri:
            raise Denied("redirect_uri_mismatch", "redirect_uri must match configuration")
        if code.challenge and _challenge(form.get("code_verifier", "")) != code.challenge:
            raise Denied("invalid_grant", "invalid code verifier")
        session = self._sessions.open(code.user_id, client.client_id)
        refresh = self._sessions.open_refresh(code.user_id, client.client_id)
        return Granted(session, refresh.token, "refresh_token api")

    def _by_assertion(self, assertion: str, caller: Caller) -> Granted:
        claims, client = self._claims(assertion)
        if not float(claims.get("exp", 0)) > self._clock.now():
            raise Denied("invalid_grant", "expired authorization code")
        heard = claims.get("aud")
        if not any(
            self._hears(one.rstrip("/"), caller) for one in (heard if isinstance(heard, list) else [str(heard)])
        ):
            raise Denied("invalid_grant", "audience is invalid")
        login = self._sessions.logins.get(str(claims.get("sub", "")).lower())
        if login is None:
            raise Denied("invalid_grant", "user hasn't approved this consumer")
        return Granted(self._sessions.open(login.user_id, client.client_id))

    def _hears(self, audience: str, caller: Caller) -> bool:
        if self._settings["jwtAudiences"]:
            return audience in self._settings["jwtAudiences"]
        return audience in (*LEGACY_HOSTS, caller.base_url) or audience.endswith(MY_DOMAIN)

    def _claims(self, assertion: str) -> tuple[Json, Client]:
        import jwt  # only this flow needs it

        try:
            unverified = jwt.decode(assertion, options={"verify_signature": False})
            client = self._sessions.clients.get(unverified.get("iss", ""))
            if client is None or client.public_key is None:
                raise Denied("invalid_client_id", "client identifier invalid")
            checks: Any = {"verify_aud": False, "verify_exp": False, "verify_iat": False, "verify_nbf": False}
            return jwt.decode(assertion, client.public_key, algorithms=["RS256"], options=checks), client
        except jwt.PyJWTError as exc:
            raise Denied("invalid_grant", "invalid assertion") from exc


def _challenge(verifier: str) -> str:
    digest = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def _credentials(form: Form, authorization: str) -> tuple[str, str]:
    scheme, _, encoded = authorization.partition(" ")
    if scheme.lower() != "basic":
        return form.get("client_id", ""), form.get("client_secret", "")
    try:
        client_id, _, secret = base64.b64decode(encoded).decode().partition(":")
    except ValueError as exc:
        raise Denied("invalid_client", "invalid client credentials") from exc
    return client_id, secret
