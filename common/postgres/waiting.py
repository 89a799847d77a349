"""Edits that wait for a parent: who must, on whom, how a circle is broken, and who is woken when a parent is settled."""

from collections.abc import Collection, Iterable, Sequence
from collections.abc import Mapping as Map
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from common import family
from common.change import Change, Ending, Op, Outcome
from common.family import ParentKey, Row
from common.mapping import Mapping
from common.postgres.connect import Transaction
from common.postgres.families import filled
from common.postgres.queries import as_json, load

BUSY_SECONDS = 2.0  #: somebody writes the parent's row at this very moment
LEAST_SECONDS = 60.0  #: whoever settles a parent wakes its children; this is for what nobody foresaw
MOST_SECONDS = 3600.0
AFTERWARDS_DAYS = 30  #: the record itself wakes what is to be set afterwards, in the transaction that settles it

_Q = load("families")
_CIRCLE = "Its lookups form a circle that no side may leave empty: make one of them optional, or insert in two steps."


@dataclass(frozen=True, slots=True)
class _Standing:
    """A parent's row: nothing to wait for once Salesforce has it, or where nobody is about to bring it there."""

    sfid: str | None
    busy: bool
    state: str | None
    error: str | None

    @property
    def unsettled(self) -> bool:
        return not self.sfid and (self.busy or self.state is not None)


@dataclass
class _Family:
    """What was claimed, and whom it looks up to among those that Salesforce has not got yet."""

    changes: dict[Row, tuple[Mapping, Change]]
    wanted: dict[Row, dict[Row, list[ParentKey]]] = field(default_factory=dict)  # child -> parent -> its columns
    standing: dict[Row, _Standing] = field(default_factory=dict)
    held: dict[Row, Row] = field(default_factory=dict)  # child -> the parent that it waits for
    refused: dict[Row, Outcome] = field(default_factory=dict)


def hold(
    tx: Transaction, mappings: Map[str, Mapping], changes: Sequence[Change], tables: Map[str, str], now: datetime
) -> tuple[list[Change], list[Outcome]]:
    """Keep back claimed changes whose parents Salesforce has not got yet; the others, and those that can never go.

    A parent of the same object that was claimed too goes along: the sender sends it first. A circle is broken where a
    lookup may stay empty for a while: the record goes without it, and an edit of its own sets it afterwards.

    Args:
        mappings: By table.
        tables: By claim.
    """
    found = _Family({Row(tables[c.event_id], c.record_id): (mappings[tables[c.event_id]], c) for c in changes})
    _look_up(tx, found)
    if not found.wanted:
        return list(changes), []
    _break_circles(tx, found, mappings, now)
    _hold_back(found)
    _write(tx, found, now)
    going = [c for row, (_, c) in found.changes.items() if row not in found.held and row not in found.refused]
    return going, list(found.refused.values())


def _look_up(tx: Transaction, found: _Family) -> None:
    wishes = [
        (child, Row(key.table, str(change.fields[key.name])), key)
        for child, (mapping, change) in found.changes.items()
        if change.op is Op.UPSERT
        for key in mapping.parent_keys
        if key.table and change.fields.get(key.name)
    ]
    found.standing = _standing(tx, {(parent.table, key.key_column): set() for _, parent, key in wishes}, wishes)
    for child, parent, key in wishes:
        if parent in found.standing and found.standing[parent].unsettled:
            found.wanted.setdefault(child, {}).setdefault(parent, []).append(key)


def _standing(
    tx: Transaction, asked: dict[tuple[str, str], set[str]], wishes: Iterable[tuple[Row, Row, ParentKey]]
) -> dict[Row, _Standing]:
    for _, parent, key in wishes:
        asked[parent.table, key.key_column].add(parent.key)
    standing = {}
    for (table, key_column), keys in sorted(asked.items()):
        rows = tx.dicts(filled("rows", {"table": table, "key": key_column}), table=table, record_ids=sorted(keys))
        for row in rows:
            standing[Row(table, row["record_id"])] = _Standing(
                row["sfid"], row["busy"], row["state"], row["last_error"]
            )
    return standing


# -- circles -------------------------------------------------------------------------------------


def _break_circles(tx: Transaction, found: _Family, mappings: Map[str, Mapping], now: datetime) -> None:
    graph: dict[Row, set[Row]] = {child: set(parents) for child, parents in found.wanted.items()}
    for child, parent in _waiting(tx, {p for parents in graph.values() for p in parents} - graph.keys()):
        if child not in found.changes:
            graph.setdefault(child, set()).add(parent)
    for start in sorted(found.wanted):
        while start in graph and (edges := family.circle(start, graph)):
            if not _break(tx, found, graph, edges, mappings, now):
                break


def _waiting(tx: Transaction, rows: Collection[Row]) -> list[tuple[Row, Row]]:
    if not rows:
        return []
    listed = tx.run(_Q["waiting"], nodes=sorted(map(str, rows)))
    return [(Row.parse(node), Row.parse(parent)) for node, parent in listed]


