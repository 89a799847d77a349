"""A running stand-in, reset before each test, and simple-salesforce pointed at it."""

import pytest
import requests
from simple_salesforce import Salesforce

from tests.standin.driving import VERSION, PlainHttp, Standin
from tests.standin.events.driving import PubSubClient


@pytest.fixture(scope="session")
def process():
    standin = Standin("--grpc-port", "0")
    standin.sign_in()
    yield standin
    assert 0 == standin.stop()


@pytest.fixture
def org(process):
    process.control("POST", "reset")
    yield process


@pytest.fixture
def pubsub(org):
    """A Pub/Sub client of the integration user."""
    with PubSubClient(org) as client:
        yield client


@pytest.fixture
def salesforce(org):
    """simple-salesforce, unchanged."""
    token = org.http.headers["Authorization"].removeprefix("Bearer ")
    with requests.Session() as session:
        session.trust_env = False
        session.mount("https://", PlainHttp())
        yield Salesforce(session_id=token, instance_url=org.url, version=VERSION[1:], session=session)
