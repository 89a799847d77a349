"""Starts the stand-in: `python -m tests.standin --port 8090`."""

import argparse
import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.standin import ids, serving, tls
from tests.standin.app import App
from tests.standin.org import DEFAULT_ORG, Org


def _org_id(text: str) -> str:
    full = ids.to_18(text)
    if full is None or not full.startswith("00D"):
        raise argparse.ArgumentTypeError(f"{text!r} is not an org id: 00D and 12 or 15 more letters or digits")
    return full


def _port(text: str) -> int:
    if not text.isdigit() or int(text) > 65_535:  # gRPC would take another one without a word
        raise argparse.ArgumentTypeError(f"{text!r} is not a port: 0 to 65535")
    return int(text)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.standin", description="A Salesforce org on this machine.")
    parser.add_argument("--port", type=_port, default=8090, help="0 takes a free one (default: 8090)")
    parser.add_argument("--host", default="127.0.0.1", help="default: 127.0.0.1")
    parser.add_argument("--data", type=Path, help="folder for the journal; without it the state ends with the process")
    parser.add_argument(
        "--objects",
        type=Path,
        nargs="*",
        default=[],
        help="describe JSON or compact forms: files, or folders of *.describe.json",
    )
    parser.add_argument("--seed-org", type=_org_id, default=DEFAULT_ORG, help=f"the org's id (default: {DEFAULT_ORG})")
    parser.add_argument(
        "--grpc-port", type=_port, help="serve the Pub/Sub API there; 0 takes a free one (default: do not)"
    )
    secure = parser.add_argument_group("https", "beside http, with --tls or with --tls-cert and --tls-key")
    secure.add_argument(
        "--tls", type=Path, metavar="DIR", help="make (once) and use a local CA and a certificate there"
    )
    secure.add_argument("--tls-cert", type=Path, help="a certificate chain (PEM) of your own")
    secure.add_argument("--tls-key", type=Path, help="its key (PEM)")
    secure.add_argument("--https-port", type=_port, default=8443, help="0 takes a free one (default: 8443)")
    given = parser.parse_args()
    if bool(given.tls_cert) != bool(given.tls_key):
        parser.error("--tls-cert and --tls-key go together")
    return given


def _certificates(given: argparse.Namespace) -> tls.Certificates | None:
    if given.tls_cert and given.tls_key:
        return tls.given(given.tls_cert, given.tls_key)
    return tls.local(given.tls) if given.tls else None


@contextmanager
def _or_say(what: str) -> Iterator[None]:
    """What keeps the stand-in from starting is the caller's to mend: one sentence, and no traceback."""
    try:
        yield
    except (OSError, ValueError) as exc:
        raise SystemExit(f"python -m tests.standin: {what}: {exc}") from exc


def main() -> None:
    given = _arguments()
    with _or_say("certificates"):
        certificates = _certificates(given)
    with _or_say(f"port {given.port}"):
        listener = serving.listen(given.host, given.port)
    with _or_say(f"folder {given.data}"):
        org = Org(given.seed_org, given.data)
    org.base_url = f"http://{given.host}:{listener.getsockname()[1]}"
    with _or_say("objects"):
        org.start(given.objects)
    try:
        asyncio.run(_serve(App(org), org.base_url, listener, given, certificates))
    finally:
        org.stop()


async def _serve(
    app: App, url: str, listener: socket.socket, given: argparse.Namespace, certificates: tls.Certificates | None
) -> None:
    servers, ready = [(serving.Server(app), listener)], f"standin ready {url}"
    if certificates is not None:
        with _or_say(f"https port {given.https_port}"):
            secure = serving.listen(given.host, given.https_port)
        servers.append((serving.Server(app, certificates), secure))
        ready += f" https://{given.host}:{secure.getsockname()[1]} ca {certificates.ca or 'as given'}"
    app.org.bulk.resume()
    if given.grpc_port is None:
        await serving.serve(servers, ready)
        return
    from tests.standin.events import server  # gRPC takes a moment to load

    with _or_say(f"gRPC port {given.grpc_port}"):
        events = server.bound(app.org, given.host, given.grpc_port, certificates)
    async with server.serving(app.org, *events) as address:
        await serving.serve(servers, f"{ready} pubsub {address}")


if __name__ == "__main__":
    main()
