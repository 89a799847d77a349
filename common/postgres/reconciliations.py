"""Comparisons as the database keeps them: how far each is, what it found, when the next is due; and rows by Salesforce id."""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

from common import clock
from common.comparing import Due, Found, Image, Kind, Row, Run
from common.errors import Transient
from common.mapping import Kind as ValueKind
from common.mapping import Mapping
from common.postgres import values
from common.postgres.connect import Database, Transaction
from common.postgres.queries import identifier, load

LEASE = timedelta(minutes=10)  #: longer than any slice: a door is stopped after nine

_Q = load("reconcile")


class Reconciliations:
    """Implements comparing.Runs."""

    def __init__(self, database: Database, now: Callable[[], datetime] = clock.now) -> None:
        self._database = database
        self._now = now

    def comparable(self, kind: ValueKind, value: object) -> object:
        """A value in a form in which both sides' can be compared."""
        return values.comparable(kind, value)

    # -- runs ----------------------------------------------------------------------------------------

    def due(self, now: datetime) -> list[Due]:
        """Comparisons whose time has come, windows first; those that were left lying with their numbers."""
        with self._database.transaction() as tx:
            found = tx.dicts(_Q["due"], now=now)
        return [Due(f["mapping_id"], Kind(f["kind"]), f["since"], f["number"]) for f in found]

    def next_due(self) -> datetime | None:
        """When the next comparison is due that no change asks for; None where there is none."""
        with self._database.transaction() as tx:
            ((due,),) = tx.run(_Q["next_due"])
        return due if due is None or isinstance(due, datetime) else None

    def begin(self, mapping: Mapping, kind: Kind, reason: str, since: datetime | None, until: datetime) -> int:
        """A new run's number; that of one which asks for the same and has not begun yet, where there is one."""
        with self._database.transaction() as tx:
            rows = tx.run(
                _Q["begin"], mapping_id=mapping.id, kind=kind, reason=reason, since=since, until=until, now=self._now()
            )
        return int(rows[0][0])

    def turn(self, number: int) -> Run | None:
        """Take a run's next slice; None where it has ended.

        Raises:
            Transient: somebody else is at it.
        """
        now = self._now()
        with self._database.transaction() as tx:
            taken = tx.dicts(_Q["turn"], number=number, now=now, lease_until=now + LEASE)
            if not taken and tx.run(_Q["running"], number=number):
                raise Transient("being_compared", f"run {number}", "Somebody else is at it; it goes on by itself.")
        return _run(taken[0]) if taken else None

    def note(self, run: Run) -> None:
        """Write down how far a run is; it stays taken."""
        with self._database.transaction() as tx:
            self._note(tx, run, lease_until=self._now() + LEASE)

    def leave(self, run: Run, error: str = "") -> None:
        """Let somebody else take it."""
        with self._database.transaction() as tx:
            self._note(tx, run, error=error)

    def end(self, run: Run, error: str = "") -> None:
        """It is done; with an error it failed, and the mapping's mark stays where it is."""
        with self._database.transaction() as tx:
            self._note(tx, run, state="failed" if error else "done", error=error)
            if not error:
                tx.run(_Q["watermark"], number=run.id)

    def _note(
        self, tx: Transaction, run: Run, *, state: str = "running", error: str = "", lease_until: datetime | None = None
    ) -> None:
        tx.run(
            _Q["note"], number=run.id, place=json.dumps(dict(run.place)), state=state, error=error or None,
            now=self._now(), lease_until=lease_until, **asdict(run.found),
        )  # fmt: skip

    def past(self, name: str, limit: int) -> list[dict[str, Any]]:
        """Past runs, the latest first; of an object or a table, or of all where no name is given."""
        with self._database.transaction() as tx:
            return tx.dicts(_Q["runs"], object=name, limit=limit)

    def compared_until(self, mapping: Mapping) -> datetime:
        """Until when a mapping's records were compared; from its beginning on, where they never were."""
        with self._database.transaction() as tx:
            (row,) = tx.run(_Q["compared_until"], mapping_id=mapping.id)
        moment: datetime = row[0]
        return moment

    # -- rows ----------------------------------------------------------------------------------------

    def rows(self, mapping: Mapping, ids: Sequence[str]) -> dict[str, Row]:
        """The rows of these records."""
        with self._database.transaction() as tx:
            return {sfid: Row(stamp, sure) for sfid, stamp, sure in tx.run(_of("rows", mapping), sfids=list(ids))}

    def leaving(self, mapping: Mapping, ids: Sequence[str]) -> set[str]:
        """Those whose deletion here is still on its way to Salesforce."""
        with self._database.transaction() as tx:
            return {row[0] for row in tx.run(_Q["leaving"], table=mapping.table, sfids=list(ids))}

    def rows_between(self, mapping: Mapping, after: str, upto: str) -> dict[str, Row]:
        """The rows of a range of ids, the first one left out; all that follow where it has no end."""
        with self._database.transaction() as tx:
            found = tx.run(_of("rows_between", mapping), after=after, upto=upto)[0][0]
        return {sfid: Row(stamp, sure) for sfid, stamp, sure in found}

    def images(self, mapping: Mapping, after: str, upto: str) -> list[Image]:
        """The same, as they stand."""
        with self._database.transaction() as tx:
            found = tx.run(_of("images", mapping), table=mapping.table, after=after, upto=upto)[0][0]
        return [Image(sfid, row, frozenset(edited)) for sfid, row, edited in found]

    def unsent(self, mapping: Mapping) -> tuple[int, int]:
        """Rows that have no record: how many are on their way to Salesforce, and how many are not."""
        with self._database.transaction() as tx:
            ((waiting, others),) = tx.run(_of("unsent", mapping), table=mapping.table)
        return waiting, others

    def slice_end(self, mapping: Mapping, after: str, rows: int) -> str:
        """The id with which a slice of so many rows ends; empty where fewer are left."""
        with self._database.transaction() as tx:
            found = tx.run(_of("slice_end", mapping), after=after, rows=rows - 1)
        return str(found[0][0]) if found else ""


def schedule(tx: Transaction, mapping: Mapping) -> tuple[int, int]:
    """Minutes between two comparisons of all values, days between two of all ids; 0 is never."""
    ((minutes, days),) = tx.run(_Q["schedule"], id=mapping.id)
    return minutes or 0, days


def set_schedule(tx: Transaction, mapping: Mapping, refresh_minutes: int, full_days: int) -> None:
    """The same, from now on."""
    tx.run(_Q["set_schedule"], id=mapping.id, refresh_minutes=refresh_minutes or None, full_compare_days=full_days)


def _of(name: str, mapping: Mapping) -> str:
    return _Q[name].replace("{table}", identifier(mapping.table)).replace("{key}", identifier(mapping.key_column))


def _run(row: dict[str, Any]) -> Run:
    found = Found(*(row[name] for name in Found.__dataclass_fields__))
    return Run(
        row["id"], row["sync_config_id"], Kind(row["kind"]), row["until"], row["started_at"], row["since"], row["place"],
        found,
    )  # fmt: skip
