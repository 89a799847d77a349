"""Google's tokens, verified with keys over HTTP; lists and roles; who is signed in by which word."""

import json
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from common.config import SignIn
from common.console import google
from common.console.access import IAP_HEADER, Access, Person, Role
from common.console.google import ACCOUNTS, IAP_ISSUERS, Verifier
from common.console.problems import Refusal
from common.errors import Transient

CLIENT = "isthmus.apps.googleusercontent.com"
AUDIENCE = "/projects/1/global/backendServices/2"
RSA = rsa.generate_private_key(65537, 2048)
EC = ec.generate_private_key(ec.SECP256R1())
STRANGER = rsa.generate_private_key(65537, 2048)
Make = Callable[..., str]


@pytest.fixture(scope="module")
def keys() -> Iterator[str]:
    """Where the public keys are."""
    listed = [
        jwt.algorithms.RSAAlgorithm.to_jwk(RSA.public_key(), as_dict=True)
        | {"kid": "id", "alg": "RS256", "use": "sig"},
        jwt.algorithms.ECAlgorithm.to_jwk(EC.public_key(), as_dict=True) | {"kid": "iap", "alg": "ES256", "use": "sig"},
    ]

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps({"keys": listed}).encode())

        def log_message(self, *_: Any) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def claims(**bent: Any) -> dict[str, Any]:
    now = datetime.now(UTC)
    usual = {
        "iss": ACCOUNTS[0], "aud": CLIENT, "iat": now, "exp": now + timedelta(minutes=5), "email": "Kim@Example.com",
        "email_verified": True,
    }  # fmt: skip
    return {name: value for name, value in (usual | bent).items() if value is not None}


def a_token(key: Any = RSA, kid: str = "id", algorithm: str = "RS256", **bent: Any) -> str:
    return jwt.encode(claims(**bent), key, algorithm, {"kid": kid})


def an_assertion(**bent: Any) -> str:
    return a_token(EC, "iap", "ES256", **({"iss": IAP_ISSUERS[0], "aud": AUDIENCE, "email_verified": None} | bent))


def an_access(keys: str, **bent: Any) -> Access:
    settings = SignIn(google_client_id=CLIENT, iap_audience=AUDIENCE, operators=("kim@example.com",), **bent)
    return Access(
        settings,
        lambda: datetime.now(UTC),
        id_tokens=google.id_tokens(CLIENT, keys=keys),
        iap=google.iap(AUDIENCE, keys=keys),
    )


@pytest.mark.parametrize(
    "headers", [{"authorization": f"Bearer {a_token()}"}, {IAP_HEADER: an_assertion()}], ids=["id", "iap"]
)
def test_google_vouches_for_an_address(keys: str, headers: dict[str, str]) -> None:
    assert Person("kim@example.com", Role.OPERATOR) == an_access(keys).person(headers, {})


LONG_AGO = datetime.now(UTC) - timedelta(hours=2)
FALSE = {
    "another client": a_token(aud="another"),
    "another issuer": a_token(iss="https://accounts.example.com"),
    "over": a_token(iat=LONG_AGO, exp=LONG_AGO + timedelta(hours=1)),
    "never over": a_token(exp=None),
    "another's key": a_token(STRANGER),
    "unknown key": a_token(kid="nobody"),
    "unverified address": a_token(email_verified=False),
    "no address": a_token(email=None),
    "no signature": jwt.encode(claims(), "", "none", {"kid": "id"}),
    "the public key as a shared one": jwt.encode(claims(), "k" * 64, "HS256", {"kid": "id"}),
    "an assertion": an_assertion(),
    "no token": "garbage",
}


@pytest.mark.parametrize("token", FALSE.values(), ids=FALSE)
def test_a_false_token_is_nobody(keys: str, token: str) -> None:
    assert an_access(keys).person({"authorization": f"Bearer {token}"}, {}) is None


def test_an_id_token_is_no_assertion(keys: str) -> None:
    assert an_access(keys).person({IAP_HEADER: a_token()}, {}) is None


def test_only_ways_that_are_set_count(keys: str) -> None:
    """Whoever can reach us beside Identity-Aware Proxy could write its header."""
    access = Access(
        SignIn(google_client_id=CLIENT, operators=("kim@example.com",)), lambda: datetime.now(UTC),
        id_tokens=google.id_tokens(CLIENT, keys=keys),
    )  # fmt: skip

    assert access.person({IAP_HEADER: an_assertion()}, {}) is None


@pytest.mark.parametrize(
    ("address", "role"),
    [("kim@example.com", Role.OPERATOR), ("lee@isthmus.example", Role.VIEWER), ("LEE@isthmus.EXAMPLE", Role.VIEWER)],
)
def test_lists_name_people_and_domains(keys: str, address: str, role: Role) -> None:
    access = an_access(keys, viewers=("@isthmus.example", "kim@example.com"))

    person = access.person({"authorization": f"Bearer {a_token(email=address)}"}, {})

    assert Person(address.lower(), role) == person


@pytest.mark.parametrize("address", ["eve@example.com", "kim@example.com.evil.org", "@example.com", "kim"])
def test_who_is_on_no_list_is_told_so(keys: str, address: str) -> None:
    with pytest.raises(Refusal) as refused:
        an_access(keys).person({"authorization": f"Bearer {a_token(email=address)}"}, {})

    assert (403, "not_listed") == (refused.value.status, refused.value.problem.reason)


def test_without_google_nobody_is_let_in() -> None:
    """It is said that Google is out of reach, not that the token is false."""
    verifier: Verifier = google.id_tokens(CLIENT, keys="http://127.0.0.1:9/")

    with pytest.raises(Transient) as refused:
        verifier.address(a_token())

    assert "keys_unreachable" == refused.value.reason
