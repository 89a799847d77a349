"""Signed requests: who holds a key may speak; what was signed long ago may not be said again.

X-Isthmus-Timestamp: seconds since 1970, as digits
X-Isthmus-Signature: hex of HMAC-SHA256(key, timestamp + "." + raw body)
"""

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from datetime import datetime

from common.errors import Terminal

TIMESTAMP = "X-Isthmus-Timestamp"
SIGNATURE = "X-Isthmus-Signature"
WINDOW_SECONDS = 300  #: how old a signature may be, or how far ahead the sender's clock

_DIGITS = 12  #: a timestamp has no more: it is no number to be computed with otherwise
_HOW = f"Send {TIMESTAMP} (seconds since 1970) and {SIGNATURE} (hex of HMAC-SHA256 over timestamp, '.', raw body)."


def sign(key: str, body: bytes, now: datetime) -> dict[str, str]:
    """The two headers of a body."""
    timestamp = str(int(now.timestamp()))
    return {TIMESTAMP: timestamp, SIGNATURE: _digest(key, timestamp, body)}


def verify(headers: Mapping[str, str], body: bytes, keys: Sequence[str], now: datetime) -> None:
    """Return where one of the keys signed these bytes within the window.

    Raises:
        Terminal: nobody we know said that, or not now. Its words may be shown to the caller: they hold no secret.
    """
    timestamp, given = headers.get(TIMESTAMP, "").strip(), headers.get(SIGNATURE, "").strip().lower()
    missing = [name for name, value in ((TIMESTAMP, timestamp), (SIGNATURE, given)) if not value]
    if missing:
        raise Terminal("signature_missing", f"received no {' and no '.join(missing)}", _HOW)
    if not (timestamp.isascii() and timestamp.isdecimal() and len(timestamp) <= _DIGITS):
        raise Terminal("timestamp_unreadable", f"received {timestamp[:40]!r}, expected seconds since 1970", _HOW)
    # Every key is tried, and each to its end: the time it takes tells nothing.
    matches = [hmac.compare_digest(_digest(key, timestamp, body).encode(), given.encode("utf-8")) for key in keys]
    if not any(matches):
        raise Terminal(
            "signature_wrong",
            f"received a signature of {len(given)} characters that none of our {len(keys)} keys makes of timestamp "
            f"{timestamp} and a body of {len(body)} bytes; expected {hashlib.sha256().digest_size * 2} hex digits",
            f"{_HOW} Sign the bytes as they are sent, with a key of INBOUND's hmac_keys.",
        )
    age = now.timestamp() - int(timestamp)
    if abs(age) > WINDOW_SECONDS:
        raise Terminal(
            "signature_old",
            f"received a timestamp {abs(age):.0f} s {'old' if age > 0 else 'ahead'}, expected at most {WINDOW_SECONDS}",
            "Sign each request anew when it is sent, and check the sender's clock.",
        )


def _digest(key: str, timestamp: str, body: bytes) -> str:
    return hmac.new(key.encode(), f"{timestamp}.".encode() + body, hashlib.sha256).hexdigest()
