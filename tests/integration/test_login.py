"""Logging in to an org, each way that the stand-in knows, and again when the session has gone."""

from collections.abc import Iterator

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from common import config
from common.errors import Misconfigured, Transient
from common.salesforce.session import Session
from tests.stack.postgres import free_port
from tests.standin.driving import Standin


@pytest.fixture(scope="module")
def standin() -> Iterator[Standin]:
    with Standin() as running:
        yield running


def session(standin: Standin, **settings: str) -> Session:
    return Session(config.salesforce({"SF_LOGIN_URL": standin.url, "SF_CLIENT_ID": "isthmus", **settings}))


def test_client_credentials_lead_to_the_org(standin: Standin) -> None:
    """The token's identity tells which org it is."""
    with session(standin, SF_CLIENT_SECRET="isthmus") as org:
        assert 18 == len(org.org_id)
        assert org.get("limits")["DailyApiRequests"]


def test_a_signed_assertion_leads_to_the_org(standin: Standin) -> None:
    """JWT bearer: the key stays here, its public half is the app's certificate."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    standin.control("POST", "clients", {"client_id": "jwt-app", "public_key": public.decode()})

    settings = {"SF_CLIENT_ID": "jwt-app", "SF_PRIVATE_KEY": private, "SF_USERNAME": "integration@standin.test"}
    with session(standin, **settings) as org:
        assert org.get("limits")["DailyApiRequests"]


def test_an_expired_session_is_opened_again(standin: Standin) -> None:
    """Nobody notices: the call is made once more with a new token."""
    with session(standin, SF_CLIENT_SECRET="isthmus") as org:
        org.get("limits")
        standin.control("POST", "sessions/expire")

        assert org.get("limits")["DailyApiRequests"]


def test_a_wrong_secret_is_a_persons_business(standin: Standin) -> None:
    """Waiting does not heal it; the sentence carries Salesforce's own words and not the secret."""
    with session(standin, SF_CLIENT_SECRET="s3cr3t") as org, pytest.raises(Misconfigured) as raised:
        org.get("limits")

    assert "salesforce_login" == raised.value.reason
    assert "s3cr3t" not in str(raised.value)


def test_an_org_that_does_not_answer_may_come_back() -> None:
    """Nobody listens there: try again later."""
    nowhere = f"http://127.0.0.1:{free_port()}"
    settings = {"SF_LOGIN_URL": nowhere, "SF_CLIENT_ID": "isthmus", "SF_CLIENT_SECRET": "isthmus"}

    with Session(config.salesforce(settings)) as org, pytest.raises(Transient) as raised:
        org.get("limits")

    assert "salesforce_unavailable" == raised.value.reason
