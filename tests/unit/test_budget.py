"""API calls: when a send may go, and when it waits."""

from datetime import timedelta
from typing import Any

from common import budget
from common.change import Op
from common.ports import Allowance, Owed, Send
from tests.fakes.factories import NOON, a_mapping, an_edit_change, at


def owed(count: int = 1, age: float = 0) -> list[Owed]:
    """Edits made so many seconds before noon."""
    change = an_edit_change(stamp=at(-age))
    return [Owed(change, a_mapping(), Send(Op.UPSERT, None, f"r-{n}"), 1) for n in range(count)]


def reason(count: int = 1, age: float = 0, **known: Any) -> str | None:
    sent = budget.refusal(Allowance(**known), 20, owed(count, age), NOON)
    return sent.reason if sent else None


def test_who_knows_nothing_sends() -> None:
    """The first call's answer tells."""
    assert reason() is None


def test_the_reserve_is_left_to_others() -> None:
    """Twenty percent of the org's calls."""
    assert "api_reserve" == reason(1000, used=80, allowed=100, seen_at=NOON)
    assert reason(1000, used=79, allowed=100, seen_at=NOON) is None


def test_old_news_do_not_count() -> None:
    """After an hour one send finds out anew: the limit opens bit by bit."""
    assert reason(used=100, allowed=100, seen_at=at(-3600)) is None


def test_a_closed_limit_waits_for_its_time() -> None:
    sent = budget.refusal(Allowance(closed_until=at(100)), 20, owed(), NOON)

    assert sent is not None
    assert ("api_closed", 100.0, True, True) == (sent.reason, sent.retry_seconds, sent.retry, sent.untried)
    assert reason(closed_until=NOON) is None


def test_a_cap_waits_for_the_next_day() -> None:
    sent = budget.refusal(Allowance(calls=5, cap=5), 20, owed(), NOON)

    assert sent is not None
    assert ("api_cap", timedelta(hours=12).total_seconds()) == (sent.reason, sent.retry_seconds)


def test_near_the_end_small_sends_wait_for_company() -> None:
    """Until there are enough of them, or one has waited five minutes."""
    near = {"used": 65, "allowed": 100, "seen_at": NOON}

    assert "api_near" == reason(199, **near)
    assert reason(200, **near) is None
    assert reason(1, age=300, **near) is None
    assert "api_near" == reason(1, calls=8, cap=10)
