"""Starts the stand-in: `python -m tests.standin --port 8090`."""

import argparse
import asyncio
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import uvicorn

from tests.standin import ids
from tests.standin.app import App
from tests.standin.org import DEFAULT_ORG, Org


class Server(uvicorn.Server):
    """uvicorn, which says when it is ready and stops with status 0 on SIGTERM."""

    def __init__(self, config: uvicorn.Config, url: str) -> None:
        super().__init__(config)
        self._url = url

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop)
        print(f"standin ready {self._url}", flush=True)

    def _stop(self) -> None:
        self.should_exit = True


def _org_id(text: str) -> str:
    full = ids.to_18(text)
    if full is None or not full.startswith("00D"):
        raise argparse.ArgumentTypeError(f"{text!r} is not an org id: 00D and 12 or 15 more letters or digits")
    return full


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.standin", description="A Salesforce org on this machine.")
    parser.add_argument("--port", type=int, default=8090, help="0 takes a free one (default: 8090)")
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
    return parser.parse_args()


def main() -> None:
    given = _arguments()
    listener = socket.create_server((given.host, given.port), backlog=512)
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # accepted ones inherit it
    org = Org(given.seed_org, given.data)
    org.base_url = f"http://{given.host}:{listener.getsockname()[1]}"
    org.start(given.objects)
    config = uvicorn.Config(
        App(org),
        http="httptools",
        lifespan="off",
        log_level="warning",
        access_log=False,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=2,
    )
    try:
        asyncio.run(Server(config, org.base_url).serve(sockets=[listener]))
    finally:
        org.stop()


if __name__ == "__main__":
    main()
