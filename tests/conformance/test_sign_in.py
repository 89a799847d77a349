"""Signing in to the stand-in: grants, refusals to the letter, sessions that end, and who one is."""

import base64
import hashlib
import time
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from tests.standin.driving import Standin

APP = {"client_id": "isthmus", "client_secret": "isthmus"}
PASSWORD = {"grant_type": "password", "username": "admin@standin.test", **APP}


@pytest.fixture
def web():
    """A caller without a session of its own."""
    with requests.Session() as session:
        session.trust_env = False
        yield session


def ask(org, web, **form):
    return web.post(f"{org.url}/services/oauth2/token", data={**APP, **form})


def error(answer):
    return answer.status_code, answer.json()["error"], answer.json()["error_description"]


def limits(org, web, token):
    return web.get(f"{org.url}/services/data/v67.0/limits", headers={"Authorization": f"Bearer {token}"}).status_code


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        ({"grant_type": "device"}, ("unsupported_grant_type", "grant type not supported")),
        ({"grant_type": "client_credentials", "client_id": "x"}, ("invalid_client_id", "client identifier invalid")),
        (
            {"grant_type": "client_credentials", "client_secret": "x"},
            ("invalid_client", "invalid client credentials"),
        ),
        ({**PASSWORD, "password": "wrong"}, ("invalid_grant", "authentication failure")),
        ({**PASSWORD, "password": "standinwrong"}, ("invalid_grant", "authentication failure")),
        ({"grant_type": "refresh_token", "refresh_token": "x"}, ("invalid_grant", "expired access/refresh token")),
        ({"grant_type": "authorization_code", "code": "x"}, ("invalid_grant", "invalid authorization code")),
    ],
)
def test_a_refusal_is_salesforces(org, web, form, expected):
    """Status 400, and the error and its description as Salesforce words them."""
    assert (400, *expected) == error(ask(org, web, **form))


def test_the_security_token_can_be_demanded(org, web):
    """From a network that is not trusted, the password alone opens nothing."""
    org.control("POST", "settings", {"requireSecurityToken": True})

    alone = ask(org, web, **PASSWORD, password="standin")
    with_token = ask(org, web, **PASSWORD, password="standintoken")

    assert (400, 200) == (alone.status_code, with_token.status_code)


def test_client_credentials_need_the_orgs_own_host(org, web):
    """login.salesforce.com and its like refuse them; a password is taken there."""
    org.control("POST", "settings", {"loginHosts": ["127.0.0.1"]})

    refused = ask(org, web, grant_type="client_credentials")
    taken = ask(org, web, **PASSWORD, password="standin")

    assert (400, "invalid_grant", "request not supported on this domain") == error(refused)
    assert 200 == taken.status_code


@pytest.mark.parametrize(
    ("audience", "status"),
    [("https://login.salesforce.com", 200), ("{url}", 200), ("{url}/", 200), ("https://example.com", 400)],
)
def test_a_jwt_is_for_this_host(org, web, audience, status):
    """The audience is the org's own host or Salesforce's login host, anything else is refused."""
    import jwt
    from cryptography.hazmat.primitives.asymmetric import rsa
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    org.control("POST", "clients", {"client_id": "jwt-app", "public_key": pem})
    claims = {"iss": "jwt-app", "sub": "integration@standin.test", "exp": time.time() + 180}

    assertion = jwt.encode({**claims, "aud": audience.format(url=org.url)}, key, algorithm="RS256")
    answer = ask(org, web, grant_type="urn:ietf:params:oauth:grant-type:jwt-bearer", assertion=assertion)

    assert status == answer.status_code
    if status == 400:
        assert (400, "invalid_grant", "audience is invalid") == error(answer)


def test_the_web_server_flow_gives_a_refresh_token(org, web):
    """authorize sends the browser back with a code, which is good once; the refresh token opens new sessions."""
    verifier = "v" * 64
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")
    where = {"client_id": "isthmus", "redirect_uri": "http://127.0.0.1:1717/OauthRedirect"}
    asked = {**where, "response_type": "code", "state": "s", "code_challenge": challenge}
    back = web.get(f"{org.url}/services/oauth2/authorize", params=asked, allow_redirects=False)
    query = parse_qs(urlsplit(back.headers["Location"]).query)
    form = {"grant_type": "authorization_code", "code": query["code"][0], "code_verifier": verifier, **where}

    first = ask(org, web, **form).json()
    again = ask(org, web, **form)
    refreshed = ask(org, web, grant_type="refresh_token", refresh_token=first["refresh_token"]).json()

    assert (302, ["s"]) == (back.status_code, query["state"])
    assert 400 == again.status_code
    assert "refresh_token" not in refreshed
    assert [200, 200] == [limits(org, web, tokens["access_token"]) for tokens in (first, refreshed)]


