"""OAuth's addresses: authorize, token, revoke, introspect."""

import base64
import hashlib
import hmac
from urllib.parse import parse_qsl, urlencode

from tests.standin.org import Org
from tests.standin.sign_in.auth import Denied
from tests.standin.sign_in.grants import Caller, Form, Granted
from tests.standin.web import Json, Reply, Request

SESSION_SECONDS = 7200  #: what introspection tells where sessions do not end


def answer(org: Org, request: Request, name: str) -> Reply | None:
    """Everything below /services/oauth2 that is about tokens; None for an address that is not there."""
    request.resource = f"oauth2/{name}"
    try:
        match name:
            case "token":
                return _token(org, request)
            case "authorize":
                return _authorize(org, request)
            case "revoke":
                return _revoke(org, request)
            case "introspect":
                return _introspect(org, request)
    except Denied as denied:
        return Reply(denied.status, {"error": denied.error, "error_description": denied.description})
    return None


def _form(request: Request) -> Form:
    return {**request.query, **dict(parse_qsl(request.body.decode(), keep_blank_values=True))}


def _caller(org: Org, request: Request) -> Caller:
    return Caller(request.headers.get("authorization", ""), request.base_url or org.base_url)


def _token(org: Org, request: Request) -> Reply:
    if request.method != "POST":
        raise Denied("invalid_request", "must use HTTP POST")
    caller = _caller(org, request)
    granted = org.grants.grant(_form(request), caller)
    return Reply(200, _token_body(org, granted, caller.base_url), {"Cache-Control": "no-cache, no-store"})


def _token_body(org: Org, granted: Granted, base_url: str) -> Json:
    session = granted.session
    issued = str(int(org.clock.now() * 1000))
    identity = f"{base_url}/id/{org.id}/{session.user_id}"
    signature = hmac.new(session.client_id.encode(), (identity + issued).encode(), hashlib.sha256).digest()
    body = {
        "access_token": session.token,
        "signature": base64.b64encode(signature).decode(),
        "scope": granted.scope,
        "instance_url": base_url,
        "id": identity,
        "token_type": "Bearer",
        "issued_at": issued,
    }
    return {**body, "refresh_token": granted.refresh_token} if granted.refresh_token else body


def _authorize(org: Org, request: Request) -> Reply:
    """The page's user agrees at once: the browser goes back with a code."""
    form = _form(request)
    if form.get("client_id") not in org.sessions.clients:
        raise Denied("invalid_client_id", "client identifier invalid")
    if form.get("response_type") != "code" or "redirect_uri" not in form:
        raise Denied("unsupported_response_type", "response type is not supported")
    back = {"code": org.grants.hand_out_code(org.ui.user_id, form)}
    if "state" in form:
        back["state"] = form["state"]
    joint = "&" if "?" in form["redirect_uri"] else "?"
    return Reply(302, None, {"Location": f"{form['redirect_uri']}{joint}{urlencode(back)}"})


def _revoke(org: Org, request: Request) -> Reply:
    """GET or POST with a session or a refresh token; the latter ends the sessions of its user and client too."""
    if not org.sessions.expire(_form(request).get("token", "")):
        raise Denied("invalid_token", "token does not exist")
    return Reply(200)


def _introspect(org: Org, request: Request) -> Reply:
    form, caller = _form(request), _caller(org, request)
    org.grants.client(form, caller)
    token = form.get("token", "")
    refresh = org.sessions.find_refresh(token)
    found = refresh or org.sessions.find(token)
    if found is None:
        return Reply(200, {"active": False})
    now = int(org.clock.now())
    user = org.store.tables["User"].records[found.user_id]
    body = {
        "active": True,
        "scope": "refresh_token api" if refresh else "api",
        "client_id": found.client_id,
        "username": user["Username"],
        "sub": f"{caller.base_url}/id/{org.id}/{found.user_id}",
        "token_type": "refresh_token" if refresh else "access_token",
        "exp": now + int(org.sessions.timeout_seconds or SESSION_SECONDS),
        "iat": now,
        "nbf": now,
    }
    return Reply(200, body)
