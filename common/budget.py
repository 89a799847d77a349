"""API calls are a budget shared with the org's other users: whether a send may go now, and when it may if not."""

from collections.abc import Sequence
from datetime import UTC, datetime, time, timedelta

from common.ports import Allowance, Owed, Sent

RESERVE_PERCENT = 20  #: of the org's daily calls that are left to its other users, by default
FRESH_SECONDS = 3600.0  #: what the org said of its usage counts that long; then one send finds out anew
NEAR = 0.8  #: of what we may use: from there on small sends wait until there is more to send
FULL = 200  #: records that need not wait for company: a whole collection
LIMIT_REACHED = "request_limit_exceeded"  #: Salesforce's own word: the org's calls of a day are used up
GATHER_SECONDS = 300.0  #: how long an edit waits for company at most

_OPENS = "It goes by itself then. If that is too late, raise the limit or the cap, or lower API_RESERVE, then `isthmus resume`."


def refusal(allowance: Allowance, reserve_percent: int, owed: Sequence[Owed], now: datetime) -> Sent | None:
    """Why these records may not be sent now, with how long they wait; None where they may.

    Args:
        owed: What is to be sent; empty for a crowd that needs no company.
    """
    if allowance.closed_until is not None and allowance.closed_until > now:
        return _waits("api_closed", "the org's daily limit is used up", allowance.closed_until - now)
    if allowance.cap is not None and allowance.calls >= allowance.cap:
        return _waits("api_cap", f"{allowance.calls} of {allowance.cap} calls a day", _midnight(now) - now)
    used, most = _usage(allowance, reserve_percent, now)
    if most is not None and used >= most:
        words = f"{used} of {allowance.allowed} calls used, {reserve_percent} % are reserved"
        return _waits("api_reserve", words, timedelta(seconds=FRESH_SECONDS))
    if owed and _near(allowance, used, most) and len(owed) < FULL and (left := _gathers(owed, now)) > timedelta():
        return _waits("api_near", f"{len(owed)} records wait for company: few calls are left", left)
    return None


def _usage(allowance: Allowance, reserve_percent: int, now: datetime) -> tuple[int, float | None]:
    """Calls used by everybody, and how many of the org's we may see used; unknown where nobody has looked lately."""
    stale = allowance.seen_at is None or now - allowance.seen_at >= timedelta(seconds=FRESH_SECONDS)
    if stale or allowance.used is None or allowance.allowed is None:
        return 0, None
    return allowance.used, allowance.allowed * (100 - reserve_percent) / 100


def _near(allowance: Allowance, used: int, most: float | None) -> bool:
    near_cap = allowance.cap is not None and allowance.calls >= NEAR * allowance.cap
    return near_cap or (most is not None and used >= NEAR * most)


def _gathers(owed: Sequence[Owed], now: datetime) -> timedelta:
    """How long the oldest of them may still wait for company."""
    return min(o.change.stamp for o in owed) + timedelta(seconds=GATHER_SECONDS) - now


def _waits(reason: str, words: str, wait: timedelta) -> Sent:
    seconds = max(1.0, wait.total_seconds())
    return Sent(reason=reason, detail=words, hint=_OPENS, retry=True, retry_seconds=seconds, untried=True)


def _midnight(now: datetime) -> datetime:
    """The next one in UTC, by whose days a mapping's calls are counted."""
    return datetime.combine(now.astimezone(UTC).date() + timedelta(days=1), time(), UTC)