def _break(
    tx: Transaction, found: _Family, graph: dict[Row, set[Row]], edges: Sequence[tuple[Row, Row]],
    mappings: Map[str, Mapping], now: datetime,
) -> bool:  # fmt: skip
    """Break one circle; whether the search may go on."""
    for child, parent in edges:
        keys = found.wanted.get(child, {}).get(parent, [])
        if keys and not any(k.required for k in keys):
            _leave_out(tx, found, child, parent, keys, now)
            graph[child].discard(parent)
            return True
    others = [child for child, parent in edges if child not in found.changes and _may_leave(mappings, child, parent)]
    if others:  # it breaks the circle itself, as soon as it is claimed
        wake(tx, [], now, waiting=others)
        return False
    start = edges[0][0]
    _, change = found.changes[start]
    detail = " -> ".join(str(child) for child, _ in edges)
    found.refused[start] = Outcome(change, Ending.FAILED, family.PARENT_CYCLE, _CIRCLE, detail)
    graph.pop(start)
    return True


def _may_leave(mappings: Map[str, Mapping], child: Row, parent: Row) -> bool:
    mapping = mappings.get(child.table)
    return mapping is not None and not any(k.required for k in mapping.parent_keys if k.table == parent.table)


def _leave_out(
    tx: Transaction, found: _Family, child: Row, parent: Row, keys: Sequence[ParentKey], now: datetime
) -> None:
    """Send the record without these columns now, and with an edit of its own afterwards."""
    mapping, change = found.changes[child]
    for key in keys:
        names = {"table": mapping.table, "key": mapping.key_column, "column": key.column}
        standing = tx.run(filled("still", names), record_id=child.key)
        if not standing:  # being written: what it will say nobody knows
            found.standing[parent] = replace(found.standing[parent], busy=True)
            found.held[child] = parent
            return
        tx.run(_Q["leave_out"], claim=change.event_id, column=key.column)
        if standing[0][0] == parent.key:  # else a later edit says something else
            tx.run(
                _Q["set_afterwards"], table=mapping.table, record_id=child.key, column=key.column, value=parent.key,
                made_at=change.stamp, waits_for=str(child), next_attempt_at=now + timedelta(days=AFTERWARDS_DAYS),
                error=_said(parent, None, None),
            )  # fmt: skip
    left = {n: v for n, v in change.fields.items() if n not in {k.name for k in keys}}
    found.changes[child] = (mapping, replace(change, fields=left))
    found.wanted[child].pop(parent)


# -- waiting -------------------------------------------------------------------------------------


def _hold_back(found: _Family) -> None:
    """Whoever wants a parent that does not go along waits; and so does whoever wants one that waits."""
    depth = family.levels(found.wanted, found.wanted)
    for child in sorted(found.wanted.keys() - found.refused.keys(), key=lambda row: (depth[row], row)):
        for parent in sorted(found.wanted[child], key=lambda p: found.standing[p].state == "failed", reverse=True):
            if child not in found.held and not _goes_along(found, child, parent):
                found.held[child] = parent


def _goes_along(found: _Family, child: Row, parent: Row) -> bool:
    together = parent in found.changes and parent.table == child.table
    return together and parent not in found.held and parent not in found.refused


def _write(tx: Transaction, found: _Family, now: datetime) -> None:
    held: list[dict[str, object]] = []
    for child, parent in found.held.items():
        _, change = found.changes[child]
        standing = found.standing[parent]
        age = (now - change.stamp).total_seconds()
        wait = BUSY_SECONDS if standing.busy else min(max(age, LEAST_SECONDS), MOST_SECONDS)
        held.append(
            {
                "claim": change.event_id, "waits_for": str(parent), "error": _said(parent, standing.state, standing.error),
                "next_attempt_at": (now + timedelta(seconds=wait)).isoformat(),
            }
        )  # fmt: skip
    if held:
        tx.run(_Q["hold"], held=as_json(held))


def _said(parent: Row, state: str | None, error: str | None) -> str:
    failed = f", which failed: {error}" if state == "failed" and error else ""
    return f"{family.WAITING_FOR_PARENT}: {parent}{failed}"


def wake(tx: Transaction, settled: Sequence[Row], now: datetime, *, waiting: Sequence[Row] = ()) -> bool:
    """Let those go that waited for these rows, and `waiting` ones themselves; whether there was one."""
    rows = [str(row) for row in settled]
    woken = tx.run(_Q["wake"], rows=rows, now=now) if rows else []
    for row in waiting:
        tx.run(_Q["wake_row"], table=row.table, record_id=row.key, now=now)
    return bool(woken)


def blame(tx: Transaction, failed: Map[Row, str]) -> None:
    """Those that wait for these rows say why they do: their parents failed."""
    if failed:
        said: Iterable[dict[str, object]] = (
            {"waits_for": str(row), "error": _said(row, "failed", error)} for row, error in failed.items()
        )
        tx.run(_Q["blame"], failed=as_json(said))


def wake_edited(tx: Transaction, mappings: Iterable[Mapping], now: datetime) -> None:
    """A row that was edited again while it waited is looked at anew: it may wait for nobody any more."""
    if any(m.parent_keys for m in mappings):
        tx.run(_Q["wake_edited"], now=now)
