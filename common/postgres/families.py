"""Parents and children in the tables: relationship columns are filled once both rows are here."""

from collections.abc import Sequence
from datetime import datetime

from common.family import Child, ParentKey
from common.mapping import Mapping
from common.postgres.queries import bind, identifier, load

_Q = load("families")


def filled(query: str, names: dict[str, str]) -> str:
    """One of sql/queries/families.sql with identifiers in it."""
    statement = _Q[query]
    for name, value in names.items():
        statement = statement.replace("{" + name + "}", identifier(value))
    return statement


def arrivals(mapping: Mapping, sfids: Sequence[str], now: datetime) -> str:
    """The script that follows rows which Salesforce brought: their relationship columns, their children's, who waited.

    Returns:
        Nothing where the mapping has no family.
    """
    pairs = [(child_of(mapping, k), k.table, k.key_column, "sfid") for k in mapping.parent_keys if k.table]
    pairs += [(c, mapping.table, mapping.key_column, c.lookup_column) for c in mapping.children]
    steps = [_resolve(child, table, key, found_by, sfids) for child, table, key, found_by in pairs]
    if mapping.children:
        names = {"parent": mapping.table, "parent_key": mapping.key_column}
        steps.append(bind(filled("arrived", names), table=mapping.table, sfids=list(sfids), now=now))
    return ";\n".join(steps)


def child_of(mapping: Mapping, key: ParentKey) -> Child:
    """A relationship column with the table that it is in."""
    return Child(mapping.table, mapping.key_column, key.lookup_column, key.column)


def fill(mapping: Mapping, key: ParentKey) -> str:
    """The script that fills a whole new relationship column; nothing of it is captured."""
    names = {
        "child": mapping.table, "lookup": key.lookup_column, "column": key.column, "parent": key.table,
        "parent_key": key.key_column,
    }  # fmt: skip
    return f"{bind(_Q['origin'], table=mapping.table)};\n{filled('fill', names)}"


def parents(key: ParentKey) -> str:
    """The statement that finds parents by their Salesforce ids."""
    return filled("keys", {"table": key.table, "key": key.key_column})


def _resolve(child: Child, parent: str, parent_key: str, found_by: str, sfids: Sequence[str]) -> str:
    names = {
        "child": child.table, "key": child.key_column, "lookup": child.lookup_column, "column": child.column,
        "parent": parent, "parent_key": parent_key, "found_by": found_by,
    }  # fmt: skip
    update = bind(filled("resolve", names), child=child.table, column=child.column, sfids=list(sfids))
    return f"{bind(_Q['origin'], table=child.table)};\n{update}"
