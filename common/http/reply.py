"""Answers in JSON to those who call us over HTTP: what came, what was taken, what to do next."""

import json
from collections.abc import Sequence

from common.errors import IsthmusError, Terminal, Transient

Reply = tuple[str, int, dict[str, str]]

MAX_SHOWN = 10  #: refused records in one answer

_STATUS = {
    "signature_missing": 401, "signature_wrong": 401, "signature_old": 401, "timestamp_unreadable": 401,
    "other_org": 403, "path_unknown": 404, "body_too_large": 413,
}  # fmt: skip


def refused(exc: IsthmusError) -> Reply:
    """4xx: nothing was taken, and the caller has to mend it. 503: nothing is promised, send it all again later."""
    told: dict[str, object] = {"error": exc.reason, "detail": exc.detail, "next": exc.hint}
    if isinstance(exc, Terminal):
        return _json({**told, "accepted": 0}, _STATUS.get(exc.reason, 400))
    if isinstance(exc, Transient):
        told |= {"detail": "", "next": "Send the same again later, signed anew."}  # how Pub/Sub failed is for our log
    return _json(told, 503)


def taken(received: int, wrong: Sequence[tuple[int, Terminal]]) -> Reply:
    """What was accepted is safe. 422 where some records were refused: send those again once they are mended."""
    told: dict[str, object] = {"received": received, "accepted": received - len(wrong)}
    if not wrong:
        return _json(told, 200)
    told["refused"] = [
        {"record": n, "error": exc.reason, "detail": exc.detail, "next": exc.hint} for n, exc in wrong[:MAX_SHOWN]
    ]
    return _json(told, 422)


def _json(body: dict[str, object], status: int) -> Reply:
    return json.dumps(body) + "\n", status, {"Content-Type": "application/json"}
