"""The pinned packages that a door needs: those that it imports, and theirs, out of requirements.lock."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib.metadata import distributions
from pathlib import Path

from packaging.markers import Marker
from packaging.utils import canonicalize_name

PYTHON = "3.13"  #: of the deployed doors; terraform/variables.tf, `runtime`
ALWAYS = ("functions-framework",)  #: starts every door

#: Where doors run: what a marker is asked of.
_THERE = {
    "python_version": PYTHON, "python_full_version": f"{PYTHON}.0", "sys_platform": "linux", "os_name": "posix",
    "platform_system": "Linux", "platform_machine": "x86_64", "implementation_name": "cpython",
    "platform_python_implementation": "CPython", "extra": "",
}  # fmt: skip
_HEAD = re.compile(r"^([A-Za-z0-9._-]+)==(\S+)(?: ; (.*?))?(?: \\)?$")


@dataclass(frozen=True, slots=True)
class Pin:
    """One package of the lock."""

    name: str
    version: str
    marker: str
    hashes: tuple[str, ...]
    needed_by: tuple[str, ...]

    @property
    def applies(self) -> bool:
        """Whether it is installed where doors run."""
        return not self.marker or Marker(self.marker).evaluate(_THERE)

    def __str__(self) -> str:
        return " \\\n".join([f"{self.name}=={self.version}", *(f"    --hash={h}" for h in self.hashes)])


def read(lock: str) -> dict[str, Pin]:
    """The pins of a lock, as `uv pip compile` writes it."""
    return {pin.name: pin for pin in _pins(lock)}


def _pins(lock: str) -> Iterator[Pin]:
    for block in re.split(r"^(?=[A-Za-z0-9])", lock, flags=re.MULTILINE):
        lines = block.splitlines()
        if lines and (head := _HEAD.match(lines[0])):
            hashes = tuple(re.findall(r"--hash=(\S+)", block))
            needed_by = re.findall(r"^    #(?: via)? +([A-Za-z0-9._-]+)", block, re.MULTILINE)
            parents = tuple(canonicalize_name(n) for n in needed_by if n != "via")
            yield Pin(canonicalize_name(head[1]), head[2], head[3] or "", hashes, parents)


def requirements(vendors: Iterable[str], pins: dict[str, Pin]) -> str:
    """requirements.txt for a door that imports these modules: every package with its hashes, in order.

    Raises:
        ValueError: nobody provides one of them, or it is not pinned.
    """
    wanted = {*ALWAYS, *(p for module in vendors for p in _providers(module, vendors))}
    if missing := sorted(wanted - pins.keys()):
        raise ValueError(f"{', '.join(missing)} is imported by a door and not in requirements.lock: `make lock`.")
    grown = True
    while grown:
        more = {p.name for p in pins.values() if p.applies and wanted.intersection(p.needed_by)} - wanted
        wanted |= more
        grown = bool(more)
    head = f"# For Python {PYTHON} on Linux, out of requirements.lock.\n"
    return head + "".join(f"{pins[name]}\n" for name in sorted(wanted) if pins[name].applies)


def _providers(module: str, vendors: Iterable[str]) -> set[str]:
    """The package that a module is in; none for a mere name out of a module, or a namespace of many packages."""
    path = module.replace(".", "/")
    found = {owner for end in ("/__init__.py", ".py") if (owner := _owners().get(path + end))}
    if not found and "." not in module and not any(v.startswith(f"{module}.") for v in vendors):
        raise ValueError(f"{module} is imported by a door, and no installed package provides it.")
    return found


@cache
def _owners() -> dict[str, str]:
    """Which package each installed file belongs to."""
    return {
        str(file): canonicalize_name(found.metadata["Name"])
        for found in distributions()
        for file in found.files or ()
        if Path(str(file)).suffix == ".py"
    }
