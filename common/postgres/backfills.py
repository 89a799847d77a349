"""Backfills as the database keeps them: how far each is, and which slice is whose."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from typing import Any

from common import clock
from common.backfill import Backfill, Loaded, Page, PutAside
from common.change import UNSTAMPED
from common.errors import Terminal
from common.mapping import Direction, Mapping
from common.postgres.connect import Database, Transaction
from common.postgres.queries import identifier, load
from common.postgres.staging import Staging

_Q = load("backfill")


class SliceTurn:
    """Implements ports of common.backfill: a slice, locked while its transaction lasts."""

    def __init__(self, tx: Transaction, place: str) -> None:
        self._tx = tx
        self.place = place

    def load(self, mapping: Mapping, page: Page, backfill: Backfill, put_aside: PutAside) -> Loaded:
        """Stream a page into a staging table and merge it, newest version wins."""
        staging = Staging(self._tx, mapping, page, backfill.read_at, f"backfill/{backfill.id}")
        return staging.load(put_aside)

    def capture(self, mapping: Mapping, limit: int) -> tuple[Loaded, str]:
        """Write rows that Salesforce never had into the change log; with the key after which the next slice begins."""
        self._tx.run(_named("lock_unsent", mapping), after=self.place, limit=limit)
        ((records, captured, last),) = self._tx.run(
            _named("capture_unsent", mapping), after=self.place, limit=limit, table=mapping.table,
            columns=[f.column for f in mapping.written],
        )  # fmt: skip
        return Loaded(records, written=captured, stale=records - captured), last


class BackfillTable:
    """Implements ports of common.backfill."""

    def __init__(self, database: Database, now: clock.Clock = clock.now) -> None:
        self._database = database
        self._now = now

    # -- people's part -----------------------------------------------------------------------------

    def begin(self, mapping: Mapping, direction: Direction, who: str, slice_records: int) -> Backfill:
        """A new backfill.

        Raises:
            Terminal: another one of the mapping is not over.
        """
        made = self._run("begin", mapping_id=mapping.id, direction=direction, who=who, slice_records=slice_records,
                         now=self._now())  # fmt: skip
        found = self.find(int(made[0][0])) if made else None
        if found is None:
            raise Terminal(
                "backfill_open", f"a backfill of {mapping.sobject} into {mapping.table} is under way already",
                "`isthmus backfill list` shows it; wait for it, or cancel it.",
            )  # fmt: skip
        return found

    def pause(self, backfill_id: int, paused: bool) -> None:
        """Stop after the slice that is under way, or go on.

        Raises:
            Terminal: there is no such backfill, or it is over.
        """
        if not self._run("pause", id=backfill_id, paused=paused, now=self._now()):
            raise Terminal(
                "backfill_over", f"backfill {backfill_id} is over, or never was", "`isthmus backfill list` shows them."
            )

    def progress(self, backfill_id: int | None = None, limit: int = 20) -> list[dict[str, Any]]:
        """How far one is, or the last ones are: records, rows per second, seconds left."""
        with self._database.transaction() as tx:
            return tx.dicts(_Q["progress"], id=backfill_id, limit=limit)

    # -- the journey's part ------------------------------------------------------------------------

    def find(self, backfill_id: int) -> Backfill | None:
        """One backfill, if it is there."""
        with self._database.transaction() as tx:
            found = tx.dicts(_Q["find"], id=backfill_id)
        if not found:
            return None
        (row,) = found
        return Backfill(
            row["id"], row["sync_config_id"], Direction(row["direction"]), row["state"], row["paused"],
            row["slice_records"], row["sf_job"], row["read_at"] or UNSTAMPED,
        )  # fmt: skip

    def asked(self, backfill: Backfill, sf_job: str, read_at: datetime) -> Backfill:
        """Keep which query Salesforce works on."""
        self._run("asked", id=backfill.id, sf_job=sf_job, read_at=read_at)
        return replace(backfill, sf_job=sf_job, read_at=read_at)

    def answered(self, backfill: Backfill, records: int) -> None:
        """There are so many records; the first slice may begin."""
        self._run("answered", id=backfill.id, records=records, now=self._now())

    @contextmanager
    def turn(self, backfill: Backfill, number: int) -> Iterator[SliceTurn | None]:
        """Take a slice; None where it is done, not known, or somebody else's."""
        with self._database.transaction() as tx:
            taken = tx.run(_Q["take"], id=backfill.id, number=number)
            yield SliceTurn(tx, taken[0][0]) if taken else None

    def finish(self, backfill: Backfill, number: int, loaded: Loaded, following: str, seconds: float) -> bool:
        """A slice is done, and the next one may begin; whether there is a next one."""
        self._run(
            "finish", id=backfill.id, number=number, following=following, now=self._now(), records=loaded.records,
            written=loaded.written, stale=loaded.stale, aside=loaded.aside, milliseconds=round(seconds * 1000),
        )  # fmt: skip
        return bool(following)

    def waiting(self, backfill: Backfill) -> int | None:
        """The slice that is to be done next."""
        number: int | None = self._run("waiting", id=backfill.id)[0][0]
        return number

    def end(self, backfill: Backfill, state: str, error: str = "") -> None:
        """It is over before its last slice."""
        self._run("end", id=backfill.id, state=state, error=error or None, now=self._now())

    def unsent(self, mapping: Mapping) -> int:
        """How many rows Salesforce never had."""
        with self._database.transaction() as tx:
            return int(tx.run_bound(_named("unsent", mapping))[0][0])

    def on_their_way(self, mapping: Mapping) -> int:
        """How many of the mapping's edits wait to be sent, or are being sent."""
        return int(self._run("on_their_way", table=mapping.table)[0][0])

    def trouble(self, backfill: Backfill, error: str) -> None:
        """Why it does not get on now."""
        self._run("trouble", id=backfill.id, error=error)

    def _run(self, query: str, **parameters: Any) -> list[list[Any]]:
        with self._database.transaction() as tx:
            return tx.run(_Q[query], **parameters)


def _named(query: str, mapping: Mapping) -> str:
    return _Q[query].replace("{table}", identifier(mapping.table)).replace("{key}", identifier(mapping.key_column))
