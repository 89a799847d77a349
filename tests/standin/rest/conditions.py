"""Conditional requests: If-Modified-Since and its kin, with the headers that they are about."""

from email.utils import parsedate_to_datetime
from zlib import crc32

from tests.standin.clock import http_date
from tests.standin.errors import Refused
from tests.standin.web import Request


def validators(name: str, changed_at: float) -> dict[str, str]:
    """The ETag and Last-Modified of a thing that changed last then (seconds since 1970)."""
    tag = crc32(f"{name}{int(changed_at)}".encode())
    return {"ETag": f'"{tag:08x}"', "Last-Modified": http_date(changed_at)}


def unchanged(request: Request, headers: dict[str, str], changed_at: float) -> bool:
    """Whether a read may be answered with 304."""
    known = request.headers.get("if-none-match")
    if known is not None:
        return _names(known, headers["ETag"])
    since = _moment(request.headers.get("if-modified-since"))
    return since is not None and int(changed_at) <= since


def require(request: Request, headers: dict[str, str], changed_at: float) -> None:
    """Refuse a write whose conditions do not hold."""
    wanted = request.headers.get("if-match")
    since = _moment(request.headers.get("if-unmodified-since"))
    modified = _moment(request.headers.get("if-modified-since"))
    fails = (
        (wanted is not None and not _names(wanted, headers["ETag"]))
        or (since is not None and int(changed_at) > since)
        or (modified is not None and int(changed_at) <= modified)
    )
    if fails:
        message = "The request was not executed because a precondition in its headers was not satisfied."
        raise Refused("PRECONDITION_FAILED", message, status=412)


def _names(header: str, tag: str) -> bool:
    listed = [one.strip().removeprefix("W/").removesuffix('--gzip"') for one in header.split(",")]
    return "*" in listed or tag in listed or tag.removesuffix('"') in listed


def _moment(header: str | None) -> float | None:
    """The moment of a header; one that is no date is ignored, as HTTP wants it."""
    try:
        return parsedate_to_datetime(header).timestamp() if header else None
    except ValueError:
        return None
