"""The change log: what Postgres owes Salesforce, claimed, fenced and settled."""

import json
import uuid
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any

from common import clock
from common.change import Change, Ending, Op, Outcome
from common.family import Row
from common.mapping import Capture, Mapping
from common.ports import (
    NOTHING,
    Allowance,
    Batch,
    Claimed,
    Entry,
    Mappings,
    Owed,
    Settled,
    Spent,
)
from common.postgres import guard, parents, waiting
from common.postgres.api_limit import Purse, spend
from common.postgres.connect import Database, Transaction
from common.postgres.dead_letters import bury, heal
from common.postgres.edits import as_change, by_record, entry, lives_on, never_sent, one_way, parents_first, to_owed
from common.postgres.queries import as_json, identifier, load
from common.postgres.siblings import with_parents

TOPIC = "postgres-changes"

_Q = load("change_log")


class ChangeLog:
    """Implements ports.Log.

    Args:
        call_seconds: How long a call to Salesforce may still be carried out after it was made: the door's own
            timeout plus Salesforce's ten minutes. The lease of what is being sent lasts that long.
        claim_seconds: From the claim until the message is taken; nothing has been sent yet, so it may be short.
    """

    def __init__(
        self, database: Database, mappings: Mappings, *, call_seconds: float, claim_seconds: float = 120,
        now: clock.Clock = clock.now,
    ) -> None:  # fmt: skip
        self._database = database
        self._mappings = mappings
        self._call_seconds = call_seconds
        self._claim_seconds = claim_seconds
        self._now = now

    # -- drain -------------------------------------------------------------------------------------

    def claim(
        self, limit: int, merge: Callable[[Sequence[Entry]], Batch], *,
        only: Mapping | None = None, attach: Callable[[Transaction, list[str]], None] | None = None,
    ) -> Claimed:  # fmt: skip
        """Claim up to `limit` records that are due, merge each one's edits, and mark them claimed.

        Args:
            only: One mapping's records.
            attach: Called with the claims, in their transaction.

        Raises:
            Transient, Misconfigured: nothing was claimed.
        """
        tables = {m.table: m for m in self._mappings.all() if m.to_salesforce and only in (None, m)}
        if not tables:
            return Claimed(0)
        now = self._now()
        with self._database.transaction() as tx:
            waiting.wake_edited(tx, tables.values(), now)
            tx.run(_Q["in_order"])
            heads = tx.objects(_Q["claim"], limit=limit, now=now, tables=list(tables))
            if not heads:
                return Claimed(0)
            tx.run(_Q["in_any_order"])
            rows = _unguarded(tx, tx.objects(_Q["follow"], records=as_json(heads)), now)
            claimed = replace(self._mark(tx, tables, rows, merge), records=len(heads))
            if attach is not None:
                attach(tx, [c.event_id for c in claimed.changes])
            return claimed

    def _mark(
        self,
        tx: Transaction,
        tables: dict[str, Mapping],
        rows: list[dict[str, Any]],
        merge: Callable[[Sequence[Entry]], Batch],
    ) -> Claimed:
        """Give each record's batch a claim of its own; settle at once what need not, or cannot, be sent."""
        now = self._now()
        marked: list[dict[str, object]] = []
        voided: list[int] = []
        changes: list[Change] = []
        refused: list[Outcome] = []
        records = by_record(rows)
        gone: list[Row] = []
        said: list[dict[str, object]] = []
        table_of: dict[str, str] = {}
        for (table, record_id), own in records.items():
            past, present = lives_on(own)
            voided += past
            entries = [entry(row) for row in present]
            batch = one_way(tables[table], entries, merge(entries))
            born = any(row["change_type"] == "INSERT" for row in present)
            found = as_change(tables[table], record_id, batch, born=born)
            if found is None:
                voided += batch.rows
                said += [{"id": i, "error": why} for i in batch.rows if (why := never_sent(tables[table], batch))]
                gone.append(Row(table, record_id))
                continue
            change = found.change if isinstance(found, Outcome) else found
            table_of[change.event_id] = table
            marked += [{"claim": change.event_id, "id": i} for i in batch.rows]
            if isinstance(found, Outcome):
                refused.append(found)
            else:
                changes.append(found)
        if voided:
            tx.run(_Q["void"], ids=voided, now=now)
        if said:
            tx.run(_Q["say"], said=as_json(said))
        if marked:
            tx.run(_Q["mark"], batches=as_json(marked), lease_until=now + timedelta(seconds=self._claim_seconds))
        going, circles = waiting.hold(tx, tables, changes, table_of, now)
        refused += circles
        if refused:
            self._refuse(tx, refused)
        waiting.wake(tx, [row for row in gone if tables[row.table].children], now)
        return Claimed(len(records), parents_first(tables, going, table_of), refused)

    def _refuse(self, tx: Transaction, refused: Sequence[Outcome]) -> None:
        """Settle what Salesforce cannot hold, without asking it."""
        errors = as_json(
            {"claim": o.change.event_id, "error": f"{o.reason}: {o.detail}", "hint": o.hint} for o in refused
        )
        tx.run(_Q["refuse"], errors=errors)
        for sobject, records in groupby(refused, key=lambda o: o.change.sobject):
            heal(tx, sobject, [o.change.record_id for o in records])
        bury(tx, TOPIC, refused)

    def release(self, changes: Sequence[Change]) -> None:
        """Give claims back that were never published."""
        with self._database.transaction() as tx:
            tx.run(_Q["release"], claims=[c.event_id for c in changes])

    # -- send --------------------------------------------------------------------------------------

    def take(self, changes: Sequence[Change]) -> list[Owed]:
        """What is still owed of these claims, with what is known of each record.

        Raises:
            Transient, Misconfigured: nothing was taken.
        """
        by_claim = {c.event_id: c for c in changes}
        lease_until = self._now() + timedelta(seconds=self._call_seconds)
        with self._database.transaction() as tx:
            claims = [c for c in by_claim if _is_uuid(c)]
            taken: list[dict[str, Any]] = (
                tx.run(_Q["take"], claims=claims, lease_until=lease_until)[0][0] if claims else []
            )
            self._refresh_old(taken)
            owed: list[Owed] = []
            for table, rows in groupby(taken, key=lambda row: row["table_name"]):
                mapping = self._mappings.of_table(table)
                if mapping is not None:
                    owed += self.owed(tx, mapping, list(rows), by_claim)
        return owed

    def known(self, mapping: Mapping, changes: Sequence[Change]) -> Sequence[str]:
        """The Salesforce ids of the changes' records that are still claimed, where they are known."""
        claims = [c.event_id for c in changes if _is_uuid(c.event_id)]
        with self._database.transaction() as tx:
            rows = tx.run(_named(mapping, "known"), table=mapping.table, claims=claims)
        return [row[0] for row in rows]

    def _refresh_old(self, taken: list[dict[str, Any]]) -> None:
        held = {m.configuration for m in self._mappings.all()}
        if any(row["configuration_version"] not in held for row in taken):
            self._mappings.refresh()

    def owed(
        self, tx: Transaction, mapping: Mapping, taken: list[dict[str, Any]], by_claim: dict[str, Change]
    ) -> list[Owed]:
        keys = [row["record_id"] for row in taken]
        statement = _named(mapping, "rows")
        standing = {row["record_id"]: row for row in tx.objects(statement, record_ids=keys)}
        buried = dict(tx.run(_Q["buried"], table=mapping.table, record_ids=keys))
        deferred = parents.later(tx, mapping, [key for key, row in standing.items() if row["sfid"] is None])
        owed = []
        for row in taken:
            key = row["record_id"]
            here = standing.get(key)
            change = mapping.renamed(by_claim[row["claim"]])
            # A row that stands without an id outlived its record: the tombstone's id is the dead one's. But a deletion
            # is of the record that the row had then, whatever stands under its key now.
            sfid = here["sfid"] if here and change.op is Op.UPSERT else row["old_sfid"] or buried.get(key)
            owed.append(to_owed(mapping, change, sfid, here["row"] if here else None, row["attempts"], deferred))
        return with_parents(tx, mapping, parents.resolve(tx, mapping, owed))

    def allowance(self, mapping: Mapping) -> Allowance:
        """How many calls the mapping has made today, and what all senders know of the org's limit."""
        return Purse(self._database, self._now).allowance(mapping)

    def settle(self, mapping: Mapping, settled: Sequence[Settled], spent: Spent = NOTHING) -> bool:
        """Write down how Salesforce took them: states, ids, when we wrote, dead letters; in one transaction.

        Returns:
            Whether children that had waited for one of them can go now.

        Raises:
            Transient, Misconfigured: nothing was written; the claims stand.
        """
        now = self._now()
        with self._database.transaction() as tx:
            tx.run(load("table")["origin"], table=mapping.table)
            tx.run(_named(mapping, "lock"), record_ids=[s.owed.change.record_id for s in settled])
            results = as_json(_result(s) for s in settled)
            done = set(tx.run(_Q["settle"], results=results, mapping_id=mapping.id, now=now)[0][0])
            ours = [s for s in settled if s.owed.change.event_id in done]
            self._write_back(tx, mapping, ours)
            parents.follow(tx, mapping, ours)
            self._keep(tx, mapping, ours)
            ended = [s.owed.change.record_id for s in ours if s.outcome.ending in (Ending.SENT, Ending.FAILED)]
            heal(tx, mapping.sobject, ended)  # a new failure has a letter of its own, which takes the older ones' place
            failed = [s.outcome for s in ours if s.outcome.ending is Ending.FAILED]
            if failed:
                bury(tx, TOPIC, failed)
            tx.run(_Q["wake"], table=mapping.table, record_ids=[s.owed.change.record_id for s in ours])
            woken = bool(mapping.children) and self._tell_children(tx, mapping, ours, now)
            if spent.calls:  # last: all senders write the same row
                spend(tx, mapping, spent, now)
            return woken

    def _tell_children(self, tx: Transaction, mapping: Mapping, settled: Sequence[Settled], now: datetime) -> bool:
        """Wake whoever waited for these records; whoever waits for one that failed says so."""
        row_of = {s.owed.change.event_id: Row(mapping.table, s.owed.change.record_id) for s in settled}
        arrived = [row_of[s.owed.change.event_id] for s in settled if s.outcome.ending is Ending.SENT]
        waiting.blame(
            tx,
            {
                row_of[s.owed.change.event_id]: f"{s.outcome.reason}: {s.outcome.detail}"
                for s in settled
                if s.outcome.ending is Ending.FAILED
            },
        )
        return waiting.wake(tx, arrived, now)

    def _keep(self, tx: Transaction, mapping: Mapping, settled: Sequence[Settled]) -> None:
        """Edits of fields that did not go stay, failed; which fields those are is written down for people."""
        stopped = {name: words for s in settled for name, words in s.stopped.items()}
        arrived = {n for s in settled if s.outcome.ending is Ending.SENT for n in s.owed.send.fields} - stopped.keys()
        tx.run(
            _Q["fields"], mapping_id=mapping.id, arrived=sorted(arrived), stopped=json.dumps(stopped), now=self._now()
        )
        if stopped:
            kept = as_json(
                {
                    "claim": s.owed.change.event_id,
                    "columns": parents.columns(mapping, s.stopped),
                    "error": f"{s.outcome.reason}: {s.outcome.detail}",
                }
                for s in settled
                if s.stopped
            )
            tx.run(_Q["keep"], kept=kept)

    def _write_back(self, tx: Transaction, mapping: Mapping, settled: Iterable[Settled]) -> None:
        sent: list[dict[str, object]] = [
            {"record_id": s.owed.change.record_id, "sfid": s.sfid}
            for s in settled
            if s.outcome.ending is Ending.SENT and s.sfid and s.owed.send.op is Op.UPSERT
        ]
        if sent:
            tx.run(_named(mapping, "write_back"), sent=as_json(sent), now=self._now(), table=mapping.table)
            told_late = mapping.capture is Capture.DEBEZIUM
            tx.run(_Q["note_dead"], table=mapping.table, sent=as_json(sent), now=self._now(), told_late=told_late)


