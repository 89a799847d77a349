"""Rows whose edits are not all captured yet, where Debezium tells of edits some time after their commit.

What arrives from Salesforce may write such a row only once every edit of it is in the change log; until then it waits
(`capture_behind`). Whether it is so is seen in the values, not in transaction ids (a row's xmin may be a subtransaction's,
which Debezium does not tell) nor in the connector's position (what it published may still wait in Pub/Sub, in any order):

- `isthmus.known_row` holds what a row said when we wrote it last, and the position in Postgres' log of that moment;
- `isthmus.captured_edit` holds what Debezium told since: each edit found the values that the one before it left;
- a row is captured where these edits, in the order of the log, lead from what was known to what the row says now.

A lost link (an envelope among the dead letters) holds the row's changes from Salesforce back until it is replayed. Nothing
depends on clocks, on VACUUM, or on how long the connector was down.
"""

from collections.abc import Mapping as Map
from collections.abc import Sequence
from dataclasses import dataclass

from common.mapping import Mapping
from common.postgres.connect import Transaction
from common.postgres.queries import load
from common.postgres.values import comparable

_Q = load("behind")

Image = Map[str, object]


@dataclass(frozen=True, slots=True)
class Link:
    """One edit of a row, as Debezium told it, by column."""

    position: int
    change_type: str
    old: Image
    new: Image
    overtaken: frozenset[str] = frozenset()  #: columns that a later edit had written before this one was told


def behind(tx: Transaction, mapping: Mapping, rows: Map[str, Image]) -> set[str]:
    """Which of these rows, by key, have edits that are not captured yet. The caller holds the rows' locks."""
    if not rows:
        return set()
    known = {k["record_id"]: k["image"] for k in tx.dicts(_Q["known"], table=mapping.table, record_ids=list(rows))}
    links = links_of(tx, mapping.table, list(rows))
    return {key for key, row in rows.items() if not leads_to(mapping, known.get(key), links.get(key, ()), row)}


def deletions_behind(tx: Transaction, mapping: Mapping, sfids: Sequence[str]) -> set[str]:
    """Which of these records' rows were deleted here, without the deletion being captured yet."""
    return {row[0] for row in tx.run(_Q["deletions_behind"], table=mapping.table, sfids=list(sfids))}


def links_of(tx: Transaction, table: str, record_ids: Sequence[str]) -> dict[str, list[Link]]:
    """What was told of rows since we wrote them last, in the log's order."""
    found: dict[str, list[Link]] = {}
    for e in tx.dicts(_Q["links"], table=table, record_ids=list(record_ids)):
        link = Link(e["position"], e["change_type"], e["old_data"], e["new_data"], frozenset(e["overtaken"]))
        found.setdefault(e["record_id"], []).append(link)
    return found


def missed(
    tx: Transaction, mapping: Mapping, record_id: str, row: Image, position: int
) -> tuple[dict[str, object], dict[str, object]]:
    """What a snapshot's row says otherwise than what is known of it, old and new: edits of which nobody will tell any more.

    A connector that lost its place takes a snapshot anew, and goes on behind it.
    """
    known = tx.dicts(_Q["known"], table=mapping.table, record_ids=[record_id])
    links = links_of(tx, mapping.table, [record_id]).get(record_id, [])
    image = dict(known[0]["image"]) if known else None
    if known and known[0]["position"] > position:
        return {}, {}
    for link in (e for e in links if e.position < position):
        image = None if link.change_type == "DELETE" else {**(image or {}), **link.new}
    other = [
        c for c, f in mapping.by_column.items()
        if image and c in image and c in row and comparable(f.kind, image[c]) != comparable(f.kind, row[c])
    ]  # fmt: skip
    return {c: (image or {})[c] for c in other}, {c: row[c] for c in other}


def leads_to(mapping: Mapping, known: Image | None, links: Sequence[Link], row: Image) -> bool:
    """Whether the edits lead from what was known, without a gap, to what the row says. Pure."""
    lives = [n for n, link in enumerate(links) if link.change_type != "UPDATE"]
    image = None if known is None else dict(known)
    for link in links[lives[-1] if lives else 0 :]:
        if link.change_type == "DELETE":
            image = None
        elif link.change_type == "INSERT":
            image = dict(link.new)
        elif image is None or not _agree(mapping, image, link.old):
            return False
        else:
            image |= link.new
    return image is not None and _agree(mapping, image, row)


def _agree(mapping: Mapping, one: Image, other: Image) -> bool:
    """In every mapped column that both have."""
    return all(
        comparable(f.kind, one[c]) == comparable(f.kind, other[c])
        for c, f in mapping.by_column.items()
        if c in one and c in other
    )


def found_by(position: int, links: Sequence[Link]) -> dict[str, object]:
    """What the edit at that position found, by column, before the run of its predecessors that never entered the log. Pure.

    Those were told later than it: where only it is sent, what they found is what Salesforce has.
    """
    own = next((link for link in links if link.position == position), None)
    base = dict(own.old) if own else {}
    for column in base:
        for link in reversed([e for e in links if e.position < position]):
            if link.change_type != "UPDATE" or (column in link.new and column not in link.overtaken):
                break
            base[column] = link.old.get(column, base[column])
    return base
