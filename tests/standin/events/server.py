"""Serves the Pub/Sub API beside the HTTP side, on the same event loop."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import grpc
import grpc.aio

from tests.standin.events.service import PubSub
from tests.standin.events.wire.pubsub_api_pb2_grpc import add_PubSubServicer_to_server
from tests.standin.org import Org
from tests.standin.tls import Certificates

STOP_SECONDS = 0.5  #: what is under way when the stand-in stops gets this long
OPTIONS = (
    ("grpc.max_concurrent_streams", 1000),
    ("grpc.max_receive_message_length", 4 * 1024 * 1024),
    ("grpc.so_reuseport", 0),  # a port that is taken is an error
    ("grpc.http2.min_recv_ping_interval_without_data_ms", 10_000),
    ("grpc.keepalive_permit_without_calls", 1),
)


def bound(org: Org, host: str, port: int, certificates: Certificates | None) -> tuple[grpc.aio.Server, str]:
    """A server that has its port but does not run yet, and `host:port`. With certificates it speaks TLS, else plain text.

    Raises:
        OSError: the port is taken.
    """
    server = grpc.aio.server(options=OPTIONS)
    add_PubSubServicer_to_server(PubSub(org), server)
    address = f"{host}:{port}"
    try:
        taken = (
            server.add_secure_port(address, _tls(certificates)) if certificates else server.add_insecure_port(address)
        )
    except RuntimeError as exc:
        raise OSError(f"{address} cannot be listened on") from exc
    return server, f"{host}:{taken}"


@asynccontextmanager
async def serving(org: Org, server: grpc.aio.Server, address: str) -> AsyncIterator[str]:
    """The service runs inside; gives its address."""
    org.events.bell.hang()
    await server.start()
    try:
        yield address
    finally:
        org.events.end_streams("service.unavailable")
        await server.stop(STOP_SECONDS)


def _tls(certificates: Certificates) -> grpc.ServerCredentials:
    return grpc.ssl_server_credentials([(certificates.key.read_bytes(), certificates.cert.read_bytes())])
