"""What strangers post, read up to a limit."""

import io

import flask
from werkzeug.exceptions import RequestEntityTooLarge

from common.errors import Terminal


def read(request: flask.Request, most: int, hint: str) -> bytes:
    """The request's raw body.

    Args:
        most: Bytes.
        hint: How the sender makes it smaller.

    Raises:
        Terminal: it is longer; the rest of it is not read.
    """
    request.max_content_length = most
    try:
        body: bytes | None = request.get_data(cache=False)
    except RequestEntityTooLarge:
        body = None
    if body is None or len(body) >= most:  # a body that told no length is cut off there
        raise Terminal("body_too_large", f"received more than {most} bytes", hint)
    return body


def leave(request: flask.Request) -> None:
    """Leave the rest of a refused body alone: the framework would read it to its end."""
    request.stream = io.BytesIO()
