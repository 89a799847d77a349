"""Write build/<door>.zip for every door, and say how large each is and how fast it starts: `make bundle`."""

import hashlib
import sys
from pathlib import Path

from functions.bundle import archive, start
from functions.cli.tables import show

ROOT = Path(__file__).parents[2]
BUILD = Path("build")


def main() -> None:
    """Build all; exits with 1 where a door's needs cannot be told."""
    (ROOT / BUILD).mkdir(exist_ok=True)
    for old in (ROOT / BUILD).glob("*.zip"):
        old.unlink()  # of a door that is gone
    try:
        rows = [_build(door) for door in archive.doors(ROOT)]
    except ValueError as exc:
        sys.exit(f"bundle: {exc}")
    show(rows)


def _build(door: str) -> dict[str, object]:
    held = archive.contents(door, ROOT)
    path = ROOT / BUILD / f"{door}.zip"
    archive.write(held, path)
    packages = held["requirements.txt"].count(b"==")
    return {
        "bundle": f"{BUILD}/{door}.zip",
        "KB": round(path.stat().st_size / 1000),
        "files": len(held),
        "packages": packages,
        "start ms": start.milliseconds(door, path) or "-",
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest()[:12],
    }


if __name__ == "__main__":
    main()
