"""Serving http, and https beside it, until SIGTERM."""

import asyncio
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn

from tests.standin.tls import Certificates


class Server(uvicorn.Server):
    """uvicorn, which says when it listens and leaves signals to `serve`."""

    def __init__(self, app: Any, certificates: Certificates | None = None) -> None:
        config = uvicorn.Config(
            app,
            http="httptools",
            lifespan="off",
            log_level="warning",
            access_log=False,
            timeout_keep_alive=75,
            timeout_graceful_shutdown=2,
            ssl_certfile=certificates.cert if certificates else None,
            ssl_keyfile=certificates.key if certificates else None,
        )
        super().__init__(config)
        self.listening = asyncio.Event()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        self.listening.set()

    def end(self) -> None:
        self.should_exit = True


def listen(host: str, port: int) -> socket.socket:
    """A listening socket; port 0 takes a free one."""
    listener = socket.create_server((host, port), backlog=512)
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # accepted ones inherit it
    return listener


async def serve(servers: list[tuple[Server, socket.socket]], ready: str) -> None:
    """Run all servers; print `ready` once every one listens; SIGTERM or SIGINT ends them."""
    loop = asyncio.get_running_loop()
    running = [loop.create_task(server.serve(sockets=[listener])) for server, listener in servers]
    for (server, _), task in zip(servers, running, strict=True):
        listening = loop.create_task(server.listening.wait())
        await asyncio.wait([listening, task], return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            task.result()  # a certificate that cannot be read, for one
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, _end_all, [server for server, _ in servers])
    print(ready, flush=True)
    await asyncio.gather(*running)


def _end_all(servers: list[Server]) -> None:
    for server in servers:
        server.end()
