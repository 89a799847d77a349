"""Merging records: the losers are deleted in favour of one winner, which takes over their children."""

from typing import Any

from tests.standin import records
from tests.standin.errors import Refused
from tests.standin.relations import children, relations_of
from tests.standin.store import Actor, Store
from tests.standin.table import Record, Table

Json = dict[str, Any]
MAX_LOSERS = 2


def merge(store: Store, table: Table, winner_id: str, loser_ids: list[str], changes: Json, actor: Actor) -> Json:
    """Merge up to two losers into a winner, inside the open transaction.

    Winner and children are updated, losers deleted with `MasterRecordId`; `changes` are the winner's new values,
    which it does not take over from the losers by itself.

    Returns:
        `id`, `mergedRecordIds` and `updatedRelatedIds`, as the SOAP call names them.
    """
    if not table.sobject.raw["mergeable"]:
        raise Refused("INVALID_OPERATION", f"{table.sobject.name} records cannot be merged", [])
    if not 1 <= len(loser_ids) <= MAX_LOSERS:
        raise Refused("INVALID_ARGUMENT_TYPE", f"one or two records can be merged into another, not {len(loser_ids)}")
    winner = records.living(table, winner_id)
    losers = [records.living(table, loser_id) for loser_id in loser_ids]
    if len({record["Id"] for record in (winner, *losers)}) <= len(losers):
        raise Refused("DUPLICATE_VALUE", "a record cannot be merged with itself", [])
    moved = [child for loser in losers for child in _reparent(store, table, loser, winner["Id"], actor)]
    for loser in losers:
        records.bury(store, table, table.records[loser["Id"]], actor, MasterRecordId=winner["Id"])
    records.update(store, table, winner["Id"], changes, actor)
    return {"id": winner["Id"], "mergedRecordIds": [loser["Id"] for loser in losers], "updatedRelatedIds": moved}


def _reparent(store: Store, table: Table, loser: Record, winner_id: str, actor: Actor) -> list[str]:
    moved: list[str] = []
    for relation in relations_of(store.whole, table.sobject):
        below = store.whole.tables[relation.child]
        if not below.sobject.fields[relation.field].is_lookup:
            continue
        for child in children(below, relation.field, loser["Id"]):
            new_parent = winner_id if child["Id"] != winner_id else None  # nobody becomes a parent of its own
            records.put_changed(store, below, child, {relation.field: new_parent}, actor)
            moved.append(child["Id"])
    return moved
