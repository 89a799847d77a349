"""A door as one archive: its folder with `main.py` at the root, as functions-framework and Cloud Run want it."""

import zipfile
from pathlib import Path

from common import health
from functions.bundle import imports, pins

DOORS = Path("functions")
NOT_DEPLOYED = ("bundle", "cli", "dags")
PAGE = "ui/dist"  #: of a door's own folder: what its page was built to

_LONG_AGO = (1980, 1, 1, 0, 0, 0)  #: zip knows no earlier time; the same for every file of every build
_PLAIN = 0o644 << 16


def doors(root: Path) -> list[str]:
    """The doors that are deployed."""
    found = {path.parent.name for path in (root / DOORS).glob("*/main.py")}
    return sorted(found - set(NOT_DEPLOYED))


def serves_pages(vendors: set[str]) -> bool:
    """Whether the door is an application of its own (ASGI), which a Cloud Run service starts by its Procfile."""
    return "functions_framework.aio" in vendors


def contents(door: str, root: Path) -> dict[str, bytes]:
    """Everything that a door's archive holds, by name.

    Raises:
        ValueError: what it needs cannot be told, or is not pinned.
    """
    main = DOORS / door / "main.py"
    needs = imports.follow(main, root)
    held = {str(path): (root / path).read_bytes() for path in (needs.files | needs.sql(root)) - {main}}
    page = root / DOORS / door / PAGE
    held |= {f"{PAGE}/{p.relative_to(page)}": p.read_bytes() for p in page.rglob("*") if p.is_file()}
    held["main.py"] = (root / main).read_bytes()
    if serves_pages(needs.vendors):
        held["Procfile"] = f"web: functions-framework --source main.py --target {door} --asgi\n".encode()
    lock = (root / "requirements.lock").read_text(encoding="utf-8")
    held["requirements.txt"] = pins.requirements(needs.vendors, pins.read(lock)).encode()
    release = health.release()
    held[f"isthmus-{release}.dist-info/METADATA"] = (
        f"Metadata-Version: 2.1\nName: isthmus\nVersion: {release}\n".encode()
    )
    return held


def write(held: dict[str, bytes], path: Path) -> None:
    """Write an archive that depends on nothing but its contents: no time, no order of a disk, nobody's rights."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name in sorted(held):
            entry = zipfile.ZipInfo(name, _LONG_AGO)
            entry.create_system = 3  # Unix, whoever builds
            entry.external_attr = _PLAIN
            archive.writestr(entry, held[name], zipfile.ZIP_DEFLATED, 9)
