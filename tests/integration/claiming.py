"""The change log under a clock that is moved by hand, and short ways to claim, take and settle."""

from datetime import UTC, datetime, timedelta
from typing import Any

from common.change import Ending, Outcome
from common.flows.drain import merge
from common.mapping import Mapping
from common.ports import Owed, Settled
from common.postgres.change_log import ChangeLog
from common.postgres.connect import Database
from common.postgres.mappings import MappingBook
from tests.integration.accounts import (
    log,
)

CALL, CLAIM = 720.0, 120.0  #: seconds


class Hand:
    """A clock that is moved by hand. It begins now: log rows carry Postgres' own time."""

    def __init__(self) -> None:
        self.time = datetime.now(UTC)

    def __call__(self) -> datetime:
        return self.time

    def move(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)


def a_log(database: Database, clock: Hand) -> ChangeLog:
    return ChangeLog(database, MappingBook(database), call_seconds=CALL, claim_seconds=CLAIM, now=clock)


def keys(changes: Any) -> list[str]:
    return sorted(c.record_id for c in changes)


def states(database: Database) -> list[tuple[str, str]]:
    return [(e["record_id"], e["state"]) for e in log(database)]


def sent(owed: Owed, salesforce_id: str | None = None) -> Settled:
    return Settled(owed, Outcome(owed.change, Ending.SENT), salesforce_id or owed.send.sfid)


def failed(owed: Owed) -> Settled:
    return Settled(owed, Outcome(owed.change, Ending.FAILED, "refused_there", "Mend it.", "BAD_VALUE: no"))


def waits(owed: Owed, until: datetime) -> Settled:
    return Settled(owed, Outcome(owed.change, Ending.WAITS, "busy", "", "UNABLE_TO_LOCK_ROW"), next_attempt_at=until)


def claim_and_take(change_log: ChangeLog) -> list[Owed]:
    return change_log.take(change_log.claim(1000, merge).changes)


def the(change_log: ChangeLog) -> Mapping:
    (mapping,) = change_log._mappings.all()
    return mapping
