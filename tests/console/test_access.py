"""Who may do what: every route, asked by nobody, by a viewer, by a forger; and what stands before each answer."""

import re

import pytest
import requests

from common import clock
from common.console.tokens import Signer
from tests.console.conftest import SECRET, Person, SignIn
from tests.functions.conftest import Door

PUBLIC = {("GET", "/api/sign-in"), ("POST", "/api/session")}
OPERATORS_LOOK = {("GET", "/api/objects"), ("GET", "/api/objects/{name}/fields")}  #: each look costs an API call
ORIGIN = "https://page.example.com"


@pytest.fixture(scope="module")
def routes(console: Door) -> list[tuple[str, str]]:
    """Every route of the API, by method and path, as it describes itself."""
    described = requests.get(f"{console.url}/openapi.json", timeout=30).json()
    return [(method.upper(), path) for path, methods in described["paths"].items() for method in methods]


def concrete(path: str) -> str:
    return re.sub(r"\{(\w+)\}", lambda m: "Account" if m[1] == "name" else "1", path).removeprefix("/api/")


def test_every_route_refuses_who_is_not_signed_in(routes: list[tuple[str, str]], sign_in: SignIn) -> None:
    """401, before anything of the request is looked at."""
    nobody = sign_in(None)

    answers = {(m, p): nobody.call(m, concrete(p)).status_code for m, p in routes if (m, p) not in PUBLIC}

    assert len(answers) > 30
    assert dict.fromkeys(answers, 401) == answers


def test_a_viewer_looks_and_changes_nothing(routes: list[tuple[str, str]], sign_in: SignIn) -> None:
    """403 for whatever is no GET, before its body is looked at; signing out is everybody's."""
    viewer = sign_in("viewer")
    changing = {(m, p) for m, p in routes if m != "GET"} - PUBLIC - {("DELETE", "/api/session")} | OPERATORS_LOOK

    answers = {(m, p): viewer.call(m, concrete(p)) for m, p in changing}

    assert len(answers) > 15
    assert dict.fromkeys(answers, (403, "viewer")) == {
        k: (a.status_code, a.json().get("reason")) for k, a in answers.items()
    }


def test_a_viewer_may_look(routes: list[tuple[str, str]], sign_in: SignIn) -> None:
    """At everything that costs the org nothing."""
    viewer = sign_in("viewer")
    looking = [(m, p) for m, p in routes if m == "GET" and (m, p) not in OPERATORS_LOOK and p != "/api/events"]

    answers = {p: viewer.call(m, concrete(p)).status_code for m, p in looking}

    assert {} == {p: status for p, status in answers.items() if status not in (200, 404, 422)}


def test_a_forged_request_is_refused(routes: list[tuple[str, str]], sign_in: SignIn) -> None:
    """Without our header, or from another site, though the browser sends the session along."""
    operator = sign_in("operator")
    changing = [(m, concrete(p)) for m, p in routes if m != "GET"]
    evil = {"Origin": "https://evil.example.com"}

    without = {c: operator.call(*c, headers={"X-Isthmus-Console": None}).status_code for c in changing}
    elsewhere = {c: operator.call(*c, headers=evil).status_code for c in changing}

    assert dict.fromkeys(changing, 403) == without == elsewhere
    assert 200 == operator.call("GET", "session").status_code, "and nobody was signed out"


def test_a_link_signs_in_once(console: Door) -> None:
    """A second use, another secret's link and a session taken for a link are refused; so is a changed one."""
    signer = Signer(SECRET)
    link = signer.link("kim", "viewer", clock.now())
    person = Person(console.url, None)

    first = person.call("POST", "session", {"token": link})
    again = Person(console.url, None).call("POST", "session", {"token": link})
    session = first.cookies[signer.cookie]
    foreign = Signer("x" * 32).link("kim", "operator", clock.now())
    bent = [session, foreign, link[:-1] + "0", link.replace(".", "A.", 1), "é", "."]

    assert (204, 401) == (first.status_code, again.status_code)
    assert [401] * len(bent) == [
        Person(console.url, None).call("POST", "session", {"token": t}).status_code for t in bent
    ]
    assert {"who": "kim", "role": "viewer"} == person.get("session")
    assert {"httponly", "samesite=strict"} <= {p.strip().lower() for p in first.headers["Set-Cookie"].split(";")}


def test_signing_out_ends_the_session(sign_in: SignIn) -> None:
    person = sign_in("viewer")

    assert (204, 401) == (person.call("DELETE", "session").status_code, person.call("GET", "session").status_code)


def test_the_one_origin_may_call_from_elsewhere(console: Door) -> None:
    """Exactly that one, with a bearer token, never with cookies; no other is told anything."""
    asked = {
        "Access-Control-Request-Method": "PUT",
        "Access-Control-Request-Headers": "authorization,x-isthmus-console",
    }

    allowed = requests.options(f"{console.url}/api/overview", headers=asked | {"Origin": ORIGIN}, timeout=30).headers
    others = [
        requests.options(f"{console.url}/api/overview", headers=asked | {"Origin": o}, timeout=30).headers
        for o in ("https://page.example.com.evil.org", "http://page.example.com", "null")
    ]

    assert (ORIGIN, "Origin") == (allowed["Access-Control-Allow-Origin"], allowed["Vary"])
    assert {"authorization", "x-isthmus-console"} <= set(allowed["Access-Control-Allow-Headers"].split(", "))
    assert "Access-Control-Allow-Credentials" not in allowed
    assert [] == [h for h in others if "Access-Control-Allow-Origin" in h]


@pytest.mark.parametrize("path", ["", "api/overview", "openapi.json", "nowhere", "api/nowhere"])
def test_every_answer_bears_the_security_headers(console: Door, path: str) -> None:
    """No foreign script, no frame, no guessing of types; answers of the API are kept by nobody."""
    headers = requests.get(f"{console.url}/{path}", headers={"Accept": "text/html"}, timeout=30).headers

    assert ("nosniff", "DENY", "no-referrer") == tuple(
        headers[h] for h in ("X-Content-Type-Options", "X-Frame-Options", "Referrer-Policy")
    )
    policy = dict(part.strip().split(" ", 1) for part in headers["Content-Security-Policy"].split(";"))
    assert ("'none'", "'self'", "'none'") == tuple(policy[p] for p in ("default-src", "script-src", "frame-ancestors"))
    assert path.startswith("api/") == (headers.get("Cache-Control") == "no-store")


def test_a_body_that_is_too_large_is_not_read(sign_in: SignIn) -> None:
    answer = sign_in("operator").call("POST", "pause", {"why": "x" * 1_000_001})

    assert (413, "body_too_large") == (answer.status_code, answer.json()["reason"])
