"""The answer to whoever asks whether a door is there. It opens no connection, so that asking costs nothing."""

import json
from functools import cache
from importlib.metadata import PackageNotFoundError, version


@cache
def release() -> str:
    """The installed release; a bundle has none installed."""
    try:
        return version("isthmus")
    except PackageNotFoundError:
        return "unreleased"


def ok(door: str) -> tuple[str, int, dict[str, str]]:
    """A door that answers has read its settings, so there is no more to say."""
    body = json.dumps({"door": door, "status": "ok", "release": release()})
    return body + "\n", 200, {"Content-Type": "application/json"}
