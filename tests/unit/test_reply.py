"""Answers in JSON: whose mistake it is, what was taken, what to do next."""

import json

import pytest

from common.errors import Misconfigured, Terminal, Transient
from common.http import reply


@pytest.mark.parametrize(
    ("exc", "status", "told"),
    [
        (Terminal("signature_wrong", "d", "h"), 401, {"detail": "d", "next": "h", "accepted": 0}),
        (Terminal("other_org", "d", "h"), 403, {"detail": "d", "next": "h", "accepted": 0}),
        (Terminal("path_unknown", "d", "h"), 404, {"detail": "d", "next": "h", "accepted": 0}),
        (Terminal("body_too_large", "d", "h"), 413, {"detail": "d", "next": "h", "accepted": 0}),
        (Terminal("shape_unknown", "d", "h"), 400, {"detail": "d", "next": "h", "accepted": 0}),
        (Misconfigured("setting_missing", "d", "h"), 503, {"detail": "d", "next": "h"}),
        (Transient("publish_failed", "host:port", "h"), 503, {"detail": "", "next": "Send the same again later, signed anew."}),
    ],
)  # fmt: skip
def test_a_refusal(exc, status, told):
    """How Pub/Sub failed stays ours; where some may have been published, nothing is said of how many."""
    body, got, headers = reply.refused(exc)

    assert (status, {"error": exc.reason, **told}) == (got, json.loads(body))
    assert "application/json" == headers["Content-Type"]


def test_what_was_taken():
    """All of it, or all but some, of which the first ten are named."""
    wrong = [(n, Terminal("record_unnamed", "d", "h")) for n in range(12)]

    whole, partly = reply.taken(3, []), reply.taken(20, wrong)

    assert (200, {"received": 3, "accepted": 3}) == (whole[1], json.loads(whole[0]))
    told = json.loads(partly[0])
    assert (422, 20, 8) == (partly[1], told["received"], told["accepted"])
    assert list(range(10)) == [r["record"] for r in told["refused"]]
    assert {"record": 0, "error": "record_unnamed", "detail": "d", "next": "h"} == told["refused"][0]
