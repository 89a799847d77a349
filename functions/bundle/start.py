"""How fast a bundle starts, from its own folder under functions-framework: until it answers, or says what it lacks."""

import os
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path

LIMIT_SECONDS = 60.0


def milliseconds(door: str, bundle: Path) -> int | None:
    """From the start of the process until the door's module is loaded as the framework loads it; None where it is not.

    Its settings are nobody's: nothing is listened to or called.
    """
    with tempfile.TemporaryDirectory(prefix="isthmus-bundle-") as folder:
        with zipfile.ZipFile(bundle) as archive:
            archive.extractall(folder)
        for _ in range(2):  # the first run compiles
            began = time.perf_counter()
            ended = subprocess.run(
                [sys.executable, "-c", _LOAD.format(door=door)],
                cwd=folder, env=_environment(), capture_output=True, timeout=LIMIT_SECONDS, check=False,
            )  # fmt: skip
            took = time.perf_counter() - began
        return round(took * 1000) if ended.returncode == 0 else None


_LOAD = """
import pathlib
if "functions_framework.aio" in pathlib.Path("main.py").read_text():
    from functions_framework.aio import create_asgi_app as create
else:
    from functions_framework import create_app as create
create("{door}", "main.py")
"""


def _environment() -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("HOME", "LANG", "PATH", "TMPDIR") if name in os.environ}
    return kept | {
        "CONSOLE_SECRET": "0" * 32,
        "DATABASE_URL": "postgresql://nobody@127.0.0.1:9/nowhere",
        "GOOGLE_CLOUD_PROJECT": "nowhere",
        "INBOUND": '{"org_id": "00D000000000000EAA", "secret_path": "x", "hmac_keys": ["00000000000000000000000000000000"]}',
        "PULL_STATE": "nowhere",
        "SF_LOGIN_URL": "http://127.0.0.1:9",
        "SF_CLIENT_ID": "nobody",
        "SF_CLIENT_SECRET": "nothing",
    }
