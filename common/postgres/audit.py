"""What people did at the console: written down before it is done, completed afterwards."""

import json
from datetime import datetime

from common.desk import Decision, Row
from common.postgres.connect import Database
from common.postgres.queries import load

_Q = load("audit")


class Audit:
    """Implements desk.Audit."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def begin(self, action: str, subject: str, decision: Decision, before: object) -> int:
        """Write down what is about to be done; its number."""
        with self._database.transaction() as tx:
            rows = tx.run(
                _Q["begin"], at=decision.at, who=decision.who, action=action, subject=subject, why=decision.why,
                before=_json(before),
            )  # fmt: skip
        return int(rows[0][0])

    def end(self, number: int, at: datetime, after: object, refused: str = "") -> None:
        """It was done, or refused for a reason."""
        with self._database.transaction() as tx:
            tx.run(_Q["end"], id=number, at=at, after=_json(after), refused=refused)

    def newest(self, *, before: int | None, limit: int) -> list[Row]:
        """Newest first, from beyond a number."""
        with self._database.transaction() as tx:
            return tx.dicts(_Q["newest"], before=before, limit=limit)


def _json(value: object) -> str | None:
    # jsonb holds every character but one
    return None if value is None else json.dumps(value, ensure_ascii=False, default=str).replace("\\u0000", "\\ufffd")
