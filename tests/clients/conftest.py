"""A stand-in with TLS, and the environment in which foreign clients run: their own packages, their own Node."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import trustme

from tests.clients.proxy import Proxy
from tests.standin.driving import ROOT, Standin

HERE = Path(__file__).parent
BIN = ROOT / ".venv-clients" / "bin"
NODE_BIN = HERE / "node_modules" / ".bin"
RUN_SECONDS = 240
HOSTS = ("localhost", "127.0.0.1", "login.salesforce.com", "test.salesforce.com", "isthmus.my.salesforce.com")

Run = Callable[..., str]


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with ca.pem, and cert.pem and key.pem for every host that the clients may ask for."""
    folder = tmp_path_factory.mktemp("authority")
    ca = trustme.CA()
    issued = ca.issue_cert(*HOSTS)
    ca.cert_pem.write_to_path(folder / "ca.pem")
    issued.private_key_pem.write_to_path(folder / "key.pem")
    for blob in issued.cert_chain_pems:
        blob.write_to_path(folder / "cert.pem", append=True)
    return folder


@pytest.fixture(scope="session")
def process(authority: Path):
    standin = Standin(
        "--https-port", 0, "--grpc-port", 0, "--tls-cert", authority / "cert.pem", "--tls-key", authority / "key.pem"
    )
    standin.sign_in()
    yield standin
    assert 0 == standin.stop()


@pytest.fixture(scope="module")
def org(process):
    process.control("POST", "reset", {"objects": True})
    yield process


@pytest.fixture(scope="session")
def run(authority: Path) -> Run:
    """Runs a client's program; what it prints is its result. It trusts the stand-in's authority."""

    def run(*command: object, **environment: str) -> str:
        kept = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
        trust = {
            name: str(authority / "ca.pem") for name in ("NODE_EXTRA_CA_CERTS", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE")
        }
        done = subprocess.run(
            [str(part) for part in command],
            cwd=HERE,
            env=kept | trust | {"PATH": f"{BIN}:{NODE_BIN}:{os.environ['PATH']}"} | environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=RUN_SECONDS,
            check=False,
        )
        assert 0 == done.returncode, f"{command[0]} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}"
        return done.stdout

    return run


@pytest.fixture(scope="session")
def proxy(process):
    """Where every https host is the stand-in."""
    found = Proxy(int(process.secure_url.rsplit(":", 1)[1]))
    yield found.url
    found.close()
