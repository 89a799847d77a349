"""Which database this is: bound by its signs, so that a restored, copied or branched one is known for what it is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from common.conflict import Edit
from common.errors import Misconfigured
from common.mapping import Mapping
from common.postgres.queries import identifier, load

if TYPE_CHECKING:  # every connection asks this module who it is
    from common.desk import Decision
    from common.postgres.connect import Transaction

_Q = load("identity")


def read(tx: Transaction) -> dict[str, Any]:
    """org_id, signs (as bound; None before the first mapping), found (as they are now), bound_at."""
    return tx.dicts(_Q["signs"])[0]


def changed(identity: dict[str, Any]) -> dict[str, tuple[str, str]]:
    """The signs that differ: (was, is). What only one of them knows says nothing: roles may ask more or less."""
    bound, found = identity["signs"] or {}, identity["found"]
    return {n: (str(bound[n]), str(found[n])) for n in sorted(bound) if n in found and bound[n] != found[n]}


def refuse_moved(tx: Transaction) -> str:
    """Stop where this is not the database that was bound; else the org that it belongs to, empty before the first mapping.

    Raises:
        Misconfigured: it was restored, copied, branched or promoted: its log may hold edits that were sent long ago.
    """
    identity = read(tx)
    if moved := changed(identity):
        words = ", ".join(f"{name} {was} -> {now}" for name, (was, now) in moved.items())
        raise Misconfigured(
            "database_moved", f"this is not the database that was bound: {words}",
            "If that is as it should be, `isthmus rebase` compares what is unsent with Salesforce and binds it anew.",
        )  # fmt: skip
    return identity["org_id"] or ""


def bind(tx: Transaction, org_id: str) -> None:
    """It is what it shows now, and belongs to this org."""
    tx.run(_Q["bind"], org_id=org_id)


def let_go(tx: Transaction) -> None:
    """Take every claim back: whoever still carries one is of an earlier life."""
    tx.run(_Q["let_go"])


def open_edits(tx: Transaction, mapping: Mapping) -> dict[str, tuple[str | None, list[Edit]]]:
    """By record: its Salesforce id where it is known, and its open edits in their order."""
    found: dict[str, tuple[str | None, list[Edit]]] = {}
    for row in tx.dicts(_named(mapping, "open_edits"), table=mapping.table):
        edit = Edit(
            row["id"], row["change_type"], row["state"], row["old_data"] or {}, row["new_data"] or {}, row["created_at"]
        )
        sfid, edits = found.get(row["record_id"], (None, []))
        found[row["record_id"]] = (row["sfid"] or sfid, [*edits, edit])
    return found


def void(tx: Transaction, ids: Sequence[int], decision: Decision) -> None:
    """Edits that Salesforce has already."""
    tx.run(_Q["void"], ids=list(ids), now=decision.at, who=decision.who, why=decision.why)


def detach(tx: Transaction, mapping: Mapping, record_ids: Sequence[str]) -> None:
    """Rows whose records this org does not have."""
    tx.run(load("table")["origin"], table=mapping.table)
    tx.run(_named(mapping, "detach"), record_ids=list(record_ids))


def named_rows(tx: Transaction, mapping: Mapping, after: str, limit: int) -> list[str]:
    """The Salesforce ids that a table knows, in their order, from beyond one of them."""
    return [row[0] for row in tx.run(_named(mapping, "named_rows"), after=after, limit=limit)]


def _named(mapping: Mapping, query: str) -> str:
    return _Q[query].replace("{table}", identifier(mapping.table)).replace("{key}", identifier(mapping.key_column))
