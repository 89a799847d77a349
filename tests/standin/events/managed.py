"""Managed subscriptions: where each one stands is kept on the server."""

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from typing import Any

from tests.standin import ids

Json = dict[str, Any]

PRESETS = ("LATEST", "EARLIEST")
STATES = ("RUN", "STOP")


@dataclass(slots=True)
class Subscription:
    """One managed subscription; `committed` is the number of the last replay id that a client committed."""

    id: str
    developer_name: str
    topic: str
    preset: str = "LATEST"  #: where it begins while nothing is committed
    state: str = "RUN"
    committed: int = 0


class Managed:
    """Subscriptions by id and by developer name, and which of them has a client now."""

    def __init__(self, journal: Callable[[Json], None]) -> None:
        self._journal = journal
        self._ids = ids.IdSource("18x")
        self._known: dict[str, Subscription] = {}
        self.active: set[str] = set()

    def define(self, given: Json) -> Subscription:
        """A new subscription, or another state of a known one, from the control API's body."""
        known = self.by_name(given["developerName"])
        found = Subscription(
            known.id if known else self._ids.take(),
            given["developerName"],
            given.get("topic", known.topic if known else None) or given["topic"],
            given.get("preset", "LATEST"),
            given.get("state", "RUN"),
            known.committed if known else 0,
        )
        if found.preset not in PRESETS or found.state not in STATES:
            raise ValueError(f"preset is one of {', '.join(PRESETS)}, state one of {', '.join(STATES)}")
        self._known[found.id] = found
        self._journal({"k": "managed", "subscription": asdict(found)})
        return found

    def by_id(self, subscription_id: str) -> Subscription | None:
        return self._known.get(ids.to_18(subscription_id) or "")

    def by_name(self, name: str) -> Subscription | None:
        return next((one for one in self._known.values() if one.developer_name == name), None)

    def all(self) -> list[Json]:
        return [asdict(one) | {"active": one.id in self.active} for one in self._known.values()]

    def commit(self, subscription: Subscription, number: int) -> None:
        """Remember how far a client came."""
        subscription.committed = number
        self._journal({"k": "committed-replay", "id": subscription.id, "number": number})

    def clear(self) -> None:
        self._known.clear()

    def snapshot(self) -> Iterable[Json]:
        yield from ({"k": "managed", "subscription": asdict(one)} for one in self._known.values())

    def replay(self, entry: Json) -> None:
        if entry["k"] == "managed":
            found = Subscription(**entry["subscription"])
            self._known[found.id] = found
            self._ids.seen(found.id)
        elif entry["id"] in self._known:
            self._known[entry["id"]].committed = entry["number"]
