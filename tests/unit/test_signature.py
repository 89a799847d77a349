"""Signed requests."""

import hashlib
import hmac
from datetime import timedelta

import pytest

from common import signature
from common.errors import Terminal
from tests.fakes.factories import NOON

OLD, NEW = "o" * 32, "새 열쇠" * 8
BODY = '{"이름": "한강"}'.encode()


def refused(headers, body=BODY, keys=(OLD,), now=NOON):
    with pytest.raises(Terminal) as caught:
        signature.verify(headers, body, keys, now)
    return caught.value


def test_the_recipe_of_the_documents_is_accepted():
    """Hex of HMAC-SHA256 over timestamp, a dot and the raw body; upper case too, as some languages write it."""
    stamp = str(int(NOON.timestamp()))
    digest = hmac.new(OLD.encode(), stamp.encode() + b"." + BODY, hashlib.sha256).hexdigest()

    signature.verify({"X-Isthmus-Timestamp": stamp, "X-Isthmus-Signature": digest.upper()}, BODY, [OLD], NOON)


def test_keys_are_rotated_two_at_a_time():
    """While both are held, either signs."""
    for key in (OLD, NEW):
        signature.verify(signature.sign(key, BODY, NOON), BODY, [OLD, NEW], NOON)

    assert "signature_wrong" == refused(signature.sign(OLD, BODY, NOON), keys=[NEW]).reason


@pytest.mark.parametrize(("seconds", "accepted"), [(300, True), (301, False), (-300, True), (-301, False)])
def test_what_was_signed_long_ago_is_not_said_again(seconds, accepted):
    """Five minutes to either side."""
    headers = signature.sign(OLD, BODY, NOON)
    now = NOON + timedelta(seconds=seconds)

    if accepted:
        signature.verify(headers, BODY, [OLD], now)
    else:
        assert ("signature_old", True) == ((exc := refused(headers, now=now)).reason, "301 s" in exc.detail)


@pytest.mark.parametrize("bent", [
    {"X-Isthmus-Signature": "0" * 64}, {"X-Isthmus-Signature": "서명"}, {"X-Isthmus-Signature": "sha256="},
    {"X-Isthmus-Timestamp": "1769860801"},
])  # fmt: skip
def test_one_thing_changed_and_it_is_refused(bent):
    """The body, the time and the signature belong together."""
    assert "signature_wrong" == refused(signature.sign(OLD, BODY, NOON) | bent).reason
    assert "signature_wrong" == refused(signature.sign(OLD, BODY, NOON), body=BODY + b" ").reason


@pytest.mark.parametrize("stamp", ["now", "-1", "1e9", "٣", "9" * 4000, "1.5"])
def test_a_time_that_is_none_is_no_trouble(stamp):
    """It is told so, however long it is."""
    exc = refused({"X-Isthmus-Timestamp": stamp, "X-Isthmus-Signature": "x"})

    assert ("timestamp_unreadable", True) == (exc.reason, len(str(exc)) < 500)


def test_what_is_missing_is_named():
    """Both, or the one."""
    assert "no X-Isthmus-Timestamp and no X-Isthmus-Signature" in refused({}).detail
    assert "no X-Isthmus-Signature" in refused({"X-Isthmus-Timestamp": "1", "X-Isthmus-Signature": " "}).detail


def test_no_refusal_holds_a_secret():
    """Neither a key nor what its signature would have been."""
    right = signature.sign(OLD, BODY, NOON)[signature.SIGNATURE]
    exc = refused(signature.sign(NEW, BODY, NOON))

    assert not [secret for secret in (OLD, right) if secret in str(exc)]
