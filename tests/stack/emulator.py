"""Google's Pub/Sub emulator, where the machine has it: found, started and waited for."""

import os
import re
import shutil
import subprocess
import time
from pathlib import Path

import grpc

OLDEST_JAVA = 11
READY_SECONDS = 30.0  #: a cold Java on a busy machine; one second is usual

_FAST_RECONNECT = [("grpc.initial_reconnect_backoff_ms", 50), ("grpc.max_reconnect_backoff_ms", 200)]


class EmulatorMissing(Exception):
    """ISTHMUS_PUBSUB=emulator demands what this machine does not have."""


def find() -> Path | None:
    """The emulator's folder, or None; `why_not` then says why, ISTHMUS_PUBSUB=broker included.

    Raises:
        EmulatorMissing: ISTHMUS_PUBSUB=emulator, and it is not here.
    """
    reason = why_not()
    if reason and os.environ.get("ISTHMUS_PUBSUB") == "emulator":
        raise EmulatorMissing(f"ISTHMUS_PUBSUB=emulator, but {reason}")
    return None if reason else _home()


def why_not() -> str:
    """What keeps the emulator from being used here; empty when nothing does.

    Raises:
        ValueError: ISTHMUS_PUBSUB is none of auto, broker and emulator.
    """
    choice = os.environ.get("ISTHMUS_PUBSUB") or "auto"
    if choice not in ("auto", "broker", "emulator"):
        raise ValueError(f"ISTHMUS_PUBSUB is auto, broker or emulator, not {choice!r}")
    if choice == "broker":
        return "ISTHMUS_PUBSUB=broker hides the emulator"
    home = _home()
    if home is None:
        return "Google's Pub/Sub emulator is not beside gcloud (PATH), nor at PUBSUB_EMULATOR_HOME"
    if not _jars(home):
        return f"there is no lib/cloud-pubsub-emulator-*.jar in {home}"
    return _java_missing()


def command(port: int) -> list[str]:
    """How to start the emulator on a loopback port.

    Raises:
        EmulatorMissing: it is not here.
    """
    home = find()
    if home is None:
        raise EmulatorMissing(why_not())
    return [_java() or "java", "-jar", str(_jars(home)[-1]), "--host=127.0.0.1", f"--port={port}"]


def wait_until_ready(port: int, process: subprocess.Popen[bytes], seconds: float = READY_SECONDS) -> None:
    """Return once gRPC is answered on the port.

    Raises:
        RuntimeError: the process ended first.
        TimeoutError: it was not ready in time.
    """
    give_up = time.monotonic() + seconds
    with grpc.insecure_channel(f"127.0.0.1:{port}", options=_FAST_RECONNECT) as channel:
        ready = grpc.channel_ready_future(channel)
        while time.monotonic() < give_up:
            if process.poll() is not None:
                raise RuntimeError(f"the Pub/Sub emulator ended with {process.returncode}")
            try:
                ready.result(timeout=0.25)
                return
            except grpc.FutureTimeoutError:
                continue
    raise TimeoutError(f"the Pub/Sub emulator was not ready on port {port} after {seconds:g} s")


def _home() -> Path | None:
    if told := os.environ.get("PUBSUB_EMULATOR_HOME"):
        return Path(told)
    gcloud = shutil.which("gcloud")
    if gcloud is None:
        return None
    home = Path(gcloud).resolve().parent.parent / "platform" / "pubsub-emulator"
    return home if home.is_dir() else None


def _jars(home: Path) -> list[Path]:
    return sorted(home.glob("lib/cloud-pubsub-emulator-*.jar"))


def _java() -> str | None:
    told = os.environ.get("JAVA_HOME")
    return str(Path(told) / "bin" / "java") if told else shutil.which("java")


def _java_missing() -> str:
    java = _java()
    if java is None:
        return f"the Pub/Sub emulator needs Java {OLDEST_JAVA} or newer, and there is no java on PATH"
    try:
        told = subprocess.run([java, "-version"], capture_output=True, text=True, timeout=30, check=True).stderr
    except (OSError, subprocess.SubprocessError) as exc:
        return f"the Pub/Sub emulator needs Java {OLDEST_JAVA} or newer, and {java} does not run: {exc}"
    version = re.search(r'version "(\d+)', told)
    if version is None or int(version.group(1)) < OLDEST_JAVA:
        return f"the Pub/Sub emulator needs Java {OLDEST_JAVA} or newer, and {java} is older"
    return ""
