"""How a law is marked that Google's emulator is known to break."""

from collections.abc import Callable
from typing import Any

import pytest

Case = Callable[..., Any]


def wrong_in_emulator(reason: str) -> Callable[[Case], Case]:
    """A law that the real Pub/Sub and our broker keep, and Google's emulator 0.8.20 does not."""
    gap = pytest.mark.xfail(strict=True, reason=reason)
    pubsubs = [pytest.param("emulator", marks=gap), "broker"]
    return pytest.mark.parametrize("pubsub", pubsubs, indirect=True)
