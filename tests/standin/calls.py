"""What was called: the last calls, counts by resource, and the API usage of the day."""

from collections import Counter, deque
from dataclasses import asdict, dataclass
from typing import Any

from tests.standin.clock import Clock

Json = dict[str, Any]
KEPT = 1000
HOUR_SECONDS = 3600
HOURS = 24


@dataclass(frozen=True, slots=True)
class Call:
    method: str
    path: str
    status: int
    ms: float
    at: float


class Calls:
    """Counts API calls as Salesforce does: one for each request, whatever is inside."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._recent: deque[Call] = deque(maxlen=KEPT)
        self._by_resource: Counter[tuple[str, str]] = Counter()
        self._by_status: Counter[int] = Counter()
        self._ms: Counter[tuple[str, str]] = Counter()
        self._hours: deque[list[int]] = deque()  #: hour and calls, oldest first
        self._used = 0

    def count_api_call(self) -> None:
        hour = int(self._clock.now() // HOUR_SECONDS)
        if not self._hours or self._hours[-1][0] != hour:
            self._hours.append([hour, 0])
        self._hours[-1][1] += 1
        self._used += 1

    @property
    def used_today(self) -> int:
        """API calls of the last 24 hours: Salesforce's day rolls, hour by hour."""
        oldest = int(self._clock.now() // HOUR_SECONDS) - HOURS
        while self._hours and self._hours[0][0] <= oldest:
            self._used -= self._hours.popleft()[1]
        return self._used

    def add(self, method: str, path: str, resource: str, status: int, ms: float) -> None:
        self._recent.append(Call(method, path, status, round(ms, 2), self._clock.now()))
        self._by_resource[method, resource] += 1
        self._ms[method, resource] += ms  # type: ignore[assignment]  # a Counter adds floats too
        self._by_status[status] += 1

    def recent(self, limit: int) -> list[Json]:
        return [asdict(call) for call in list(self._recent)[-limit:]]

    def summary(self) -> Json:
        resources = [
            {
                "method": method,
                "resource": resource,
                "calls": count,
                "ms": round(self._ms[method, resource], 1),
            }
            for (method, resource), count in sorted(self._by_resource.items())
        ]
        statuses = {str(status): count for status, count in sorted(self._by_status.items())}
        return {"apiCalls": self.used_today, "resources": resources, "statuses": statuses}

    def clear(self) -> None:
        self._recent.clear()
        self._by_resource.clear()
        self._by_status.clear()
        self._ms.clear()
        self._hours.clear()
        self._used = 0
