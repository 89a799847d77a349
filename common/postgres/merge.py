"""Rows that need care: edits that Salesforce has not got yet, rows born here, deletions, tombstones."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from common import conflict
from common.change import Change, Ending, Op, Outcome
from common.mapping import Mapping
from common.ports import Verdict
from common.postgres import behind, families, guard
from common.postgres.connect import Transaction
from common.postgres.queries import as_json
from common.postgres.statements import ConfigurationChanged, Record, Statements
from common.postgres.values import comparable

Numbered = tuple[int, Change]
ApplyStatement = Callable[[Mapping, Sequence[Record]], str]


class Session:
    """One transaction over some changes of one mapping; their rows stay locked until it ends."""

    def __init__(self, transaction: Transaction, statements: Statements, mapping: Mapping, now: datetime) -> None:
        self._tx = transaction
        self._sql = statements
        self._mapping = mapping
        self._now = now
        self._rows: dict[str, dict[str, Any]] = {}  # by Salesforce id
        self._edits: dict[str, list[conflict.Edit]] = {}  # by row key
        self._keys: dict[str, str] = {}  # of rows that come back, by Salesforce id
        self._read_began = now  # the first of the reads that brought them

    def settle(self, changes: Sequence[Numbered], read: bool, apply: ApplyStatement) -> list[tuple[int, Verdict]]:
        """Bring each change in; a verdict for each."""
        self._begin()
        held = self._behind([c for _, c in changes]) if self._mapping.is_told_late else set()
        waiting = [(n, untold(c)) for n, c in changes if c.record_id in held]
        changes = [(n, c) for n, c in changes if c.record_id not in held]
        return waiting + (self._settle(changes, read, apply) if changes else [])

    def _begin(self) -> None:
        self._tx.run(self._sql["origin"], table=self._mapping.table)
        if self._tx.run(self._sql["configuration"]) != [[self._mapping.configuration]]:
            raise ConfigurationChanged

    def _settle(self, changes: Sequence[Numbered], read: bool, apply: ApplyStatement) -> list[tuple[int, Verdict]]:
        if read:
            alive = [c for _, c in changes if c.op is Op.UPSERT]
            self._yield_deletions(alive)
            self._lift(alive)
        self._lock([c for _, c in changes], read)
        self._load_edits()
        deletions = [(n, c) for n, c in changes if c.op is Op.DELETE]
        upserts = [(n, c) for n, c in changes if c.op is Op.UPSERT]
        return self._delete(deletions) + self._upsert(upserts, apply)

    def _behind(self, changes: Sequence[Change]) -> set[str]:
        """The Salesforce ids of those that meet a row, or a deletion, of which not every edit is captured yet."""
        born = self._born(changes)
        found = self._find(changes, born)
        late = behind.behind(self._tx, self._mapping, {row["record_id"]: row["row"] for row in found})
        held = behind.deletions_behind(self._tx, self._mapping, [c.record_id for c in changes])
        for row in found:
            if row["record_id"] in late:
                held |= {row["sfid"], *(c.record_id for c in [born.get(row["record_id"])] if c)}
        return held

    def _lift(self, alive: Sequence[Change]) -> None:
        field = self._mapping.external_id_field
        if not alive:
            return
        self._read_began = min(c.version[1] for c in alive)
        lifted = self._tx.run(
            self._sql["lift"],
            table=self._mapping.table,
            sfids=[c.record_id for c in alive],
            external_ids=[str(c.fields[field]) for c in alive if c.fields.get(field)],
            read_at=self._read_began,
        )
        keys = {sfid: key for sfid, key in lifted if sfid and key}
        if keys:  # the key of a row never changes, though it was away
            vacant = {row[0] for row in self._tx.run(self._sql["vacant"], record_ids=list(keys.values()))}
            self._keys = {sfid: key for sfid, key in keys.items() if key in vacant}

    def _yield_deletions(self, alive: Sequence[Change]) -> None:
        """Rows that were deleted here come back where Salesforce changed their records and wins by the policy."""
        by_id = {c.record_id: c for c in alive}
        if not by_id:
            return
        found: dict[str, list[dict[str, Any]]] = {}
        for row in self._tx.dicts(self._sql["deletions"], table=self._mapping.table, sfids=list(by_id)):
            found.setdefault(row["sfid"], []).append(row)
        back = [(by_id[sfid], rows) for sfid, rows in found.items() if self._yields(by_id[sfid], rows)]
        if back:
            ids = [row["id"] for _, rows in back for row in rows]
            self._tx.run(self._sql["release"], ids=ids)
            self._tx.run(self._sql["forget"], ids=ids, now=self._now)
            self._keep_conflicts(
                _deletion_conflict(rows[-1]["record_id"], c.record_id, "true", "false", "salesforce")
                for c, rows in back
            )

    def _yields(self, change: Change, rows: Sequence[dict[str, Any]]) -> bool:
        edits = [_edit(row) for row in rows]
        if edits[-1].change_type != "DELETE" or any(e.state == "sending" for e in edits):
            return False
        arriving = self._mapping.arriving(change)
        return conflict.deletion_yields(self._mapping, arriving, change.stamp, edits, comparable)

    def _lock(self, changes: Sequence[Change], read: bool) -> None:
        born = self._born(changes)
        rows = self._find(changes, born)
        self._rows = {row["sfid"]: row for row in rows if row["sfid"]}
        # Only what was read is surely alive, and may take a row from the record that had its external id before.
        self._adopt([(r, born[r["record_id"]]) for r in rows if r["record_id"] in born and (read or not r["sfid"])])

    def _born(self, changes: Sequence[Change]) -> dict[str, Change]:
        """By their external ids, those whose rows may have been born here."""
        field = self._mapping.external_id_field
        return {str(c.fields[field]): c for c in changes if c.op is Op.UPSERT and c.fields.get(field)}

    def _find(self, changes: Sequence[Change], born: dict[str, Change]) -> list[dict[str, Any]]:
        return self._tx.dicts(self._sql["lock_rows"], sfids=[c.record_id for c in changes], external_ids=list(born))

    def _adopt(self, found: list[tuple[dict[str, Any], Change]]) -> None:
        """Rows that carry a record's external id become that record's rows."""
        sfids = [c.record_id for _, c in found]
        dead = (
            {r[0] for r in self._tx.run(self._sql["buried"], table=self._mapping.table, sfids=sfids)} if sfids else ()
        )
        known = self._rows.keys() | dead
        pairs = [(row, c) for row, c in found if row["sfid"] != c.record_id and c.record_id not in known]
        if not pairs:
            return
        replaced = [{"record_id": None, "sfid": row["sfid"]} for row, _ in pairs if row["sfid"]]
        if replaced:  # external ids are unique among the living
            self._tx.run(self._sql["bury"], table=self._mapping.table, pairs=as_json(replaced))
        self._tx.run(
            self._sql["adopt"],
            pairs=as_json({"record_id": row["record_id"], "sfid": c.record_id} for row, c in pairs),
        )
        self._rows |= {c.record_id: row | {"sfid": c.record_id} for row, c in pairs}

    def _load_edits(self) -> None:
        keys = [row["record_id"] for row in self._rows.values()]
        if not keys:
            return
        for e in self._tx.dicts(self._sql["unsettled"], table=self._mapping.table, record_ids=keys):
            self._edits.setdefault(e["record_id"], []).append(_edit(e))

    def _edits_of(self, sfid: str) -> list[conflict.Edit]:
        row = self._rows.get(sfid)
        return self._edits.get(row["record_id"], []) if row else []

    # -- upserts -----------------------------------------------------------------------------------

    def _upsert(self, changes: Sequence[Numbered], apply: ApplyStatement) -> list[tuple[int, Verdict]]:
        under_way = {n for n, c in changes if any(e.state == "sending" for e in self._edits_of(c.record_id))}
        ready = [(n, c) for n, c in changes if n not in under_way]
        done = [(n, being_sent(c)) for n, c in changes if n in under_way]
        if ready:
            records = [self._merged(n, c) for n, c in ready]
            words: dict[int, str] = {n: word for n, word, _ in self._tx.run_bound(apply(self._mapping, records))[0][0]}
            done += [(n, self._verdict(c, words[n])) for n, c in ready]
        return done

    def _merged(self, n: int, change: Change) -> Record:
        """The record as the row will be: columns whose edits stand keep their value."""
        merged_record = self._sql.record(change, n, settled=True)
        merged_record["external_id"] = merged_record["external_id"] or self._keys.get(change.record_id)
        edits, row = self._edits_of(change.record_id), self._rows.get(change.record_id)
        if not edits or row is None or not newer(change, row):
            return merged_record
        arriving = self._mapping.arriving(change) | self._arriving_keys(change, edits)
        merged = conflict.merge(self._mapping, arriving, change.stamp, edits, comparable)
        for position, f in enumerate(self._mapping.fields):
            if f.column in merged.keep:
                merged_record[f"c{position}"] = row["row"][f.column]
        for position, key in enumerate(self._mapping.parent_keys):
            merged_record[f"k{position}"] = key.column in merged.keep
        self._record(change, row["record_id"], merged)
        return merged_record

    def _arriving_keys(self, change: Change, edits: Sequence[conflict.Edit]) -> dict[str, object]:
        """What edited relationship columns would be by what arrives. A parent whose row is not here differs from all."""
        found: dict[str, object] = {}
        for key in self._mapping.parent_keys:
            if not any(key.column in e.new for e in edits):
                continue
            sfid = change.fields[key.lookup]
            rows = self._tx.run(families.parents(key), sfids=[str(sfid)]) if sfid and key.table else []
            found[key.column] = rows[0][1] if rows else sfid
        return found

    def _record(self, change: Change, record_id: str, merged: conflict.Merged) -> None:
        """Take lost edits out of the log, and keep the conflicts for people to see."""
        if merged.retract:
            ids = list(merged.retract)
            self._tx.run(self._sql["release"], ids=ids)
            retractions = as_json({"id": i, "columns": sorted(c)} for i, c in merged.retract.items())
            self._tx.run(self._sql["retract"], retractions=retractions)
            self._tx.run(self._sql["void"], ids=ids, now=self._now)
        if merged.conflicts:
            self._keep_conflicts(
                {
                    "record_id": record_id, "sfid": change.record_id, "field": c.field, "winner": c.winner,
                    "old_value": _text(c.old), "postgres_value": _text(c.postgres),
                    "salesforce_value": _text(c.salesforce),
                }
                for c in merged.conflicts
            )  # fmt: skip

    def _keep_conflicts(self, rows: Any) -> None:
        self._tx.run(
            self._sql["conflicts"], mapping_id=self._mapping.id, policy=self._mapping.policy, conflicts=as_json(rows)
        )

    def _verdict(self, change: Change, word: str) -> Verdict:
        match word:
            case "write":
                ending = Ending.MERGED if self._edits_of(change.record_id) else Ending.APPLIED
                return Verdict(Outcome(change, ending))
            case "stale":
                return Verdict(Outcome(change, Ending.STALE))
            case "buried":
                # A read found it alive, but its deletion is still on its way: it stays dead. One that was answered while
                # the record was being read is looked at again.
                if self._outdated(change):
                    return Verdict(needs_read=True, buried=True)
                return Verdict(Outcome(change, Ending.DEAD, "deletion_under_way"))
            case "remapped":
                raise ConfigurationChanged
            case _:
                return Verdict(needs_read=True)

    def _outdated(self, change: Change) -> bool:
        return bool(
            self._tx.run(
                self._sql["answered"], table=self._mapping.table, sfid=change.record_id, read_at=self._read_began
            )
        )

    # -- deletions ---------------------------------------------------------------------------------

    def _delete(self, changes: Sequence[Numbered]) -> list[tuple[int, Verdict]]:
        if not changes:
            return []
        lost, kept, done = [], [], []
        for n, change in changes:
            edits, row = self._edits_of(change.record_id), self._rows.get(change.record_id)
            written = [e for e in edits if e.change_type != "UPDATE" or e.new.keys() - {self._mapping.key_column}]
            if any(e.state == "sending" for e in edits):
                done.append((n, being_sent(change)))
            elif row is not None and not newer(change, row):
                done.append((n, Verdict(needs_read=True, buried=True)))  # it may have come back since that read
            elif conflict.delete_wins(self._mapping.policy, change.stamp, written):
                lost.append((n, change))
            else:
                kept.append((n, change))
        held = guard.hold_arriving(
            self._tx, self._mapping, [c.record_id for _, c in lost if c.record_id in self._rows], self._now
        )
        done += [(n, too_many(c)) for n, c in lost if c.record_id in held]
        lost = [(n, c) for n, c in lost if c.record_id not in held]
        self._bury([c for _, c in lost + kept])
        self._tx.run(self._sql["delete"], sfids=[c.record_id for _, c in lost])
        self._forget_edits([c for _, c in lost], "salesforce")
        self._forget_edits([c for _, c in kept], "postgres")
        self._tx.run(
            self._sql["orphan"],
            table=self._mapping.table,
            sfids=[c.record_id for _, c in kept],
            columns=[f.column for f in self._mapping.captured],
        )
        done += [(n, Verdict(Outcome(c, Ending.DELETED))) for n, c in lost]
        done += [(n, Verdict(Outcome(c, Ending.MERGED, "edited_here_later"))) for n, c in kept]
        return done

    def _bury(self, changes: Sequence[Change]) -> None:
        pairs = [{"sfid": c.record_id, "record_id": self._rows.get(c.record_id, {}).get("record_id")} for c in changes]
        if pairs:
            self._tx.run(self._sql["bury"], table=self._mapping.table, pairs=as_json(pairs))

    def _forget_edits(self, changes: Sequence[Change], winner: str) -> None:
        """Where edits met a deletion, they leave the log: the row goes, or is captured anew as a whole."""
        edited = [c for c in changes if self._edits_of(c.record_id)]
        if not edited:
            return
        ids = [e.id for c in edited for e in self._edits_of(c.record_id)]
        self._tx.run(self._sql["release"], ids=ids)
        self._tx.run(self._sql["forget"], ids=ids, now=self._now)
        self._keep_conflicts(
            _deletion_conflict(self._rows[c.record_id]["record_id"], c.record_id, "false", "true", winner)
            for c in edited
        )


def _edit(row: dict[str, Any]) -> conflict.Edit:
    return conflict.Edit(
        row["id"], row["change_type"], row["state"], row["old_data"] or {}, row["new_data"] or {}, row["created_at"]
    )


def _deletion_conflict(record_id: str, sfid: str, here: str, there: str, winner: str) -> dict[str, object]:
    return {
        "record_id": record_id, "sfid": sfid, "field": "IsDeleted", "winner": winner,
        "old_value": "false", "postgres_value": here, "salesforce_value": there,
    }  # fmt: skip


def newer(change: Change, row: dict[str, Any]) -> bool:
    """Whether the guard will let it in; nothing may be decided by a change that it will not."""
    stamp, read_at = change.version
    if row["isthmus_written_at"] is not None and read_at < row["isthmus_written_at"]:
        return False
    return row["system_modstamp"] is None or (stamp, read_at) > (row["system_modstamp"], row["isthmus_read_at"])


def too_many(change: Change) -> Verdict:
    return Verdict(
        Outcome(
            change,
            Ending.HELD,
            "too_many_deletions",
            "The row stays until a person has spoken: `isthmus deletes list`.",
        )
    )


def being_sent(change: Change) -> Verdict:
    """While a call is under way nobody can say whether this is its echo: look again when it has ended."""
    return Verdict(Outcome(change, Ending.LATER, "being_sent", "The record is being sent to Salesforce right now."))


def untold(change: Change) -> Verdict:
    return Verdict(
        Outcome(
            change, Ending.LATER, "capture_behind",
            "Debezium has not told of every edit of the row yet. Where this lasts, see that the connector runs, and replay "
            "what the dead letters hold of it.",
        )
    )  # fmt: skip


def _text(value: object) -> str | None:
    return None if value is None else str(value)
