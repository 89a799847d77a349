"""Requests and replies, as everything behind the ASGI door sees them; Composite makes requests of its own."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote

import orjson

from tests.standin.errors import Refused, Unreadable
from tests.standin.store import Actor

Json = dict[str, Any]
JSON_TYPE = "application/json;charset=UTF-8"
_UNSET: Any = object()


@dataclass(slots=True)
class Request:
    """One call. `path` is still percent-encoded, so that an encoded slash stays inside its segment."""

    method: str
    path: str
    query_string: str = ""
    headers: dict[str, str] = field(default_factory=dict)  #: names in lower case
    body: bytes = b""
    parsed: Any = _UNSET
    actor: Actor | None = None
    version: str = "v67.0"
    base_url: str = ""  #: scheme and host by which the caller reached us; empty for calls inside a composite
    resource: str = ""  #: the road it took, without names and ids; for the statistics
    upload: Path | None = None  #: a body too large for memory; whoever keeps the file moves it away

    @property
    def segments(self) -> list[str]:
        return [unquote(part) for part in self.path.split("/") if part]

    @property
    def query(self) -> dict[str, str]:
        return dict(parse_qsl(self.query_string, keep_blank_values=True))

    def json(self) -> Any:
        """The body; refused when it is not JSON."""
        if self.parsed is _UNSET:
            try:
                self.parsed = orjson.loads(self.body)
            except orjson.JSONDecodeError as exc:
                raise Unreadable("JSON_PARSER_ERROR", f"Unexpected character or end of input: {exc}") from exc
        return self.parsed

    def json_object(self) -> Json:
        found = self.json()
        if not isinstance(found, dict):
            raise Unreadable(
                "JSON_PARSER_ERROR", "The HTTP entity body is required to be a JSON object, but it is not one"
            )
        return found

    def discard_upload(self) -> None:
        """Forget a file that nobody kept."""
        if self.upload is not None:
            self.upload.unlink(missing_ok=True)

    def who(self) -> Actor:
        """The session's user; only roads behind the session check ask."""
        if self.actor is None:
            raise RuntimeError("this road needs a session")
        return self.actor


@dataclass(frozen=True, slots=True)
class Stream:
    """A body that is made while it is sent, so that it is never whole in memory."""

    pieces: Iterable[bytes]
    length: int | None = None  #: bytes, where it is known beforehand


@dataclass(slots=True)
class Reply:
    """One answer; `body` is JSON unless it is bytes or a Stream."""

    status: int = 200
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    content_type: str = JSON_TYPE
    cut_after: int | None = None  #: bytes of the body after which the connection ends (a fault)

    def encoded(self) -> bytes:
        if isinstance(self.body, bytes):
            return self.body
        return b"" if self.body is None else orjson.dumps(self.body)


def refusal(exc: Refused) -> Reply:
    return Reply(exc.status, [exc.as_error()])


def wrong_method(request: Request) -> Refused:
    return Refused("METHOD_NOT_ALLOWED", f"HTTP Method '{request.method}' not allowed.", status=405)


def objects_in(listed: Any, what: str) -> list[Json]:
    """The list of JSON objects that a body must hold; refused when it is something else."""
    if not isinstance(listed, list) or not all(isinstance(one, dict) for one in listed):
        raise Unreadable("JSON_PARSER_ERROR", f"{what} is required and must be a list of objects")
    return listed


def flag(value: Any) -> bool:
    """A boolean from a query string or a body."""
    return value is True or str(value).lower() == "true"
