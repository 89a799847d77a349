"""What people may change of a live mapping's fields: those that join it, and the rules of their values."""

import json
from collections.abc import Mapping as Map
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from common import ruling
from common.errors import Misconfigured, Terminal
from common.mapping import Field, Mapping
from common.postgres import ddl, mappings, refills
from common.postgres.connect import Transaction
from common.postgres.values import canonical
from common.salesforce import describe


@dataclass(frozen=True, slots=True)
class FieldChange:
    """A mapping as it will be, and the fields that every row gets anew."""

    before: Mapping
    after: Mapping
    fields: tuple[Field, ...]
    statements: Sequence[str] = ()


def join(described: dict[str, Any], mapping: Mapping, orders: Map[str, ruling.Order], *, style: str) -> FieldChange:
    """Fields that join a mapping."""
    after, new = describe.more_fields(described, mapping, orders, style=style)
    refuse_odd_values(after)
    return FieldChange(mapping, after, new, ddl.add_fields(after, new))


def change_rules(described: dict[str, Any], mapping: Mapping, orders: Map[str, ruling.Order]) -> FieldChange:
    """Other rules for fields. A column's name stays: others know it by that.

    Raises:
        Misconfigured: a rule cannot be kept, or a column would get another name.
    """
    if renamed := sorted(name for name, order in orders.items() if order.column):
        raise Misconfigured(
            "rule",
            f"{renamed[0]}: its column has a name already",
            "Add the column under another name by `create`, or a view.",
        )
    after = describe.ruled(described, mapping, orders)
    refuse_odd_values(after)
    return FieldChange(mapping, after, tuple(after.by_name[name] for name in orders))


def carry_out(tx: Transaction, change: FieldChange) -> None:
    """Columns, triggers, mapping and the wish for a refill in one transaction: no change and no edit is missed.

    Raises:
        Terminal: edits of these fields are under way, and were written under the old rules.
    """
    refuse_edits(tx, change.before, [f.column for f in change.fields if f.name in change.before.by_name])
    for statement in change.statements:
        tx.run_bound(statement)
    mappings.store_fields(tx, change.after)
    refills.begin(tx, change.after, [f.name for f in change.fields])


def refuse_edits(tx: Transaction, mapping: Mapping, columns: Sequence[str]) -> None:
    """Edits that are under way were written under what is valid now.

    Raises:
        Terminal: there are some.
    """
    if columns and (waiting := mappings.edits_of(tx, mapping, columns)):
        raise Terminal(
            "edits_under_way", f"{waiting} edits of {', '.join(columns)} have not arrived",
            "Wait until they have (`isthmus status`), or settle them (`isthmus failures list`).",
        )  # fmt: skip


def said(field: Field) -> str:
    """A field's rules in one line; empty where there are none."""
    return ", ".join(
        name if value is True and name in ("trim", "readonly") else f"{name}={_word(value)}"
        for name, value in field.rules.written().items()
    )


def _word(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def refuse_odd_values(mapping: Mapping) -> None:
    """Defaults and constants must be of the field's kind.

    Raises:
        Misconfigured: one is not.
    """
    for field in mapping.fields:
        for rule, value in (("default", field.rules.default), ("constant", field.rules.constant)):
            try:
                canonical(field.kind, value)
            except Terminal as exc:
                raise Misconfigured("rule", f"{field.name}: {rule} {value!r} is no {field.kind}", exc.hint) from exc
