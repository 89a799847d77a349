"""Run the broker: `python -m tests.stack.broker --port 8085 --data DIR`."""

import argparse
import signal
import sqlite3
import sys
import threading
from pathlib import Path

from tests.stack.broker.server import Broker


def main() -> int:
    options = _options()
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    try:
        broker = Broker(options.data, options.port, options.host)
    except (RuntimeError, sqlite3.OperationalError) as exc:
        print(f"broker cannot start: {exc} (port {options.port}, data in {options.data})", file=sys.stderr)
        return 1
    print(f"broker ready {options.host}:{broker.port}", flush=True)
    stopped.wait()
    broker.stop()
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.stack.broker", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default 127.0.0.1)")
    parser.add_argument("--port", type=int, default=8085, help="port; 0 takes a free one (default 8085)")
    parser.add_argument("--data", type=Path, required=True, help="directory to keep topics and messages in")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
