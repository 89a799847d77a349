"""`make run`: everything on one machine, until Ctrl-C; with ONCE=1 one change each way, then an exit code."""

import argparse
import os
import signal
import sys
import threading
import time
from pathlib import Path

from tests.stack import ports, sample
from tests.stack.process import ROOT
from tests.stack.stack import Stack


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.stack", description=__doc__)
    parser.add_argument("--once", action="store_true", help="verify one change each way, then stop (ONCE=1)")
    parser.add_argument("--folder", type=Path, help="where the state lives (default .isthmus/<PORT_OFFSET>)")
    options = parser.parse_args()
    _refuse_real_org()
    once = options.once or os.environ.get("ONCE", "") not in ("", "0")
    offset = ports.offset()
    folder = options.folder or ROOT / ".isthmus" / str(offset)
    stack = Stack(folder, offset, pubsub=os.environ.get("ISTHMUS_PUBSUB") or "auto")
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    return _run(stack, once, stopped)


def _refuse_real_org() -> None:
    if os.environ.get("ORG"):
        raise SystemExit(
            "ORG=real is not there yet: start the doors by hand, with your org in SF_LOGIN_URL and its companions; "
            "leave ORG out to run against the stand-in."
        )


def _run(stack: Stack, once: bool, stopped: threading.Event) -> int:
    began = time.perf_counter()
    print(f"Starting Postgres, {'the Pub/Sub emulator' if stack.uses_emulator else 'the local broker'}, "
          "the Salesforce stand-in and the doors ...", flush=True)  # fmt: skip
    stack.start()
    try:
        client, rows = sample.Client(stack), sample.Rows(stack)
        sample.prepare(stack, client)
        sample.load(client)
        _show_latencies(client, rows)
        rows.close()
        print(f"\nReady after {time.perf_counter() - began:.0f} s.", flush=True)
        if not once:
            _show_addresses(stack)
            _watch(stack, stopped)
    except TimeoutError as exc:
        print(f"\nFAILED: {exc}. See {stack.folder / 'logs'}.", file=sys.stderr)
        return 1
    finally:
        stack.stop()
    return 0


def _show_latencies(client: sample.Client, rows: sample.Rows) -> None:
    """The first change wakes every door; the following ones show what it is like when they are warm."""
    ways = {"Salesforce -> Postgres": sample.to_postgres, "Postgres -> Salesforce": sample.to_salesforce}
    print(f"\n{'':24}{'first':>10}{'then, at best':>16}")
    for way, measure in ways.items():
        took = [measure(client, rows, f"{time.time():.6f}") for _ in range(6)]
        print(f"{way:24}{took[0] * 1000:>7.0f} ms{min(took[1:]) * 1000:>13.0f} ms", flush=True)


def _show_addresses(stack: Stack) -> None:
    print(
        f"""
Console                  {stack.console_link()}
                         (the link works once; `isthmus console link` prints another)
Salesforce (stand-in)    {stack.standin_url}/   (events: gRPC on {stack.standin_events})
Postgres                 {stack.postgres.url()}   (make psql)
Pub/Sub                  {stack.environment["PUBSUB_EMULATOR_HOST"]}
Cloud Scheduler          {stack.environment["SCHEDULER_EMULATOR_HOST"]}
outbound messages go to  {stack.outbound_url}
nudges go to             {stack.door_url("receive_webhook")}/nudge
logs                     {stack.folder / "logs"}

Try it: change a record on the stand-in's page, then look at it in `make psql`; and the other way round:
  UPDATE salesforce.account SET name = 'Changed here' WHERE id = 'sample-2';
Another shell speaks to the same stack after:  source {stack.folder / "env"}
Stop with Ctrl-C; the state stays. Start afresh with `make clean`.""",
        flush=True,
    )


def _watch(stack: Stack, stopped: threading.Event) -> None:
    """Stay until told to stop; say so when a part has died."""
    told: set[str] = set()
    while not stopped.wait(1.0):
        for child in (*stack.doors.values(), stack.follower, stack.scheduler, stack.standin, stack.pubsub):
            if not child.running and child.name not in told:
                told.add(child.name)
                print(f"{child.name} has ended; its output is in {child.log}", file=sys.stderr, flush=True)
    print("\nStopping ...", flush=True)


if __name__ == "__main__":
    sys.exit(main())
