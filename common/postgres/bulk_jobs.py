"""Bulk API jobs as the database keeps them: which records a job carries, and how far it is."""

import json
from collections.abc import Callable, Sequence
from datetime import timedelta
from itertools import groupby
from typing import Any

from common import clock
from common.change import Outcome
from common.errors import Transient
from common.mapping import Mapping
from common.ports import Batch, BulkJob, Entry, Owed, Sent, SfJob, Spent
from common.postgres.api_limit import spend
from common.postgres.change_log import ChangeLog
from common.postgres.connect import Database
from common.postgres.edits import claimed_again, entry, one_way
from common.postgres.queries import bind, load

LEASE = timedelta(days=7)  #: as long as Salesforce keeps a job's results
GATHER_SECONDS = 300.0  #: a drainer that gathers longer has died
STEP_SECONDS = 600.0  #: a step that takes longer has died: a door lives nine minutes

_Q = load("bulk_job")


class BulkJobs:
    """Implements ports.BulkJobs."""

    def __init__(self, database: Database, change_log: ChangeLog, now: clock.Clock = clock.now) -> None:
        self._database = database
        self._log = change_log
        self._now = now

    # -- gathering ---------------------------------------------------------------------------------

    def look(self, at_least: int) -> tuple[list[int], list[int]]:
        """The ids of mappings with so many edits that are due, and of jobs that want a step. One round trip."""
        ((backlogs, due),) = self._database.at_once(bind(_Q["look"], at_least=at_least, now=self._now()))
        return backlogs, due

    def open(self, mapping: Mapping) -> int:
        """A new job; its id."""
        until = self._now() + timedelta(seconds=GATHER_SECONDS)
        with self._database.transaction() as tx:
            made = tx.run(_Q["open"], mapping_id=mapping.id, now=self._now(), next_poll_at=until)
        if not made:
            raise Transient("mapping_gone", mapping.table, "It was deleted a moment ago.")
        return int(made[0][0])

    def gather(self, job: int, mapping: Mapping, limit: int, merge: Callable[[Sequence[Entry]], Batch]) -> int:
        """Claim up to so many records of the mapping for the job; how many were claimed."""

        def attach(tx: Any, claims: list[str]) -> None:
            until = self._now() + LEASE
            tx.run(_Q["attach"], job=job, claims=claims, records=len(claims), lease_until=until, now=self._now())

        return self._log.claim(limit, merge, only=mapping, attach=attach).records

    def seal(self, job: int) -> None:
        """Nothing is added any more."""
        with self._database.transaction() as tx:
            tx.run(_Q["seal"], job=job, now=self._now())

    # -- carrying ----------------------------------------------------------------------------------

    def turn(self, job: int) -> BulkJob | None:
        """Take the job's next step; None where it has ended, is not due, or somebody else is at it."""
        until = self._now() + timedelta(seconds=STEP_SECONDS)
        with self._database.transaction() as tx:
            found = tx.dicts(_Q["turn"], job=job, now=self._now(), next_poll_at=until)
        if not found:
            return None
        (row,) = found
        sf_jobs = tuple(SfJob(held["id"], held["kind"]) for held in row["sf_jobs"])
        return BulkJob(row["id"], row["sync_config_id"], row["state"], sf_jobs)

    def note(
        self, job: BulkJob, state: str, sf_jobs: Sequence[SfJob], *, wait_seconds: float, error: str = "",
        mapping: Mapping | None = None, spent: Spent | None = None,
    ) -> None:  # fmt: skip
        """Write down how far it is, when it wants its next step, and what the calls until here cost."""
        now = self._now()
        held = json.dumps([{"id": j.id, "kind": j.kind} for j in sf_jobs])
        until = now + timedelta(seconds=wait_seconds)
        with self._database.transaction() as tx:
            tx.run(_Q["note"], job=job.id, state=state, sf_jobs=held, error=error or None, now=now, next_poll_at=until)
            if mapping is not None and spent is not None and spent.calls:
                spend(tx, mapping, spent, now)

    def start(self, job: BulkJob) -> None:
        """Its records are on their way from now on."""
        with self._database.transaction() as tx:
            tx.run(_Q["start"], job=job.id)

    def fields(self, job: BulkJob, mapping: Mapping) -> list[str]:
        """The API names of the fields that its edits name."""
        with self._database.transaction() as tx:
            columns = {row[0] for row in tx.run(_Q["columns"], job=job.id)}
        # A parent that was given by its key goes by its id where that is known.
        columns |= {k.lookup_column for k in mapping.parent_keys if k.column in columns}
        return [f.name for f in mapping.written if f.column in columns]

    def owed(
        self, job: BulkJob, mapping: Mapping, after: str, limit: int, merge: Callable[[Sequence[Entry]], Batch]
    ) -> list[Owed]:
        """Its next records that are not settled, in the order of their keys."""
        with self._database.transaction() as tx:
            rows: list[dict[str, Any]] = tx.objects(_Q["rows"], job=job.id, after=after, limit=limit)
            taken, by_claim = [], {}
            failed: dict[str, Outcome] = {}
            for claim, group in groupby(rows, key=lambda row: row["claim"]):
                own = list(group)
                entries = [entry(row) for row in own]
                batch = one_way(mapping, entries, merge(entries))
                found = claimed_again(mapping, own[0]["record_id"], claim, batch)
                by_claim[claim] = found.change if isinstance(found, Outcome) else found
                if isinstance(found, Outcome):
                    failed[claim] = found
                old = [(row["old_data"] or {}).get("sfid") for row in own]
                taken.append({
                    "claim": claim, "record_id": own[0]["record_id"], "attempts": max(row["attempts"] for row in own),
                    "old_sfid": next((s for s in reversed(old) if s), None),
                })  # fmt: skip
            owed = self._log.owed(tx, mapping, taken, by_claim)
        return [_refused(o, failed[o.change.event_id]) if o.change.event_id in failed else o for o in owed]

    def give_up(self, job: BulkJob, error: str) -> None:
        """What it never reached goes back to the log."""
        with self._database.transaction() as tx:
            tx.run(_Q["give_up"], job=job.id, error=error, now=self._now())


def _refused(owed: Owed, outcome: Outcome) -> Owed:
    sent = Sent(reason=outcome.reason, detail=outcome.detail, hint=outcome.hint)
    return Owed(owed.change, owed.mapping, owed.send, owed.attempts, sent)
