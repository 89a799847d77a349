"""Rows whose records left the mapping's filter: they go, but no edit of theirs is lost, and never a mass of them unasked."""

from collections.abc import Sequence

from common.change import Change, Ending, Outcome
from common.ports import Verdict
from common.postgres import guard, merge


class Leaving(merge.Session):
    """One transaction over some rows of one mapping."""

    def let_go(self, changes: Sequence[Change]) -> list[Verdict]:
        """Delete the rows where nobody here waits for anything of theirs. One verdict per change, same order.

        Args:
            changes: As they were read outside of the filter.
        """
        self._begin()
        untold = self._behind(changes) if self._mapping.is_told_late else set()
        self._rows = {row["sfid"]: row for row in self._find(changes, {}) if row["sfid"]}
        self._load_edits()
        verdicts = {c.record_id: merge.untold(c) if c.record_id in untold else self._judge(c) for c in changes}
        leaving = [c for c in changes if c.record_id in self._rows and _goes(verdicts[c.record_id])]
        held = guard.hold_arriving(self._tx, self._mapping, [c.record_id for c in leaving], self._now)
        verdicts |= {c.record_id: merge.too_many(c) for c in leaving if c.record_id in held}
        going = [c for c in leaving if c.record_id not in held]
        if going:
            self._bury(going)
            self._tx.run(self._sql["delete"], sfids=[c.record_id for c in going])
        return [verdicts[c.record_id] for c in changes]

    def _judge(self, change: Change) -> Verdict:
        row, edits = self._rows.get(change.record_id), self._edits_of(change.record_id)
        if row is not None and not merge.newer(change, row):
            written = row["isthmus_written_at"] is not None and change.version[1] < row["isthmus_written_at"]
            return Verdict(needs_read=True) if written else Verdict(Outcome(change, Ending.STALE))
        if any(e.state == "sending" for e in edits):
            return merge.being_sent(change)
        if any(e.state != "failed" for e in edits):
            return Verdict(Outcome(change, Ending.LATER, "edits_first", "The row goes once its edits have arrived."))
        if edits:
            hint = "The row goes once its failed edits are settled."
            return Verdict(Outcome(change, Ending.MERGED, "edits_failed", hint))
        return Verdict(Outcome(change, Ending.OUTSIDE))


def _goes(verdict: Verdict) -> bool:
    return verdict.outcome is not None and verdict.outcome.ending is Ending.OUTSIDE
