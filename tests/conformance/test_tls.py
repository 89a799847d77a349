"""https with an authority of our own: what clients need that speak nothing else."""

import socket
import ssl

import pytest
import requests
from simple_salesforce import Salesforce

from tests.standin.driving import VERSION, Standin


@pytest.fixture(scope="module")
def org(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tls")
    with Standin("--tls", folder, "--https-port", 0) as running:
        running.sign_in()
        yield running


@pytest.fixture
def session(org):
    with requests.Session() as trusting:
        trusting.trust_env = False
        trusting.verify = org.ca
        yield trusting


def token_over_https(org, session):
    asked = {"grant_type": "client_credentials", "client_id": "isthmus", "client_secret": "isthmus"}
    return session.post(f"{org.secure_url}/services/oauth2/token", data=asked).json()


def test_simple_salesforce_speaks_https(org, session):
    """Unchanged, with the authority as the session's `verify`; the token's instance_url is where it was asked for."""
    token = token_over_https(org, session)

    salesforce = Salesforce(
        session_id=token["access_token"], instance_url=token["instance_url"], version=VERSION[1:], session=session
    )
    made = salesforce.Account.create({"Name": "secure"})

    assert org.secure_url == token["instance_url"]
    assert "secure" == salesforce.Account.get(made["id"])["Name"]


def test_http_and_https_are_one_org(org, session):
    """A record that was made over http is read over https."""
    made = org.create("Account", Name="both")
    headers = {"Authorization": org.http.headers["Authorization"]}

    found = session.get(f"{org.secure_url}/services/data/{VERSION}/sobjects/Account/{made}", headers=headers)

    assert "both" == found.json()["Name"]


def test_who_does_not_trust_the_authority_is_not_served(org):
    """The certificate is a real one: without the CA the handshake fails."""
    with pytest.raises(requests.exceptions.SSLError):
        requests.get(f"{org.secure_url}/services/data", timeout=5)


def test_a_dropped_answer_is_dropped_over_https_too(org, session):
    """Faults do not care how the caller came."""
    headers = {"Authorization": org.http.headers["Authorization"]}
    org.control("POST", "faults", {"match": "/sobjects/Account$", "drop_after_commit": True, "times": 1})

    with pytest.raises(requests.ConnectionError):
        session.post(
            f"{org.secure_url}/services/data/{VERSION}/sobjects/Account", json={"Name": "cut"}, headers=headers
        )

    assert 1 == len(org.query("SELECT Id FROM Account WHERE Name = 'cut'"))


def test_certificates_are_made_once(org, tmp_path):
    """A second start uses the files of the first, and files of one's own may be given."""
    folder = tmp_path / "tls"
    with Standin("--tls", folder, "--https-port", 0):
        first = (folder / "ca.pem").read_bytes()
    with Standin("--tls", folder, "--https-port", 0):
        second = (folder / "ca.pem").read_bytes()
    given = ("--tls-cert", folder / "server.pem", "--tls-key", folder / "server.key", "--https-port", 0)

    with Standin(*given) as standin:
        answer = requests.get(f"{standin.secure_url}/services/data", verify=folder / "ca.pem", timeout=5)

    assert first == second
    assert 200 == answer.status_code


def test_hosts_of_salesforce_are_in_the_certificate(org):
    """Clients that insist on a My Domain host can be led here by a hosts entry."""
    context = ssl.create_default_context(cafile=org.ca)
    port = int(org.secure_url.rpartition(":")[2])

    with (
        socket.create_connection(("127.0.0.1", port)) as plain,
        context.wrap_socket(plain, server_hostname="acme.my.salesforce.com") as secure,
    ):
        assert secure.version() in ("TLSv1.2", "TLSv1.3")
