"""Door: people look and decide here: an HTTP API, and the page that calls it."""

import os
from functools import cache
from pathlib import Path
from typing import Any

import functions_framework.aio
from starlette.requests import Request
from starlette.responses import Response

from common import config, health

DOOR = "console"
PAGE = Path(__file__).parent / "ui" / "dist"

settings = config.read(DOOR, os.environ, config.console)


@cache
def application() -> Any:
    from functions.console.wiring import application  # late: only who looks or decides needs it

    return application(settings, PAGE)


@functions_framework.aio.http
async def console(request: Request) -> Any:
    if request.url.path == "/" and "text/html" not in request.headers.get("accept", ""):
        return Response(*health.ok(DOOR))  # whoever asks whether the door is there
    return application()  # a response is whatever can be called as an ASGI application