def _named(mapping: Mapping, query: str) -> str:
    return _Q[query].replace("{table}", identifier(mapping.table)).replace("{key}", identifier(mapping.key_column))


def _is_uuid(text: str) -> bool:
    try:
        uuid.UUID(text)
    except ValueError:
        return False
    return True


def _unguarded(tx: Transaction, rows: list[dict[str, Any]], now: datetime) -> list[dict[str, Any]]:
    """Without the records of a mass deletion: they wait for a person's word."""
    deleting = sorted({row["table_name"] for row in rows if row["change_type"] == "DELETE"})
    held = guard.hold(tx, deleting, now) if deleting else set()
    return [row for row in rows if (row["table_name"], row["record_id"]) not in held] if held else rows


def _result(settled: Settled) -> dict[str, object]:
    outcome = settled.outcome
    state = {Ending.SENT: "done", Ending.FAILED: "failed", Ending.WAITS: "retry"}[outcome.ending]
    error = ": ".join(part for part in (outcome.reason, outcome.detail) if part) or None
    next_attempt = settled.next_attempt_at.isoformat() if settled.next_attempt_at else None
    return {
        "claim": settled.owed.change.event_id, "state": state, "error": error, "hint": outcome.hint if error else None,
        "next_attempt_at": next_attempt, "untried": settled.untried, "waits_for": settled.waits_for,
    }  # fmt: skip
