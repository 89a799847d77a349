"""Dead letters: what can never succeed by waiting, with its reason, until a person decides."""

import base64
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from common import codec
from common.change import Outcome
from common.errors import Terminal, Transient
from common.postgres.connect import Database, Transaction
from common.postgres.queries import as_json, load

BURIALS_A_MINUTE = 1000  #: of one reason; more than that smells of a bad deploy of ours: the backlog waits for the fix

_Q = load("dead_letters")


def bury(tx: Transaction, topic: str, outcomes: Sequence[Outcome], *, limit: int = BURIALS_A_MINUTE) -> None:
    """Keep failed changes, inside the caller's transaction.

    Raises:
        Transient: too many of one reason in a minute.
    """
    letters = [_letter(outcome) for outcome in outcomes]
    for reason, count in Counter(o.reason for o in outcomes).items():
        _refuse_mass_grave(tx, reason, count, limit)
    tx.run(_Q["bury"], topic=topic, letters=as_json(letters))


def _refuse_mass_grave(tx: Transaction, reason: str, count: int, limit: int) -> None:
    recent = int(tx.run(_Q["buried_lately"], reason=reason)[0][0])
    if recent and recent + count > limit:
        raise Transient(
            "burial_limit", f"{recent} dead letters of {reason} within a minute", "Mend the cause; the backlog waits."
        )


def _letter(outcome: Outcome) -> dict[str, object]:
    change = outcome.change
    (data,) = codec.encode([change], max_changes=1)
    unkept = b"\\u0000" in data  # jsonb holds every character but this one
    return {
        "event_id": change.event_id,
        "sobject": change.sobject,
        "record_id": change.record_id,
        "reason": outcome.reason,
        "hint": outcome.hint,
        "detail": outcome.detail or None,
        "payload": {"bytes": base64.b64encode(data).decode()} if unkept else {"message": json.loads(data)},
    }


def heal(tx: Transaction, sobject: str, record_ids: list[str]) -> None:
    """Close the letters of records that Salesforce has taken after all."""
    if record_ids:
        tx.run(_Q["heal"], sobject=sobject, record_ids=record_ids)


class DeadLetters:
    """Implements ports.Graveyard, and what people do with dead letters."""

    def __init__(self, database: Database, *, limit: int = BURIALS_A_MINUTE) -> None:
        self._database = database
        self._limit = limit

    def bury(self, topic: str, outcomes: Sequence[Outcome]) -> None:
        """Keep failed changes with their reasons; none of them twice."""
        if outcomes:
            with self._database.transaction() as tx:
                bury(tx, topic, outcomes, limit=self._limit)

    def bury_bytes(self, topic: str, event_id: str, data: bytes, exc: Terminal, attempts: int = 1) -> None:
        """Keep a message that cannot be read at all.

        Raises:
            Transient: too many of this reason in a minute.
        """
        letter: dict[str, object] = {
            "event_id": event_id,
            "reason": exc.reason,
            "hint": exc.hint,
            "detail": exc.detail or None,
            "attempts": attempts,
            "payload": {"bytes": base64.b64encode(data).decode()},
        }
        with self._database.transaction() as tx:
            _refuse_mass_grave(tx, exc.reason, 1, self._limit)
            tx.run(_Q["bury"], topic=topic, letters=as_json([letter]))

    def newest(self, *, state: str = "kept", limit: int = 100) -> list[dict[str, Any]]:
        """Newest first."""
        with self._database.transaction() as tx:
            return tx.dicts(_Q["list"], state=state, limit=limit)

    def by_reason(self) -> list[dict[str, Any]]:
        """How many are kept for each reason, most first."""
        with self._database.transaction() as tx:
            return tx.dicts(_Q["by_reason"])

    def find(self, ids: Sequence[int]) -> list[dict[str, Any]]:
        """Whole letters by id; ids that do not exist are left out."""
        with self._database.transaction() as tx:
            return tx.dicts(_Q["find"], ids=list(ids))

    def kept_for(self, reason: str) -> Sequence[int]:
        """The ids of what is kept for a reason."""
        with self._database.transaction() as tx:
            return [row[0] for row in tx.run(_Q["kept_for"], reason=reason)]

    def close(self, ids: Sequence[int], state: str, *, attempts: int | None = None, who: str = "") -> int:
        """Mark letters as replayed or discarded; where `attempts` is given, only if it has not failed again since.

        Returns:
            How many failed edits of the change log were given up with them.
        """
        with self._database.transaction() as tx:
            tx.run(_Q["close"], ids=list(ids), state=state, attempts=attempts, who=who)
            return len(tx.run(_Q["ignore_edits"], ids=list(ids), who=who)) if state == "discarded" else 0

    def close_replayed(self, letter: Mapping[str, Any]) -> None:
        """Mark a letter as replayed, if it has not failed again since it was looked at."""
        self.close([letter["id"]], "replayed", attempts=letter["attempts"])

    def reopen(self, table: str, record_id: str) -> int:
        """Failed edits of a record are tried once more; how many log rows there were."""
        with self._database.transaction() as tx:
            return len(tx.run(load("change_log")["reopen"], table=table, record_id=record_id))
