"""The faults in force, asked by calls, by each record that is written, and by outbound messages."""

from contextvars import ContextVar

from tests.standin.clock import Clock
from tests.standin.errors import Refused, Unreadable, WholeRequest
from tests.standin.faults.fault import CALLS, EVENT_CALLS, MESSAGES, RECORDS, Fault, Json, ordered

CALL: ContextVar[str | None] = ContextVar("CALL", default=None)
"""Path and query of the call that is being answered; None outside calls (Bulk API jobs)."""


class Faults:
    """Of several faults the first that strikes is the one that happens."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._calls: list[Fault] = []
        self._records: list[Fault] = []
        self._messages: list[Fault] = []
        self._event_calls: list[Fault] = []

    def order(self, given: Json) -> Fault:
        """Put a fault in force; ValueError says what is wrong with the order."""
        fault = ordered(given, self._clock.now())
        kinds = (
            (CALLS, self._calls),
            (RECORDS, self._records),
            (MESSAGES, self._messages),
            (EVENT_CALLS, self._event_calls),
        )
        next(listed for names, listed in kinds if fault.kind in names).append(fault)
        return fault

    def for_call(self, target: str) -> Fault | None:
        """What happens to a call of this path and query."""
        return self._first(self._calls, target) if self._calls else None

    def for_message(self, name: str, endpoint: str) -> Fault | None:
        """What happens to an outbound message of this definition."""
        return self._first(self._messages, f"{name} {endpoint}") if self._messages else None

    def for_event_call(self, target: str) -> Fault | None:
        """What happens to a Pub/Sub call: its method, a blank, and its topic."""
        return self._first(self._event_calls, target) if self._event_calls else None

    def _first(self, faults: list[Fault], text: str) -> Fault | None:
        now = self._clock.now()
        return next((fault for fault in faults if fault.strikes(text, now)), None)

    @property
    def spoil_requests(self) -> bool:
        """Whether a call may have to be taken back whole."""
        return any(fault.kind == "request_error" for fault in self._records)

    def spoil(self, operation: str, sobject: str, body: Json, old: Json) -> None:
        """Refuse a record that is about to be written, where a fault says so.

        Args:
            operation: insert, update, delete or undelete.
            body: The fields that were given.
            old: The record as it is; empty for an insert.

        Raises:
            Refused: This record fails.
            WholeRequest: The call that brought it fails, with all that it did so far.
        """
        if not self._records:
            return
        call, now = CALL.get(), self._clock.now()
        for fault in self._records:
            if fault.kind == "request_error" and call is None:
                continue
            if fault.concerns(operation, sobject, body, old) and fault.strikes(call or "", now):
                raise _error(fault)

    def all(self) -> list[Json]:
        return [fault.as_json() for fault in (*self._calls, *self._records, *self._messages, *self._event_calls)]

    def clear(self) -> None:
        for listed in (self._calls, self._records, self._messages, self._event_calls):
            listed.clear()


def _error(fault: Fault) -> Exception:
    value = fault.value
    if fault.kind == "record_error":
        return Refused(value["statusCode"], value["message"], value["fields"])
    kind = Unreadable if fault.order.get("scope") == "collection" else WholeRequest
    return kind(value["errorCode"], value["message"], status=value["status"])
