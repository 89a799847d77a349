"""Certificates for https: a local authority of our own, made once, or files that were given."""

import ssl
from dataclasses import dataclass
from pathlib import Path

NAMES = (
    "localhost",
    "127.0.0.1",
    "::1",
    "login.salesforce.com",
    "test.salesforce.com",
    "*.salesforce.com",
    "*.my.salesforce.com",
    "*.sandbox.my.salesforce.com",
    "*.develop.my.salesforce.com",
)
"""Where clients may believe to be: some accept only hosts of Salesforce's, and are led here by a hosts entry."""


@dataclass(frozen=True, slots=True)
class Certificates:
    """PEM files. `ca` is what clients must trust; None when the certificate's authority is not ours to know."""

    cert: Path
    key: Path
    ca: Path | None


def given(cert: Path, key: Path) -> Certificates:
    """Files of somebody's own.

    Raises:
        OSError: they cannot be read, or are no certificate and its key.
    """
    ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(cert, key)
    return Certificates(cert, key, None)


def local(folder: Path) -> Certificates:
    """The folder's certificates, made when they are missing; the authority's own key is thrown away."""
    found = Certificates(folder / "server.pem", folder / "server.key", folder / "ca.pem")
    if not (folder / "ca.pem").exists():
        _make(folder, found)
    return found


def _make(folder: Path, files: Certificates) -> None:
    import trustme  # only needed where nothing was given

    folder.mkdir(parents=True, exist_ok=True)
    authority = trustme.CA(organization_name="Salesforce stand-in", organization_unit_name="local tests only")
    issued = authority.issue_cert(*NAMES, common_name="localhost")
    files.key.touch(mode=0o600)
    issued.private_key_pem.write_to_path(str(files.key))
    files.cert.write_bytes(b"".join(blob.bytes() for blob in issued.cert_chain_pems))
    fresh = folder / "ca.pem.new"
    authority.cert_pem.write_to_path(str(fresh))
    fresh.replace(folder / "ca.pem")  # last, in one step: where it is, the others are
