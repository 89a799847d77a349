"""Run the scheduler: `python -m tests.stack.scheduler --port 8086 --data DIR`."""

import argparse
import signal
import sys
import threading
from pathlib import Path

from tests.stack.scheduler.server import Scheduler


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.stack.scheduler", description=__doc__)
    parser.add_argument("--port", type=int, default=8086, help="port; 0 takes a free one (default 8086)")
    parser.add_argument("--data", type=Path, required=True, help="directory to keep jobs in")
    options = parser.parse_args()
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    try:
        scheduler = Scheduler(options.data, options.port)
    except RuntimeError as exc:
        print(f"scheduler cannot start: {exc} (port {options.port})", file=sys.stderr)
        return 1
    print(f"scheduler ready 127.0.0.1:{scheduler.port}", flush=True)
    stopped.wait()
    scheduler.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
