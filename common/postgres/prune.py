"""Nothing grows for ever: what was settled long ago is deleted, metrics are summed up; open rows never go."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

from common.config import Retention
from common.postgres import trends
from common.postgres.connect import Database
from common.postgres.queries import Parameter, load

BATCH = 5000  #: rows in one transaction: some ten milliseconds of locks, behind a transaction pooler too

_Q = load("prune")


class Pruning:
    """One run, as far as its time reaches; the next one goes on.

    Args:
        go_on: Asked before each batch.
        now: From when the retention counts back.
    """

    def __init__(self, database: Database, keep: Retention, go_on: Callable[[], bool], now: datetime) -> None:
        self._database = database
        self._keep = keep
        self._go_on = go_on
        self._now = now

    def run(self) -> dict[str, int]:
        """How many rows went, by kind.

        Raises:
            Transient, Misconfigured: what went before stays gone.
        """
        trends.sum_up(self._database, self._now)
        return {"log": sum(self._log()), **{kind: sum(self._others(kind, **p)) for kind, p in self._kinds().items()}}

    def _kinds(self) -> dict[str, dict[str, Parameter]]:
        settled, old = self._before(self._keep.settled_days), self._before(self._keep.trend_days)
        return {
            "metrics": {"before": self._before(self._keep.metrics_days)},
            "trends": {"before": old},
            "conflicts": {"before": settled, "forgotten": old},
            "letters": {"before": settled},
            "tombstones": {"before": self._before(self._keep.tombstone_days)},
            "bulk_jobs": {"before": settled},
            "backfills": {"before": settled},
            "reconciliations": {"before": settled},
            "held_deletions": {"before": settled},
            "api_usage": {"before": old},
            "audit": {"before": old},
        }

    def _before(self, days: int) -> datetime:
        return self._now - timedelta(days=days)

    def _log(self) -> Iterator[int]:
        """Slice by slice from the oldest row on, until one holds nothing old any more."""
        after, before = 0, self._before(self._keep.log_days)
        while self._go_on():
            with self._database.transaction() as tx:
                ((last, gone, old),) = tx.run(_Q["log"], after=after, limit=BATCH, before=before)
            yield gone
            if not old:
                return
            after = last

    def _others(self, kind: str, **parameters: Parameter) -> Iterator[int]:
        gone = BATCH
        while gone >= BATCH and self._go_on():
            with self._database.transaction() as tx:
                gone = tx.run(_Q[kind], **parameters | {"limit": BATCH})[0][0]
            yield gone
