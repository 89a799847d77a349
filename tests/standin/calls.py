"""What was called: the last calls, counts by resource, and the API usage of the day."""

from collections import Counter, deque
from dataclasses import asdict, dataclass
from typing import Any

from tests.standin.clock import Clock

Json = dict[str, Any]
KEPT = 1000
DAY_SECONDS = 86_400


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
        self._day = -1
        self.used_today = 0

    def count_api_call(self) -> int:
        """Add one to today's usage; returns it."""
        day = int(self._clock.now() // DAY_SECONDS)
        if day != self._day:
            self._day, self.used_today = day, 0
        self.used_today += 1
        return self.used_today

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
        self.used_today = 0
