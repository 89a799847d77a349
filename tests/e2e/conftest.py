"""A whole stack for a test, on ports of its own."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.stack import emulator, sample
from tests.stack.ports import free_offset
from tests.stack.stack import Stack

SAMPLES = Path(__file__).parents[3] / "shared" / "samples" / "salesforce"

MakeStack = Callable[..., Stack]


@pytest.fixture
def samples() -> Path:
    """The real payloads beside this project."""
    if not SAMPLES.is_dir():
        pytest.skip("../shared/samples is not beside this project")
    return SAMPLES


@pytest.fixture(params=["emulator", "broker"])
def pubsub(request: pytest.FixtureRequest) -> str:
    """Google's emulator, and our own broker."""
    if request.param == "emulator" and (reason := emulator.why_not()):
        pytest.skip(reason)
    return str(request.param)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[MakeStack]:
    """Starts stacks; each ends with the test."""
    stacks: list[Stack] = []

    def make(**options: object) -> Stack:
        options = {"pulls": False, "postgres": {"fsync": "off"}} | options
        stack = Stack(tmp_path / "state", free_offset(), **options)
        stacks.append(stack)
        stack.start()
        return stack

    yield make
    for stack in stacks:
        stack.stop()


@pytest.fixture
def rows(request: pytest.FixtureRequest) -> Iterator[Callable[[Stack], sample.Rows]]:
    opened: list[sample.Rows] = []

    def make(stack: Stack) -> sample.Rows:
        opened.append(sample.Rows(stack))
        return opened[-1]

    yield make
    for one in opened:
        one.close()