def test_a_session_ends_when_it_is_not_used(org, web):
    """sessionTimeoutSeconds counts from the last call, on the stand-in's clock."""
    org.control("POST", "settings", {"sessionTimeoutSeconds": 7200})
    token = org.control("POST", "sessions", {})["access_token"]

    statuses = []
    for seconds in (7000, 7000, 7201):
        org.control("POST", "clock", {"move_seconds": seconds})
        statuses.append(limits(org, web, token))

    assert [200, 200, 401] == statuses


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_revoked_session_is_over(org, web, method):
    """Revocation answers 200 with nothing; a second time there is nothing to revoke."""
    token = org.control("POST", "sessions", {})["access_token"]
    url = f"{org.url}/services/oauth2/revoke"
    carried = {"params": {"token": token}} if method == "GET" else {"data": {"token": token}}

    first, second = (web.request(method, url, **carried) for _ in range(2))

    assert (200, b"") == (first.status_code, first.content)
    assert (400, "invalid_token") == error(second)[:2]
    assert 401 == limits(org, web, token)


def test_a_revoked_refresh_token_takes_its_sessions_along(org, web):
    """Neither the refresh token nor what it opened can be used any more."""
    given = org.control("POST", "sessions", {"refresh": True, "username": "admin@standin.test"})
    opened = ask(org, web, grant_type="refresh_token", refresh_token=given["refresh_token"]).json()["access_token"]

    web.post(f"{org.url}/services/oauth2/revoke", data={"token": given["refresh_token"]})

    assert 401 == limits(org, web, opened)
    assert 400 == ask(org, web, grant_type="refresh_token", refresh_token=given["refresh_token"]).status_code


def test_introspection_tells_whose_a_token_is(org, web):
    """An active one with its user and client, any other just as inactive; only for a client that proves itself."""
    token = org.control("POST", "sessions", {})["access_token"]
    url = f"{org.url}/services/oauth2/introspect"

    good = web.post(url, data={**APP, "token": token}).json()
    bad = web.post(url, data={**APP, "token": "x"}).json()
    stranger = web.post(url, data={"token": token})

    assert (True, "integration@standin.test", "isthmus") == (good["active"], good["username"], good["client_id"])
    assert {"active": False} == bad
    assert 400 == stranger.status_code


def test_one_can_ask_who_one_is(org, web):
    """Identity URL and userinfo name user and org; without a session each answers with one word."""
    tokens = ask(org, web, grant_type="client_credentials").json()
    bearer = {"Authorization": f"Bearer {tokens['access_token']}"}
    userinfo = f"{org.url}/services/oauth2/userinfo"

    who = web.get(tokens["id"], headers=bearer).json()
    info = web.get(userinfo, headers=bearer).json()
    words = [
        web.get(url, headers=head) for url, head in ((tokens["id"], {}), (userinfo, {"Authorization": "Bearer x"}))
    ]

    assert ("integration@standin.test", tokens["id"]) == (who["username"], who["id"])
    assert (who["user_id"], who["organization_id"]) == (info["user_id"], info["organization_id"])
    assert [(403, "Missing_OAuth_Token"), (403, "Bad_OAuth_Token")] == [(w.status_code, w.text) for w in words]


def test_versions_are_listed_and_old_ones_retired(org):
    """31.0 to 67.0 with their seasons; 21.0 to 30.0 answer 410, older and newer ones 404."""
    listed = org.http.get(f"{org.url}/services/data").json()

    statuses = [org.http.get(f"{org.url}/services/data/v{n}.0/limits").status_code for n in (20, 21, 30, 31, 67, 68)]

    assert [404, 410, 410, 200, 200, 404] == statuses
    assert {"label": "Summer '14", "url": "/services/data/v31.0", "version": "31.0"} == listed[0]
    assert {"Spring '25", "Summer '26"} == {v["label"] for v in listed if v["version"] in ("63.0", "67.0")}


def test_tokens_survive_a_restart(tmp_path, web):
    """Sessions, refresh tokens and revocations are in the journal; a killed process forgets none of them."""
    first = Standin("--data", tmp_path)
    kept, gone = (first.control("POST", "sessions", {"refresh": True}) for _ in range(2))
    web.post(f"{first.url}/services/oauth2/revoke", data={"token": gone["access_token"]})
    first.stop(9)

    with Standin("--data", tmp_path) as second:
        statuses = [limits(second, web, tokens["access_token"]) for tokens in (kept, gone)]
        refreshed = ask(second, web, grant_type="refresh_token", refresh_token=kept["refresh_token"])

    assert [200, 401] == statuses
    assert 200 == refreshed.status_code
