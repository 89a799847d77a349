"""The table, index and triggers of a mapping, as the statements that make them."""

from collections.abc import Sequence

from common.family import ParentKey
from common.mapping import Capture, Direction, Field, Kind, Mapping
from common.postgres.connect import Transaction
from common.postgres.queries import identifier, literal, load
from common.postgres.values import COLUMN_TYPE

_Q = load("ddl")
_CAPTURE = {
    Capture.TRIGGER: ("capture_insert", "capture_update", "capture_delete", "refuse_truncate"),
    Capture.DEBEZIUM: ("replica_identity", "note_own", "entomb", "refuse_truncate"),
}


def create(mapping: Mapping) -> list[str]:
    """Everything a new mapping needs, in order."""
    if mapping.is_event:
        return [_fill(_Q[name], _names(mapping)) for name in ("schema", "event_table", "event_index")]
    statements = [_Q["schema"], _Q["table"], _Q["modstamp_index"]]
    statements += [_fill(_Q["parent_index"], _lookup(k)) for k in mapping.parent_keys]
    names = _names(mapping)
    if mapping.direction is not Direction.SF_TO_PG:
        statements += [_Q[name] for name in _CAPTURE[mapping.capture]]
    return [_fill(statement, names) for statement in (*statements, _Q["state_view"])]


def add_parent_keys(mapping: Mapping, keys: Sequence[ParentKey]) -> list[str]:
    """What a mapping needs for more relationship columns; its triggers are made anew, for they name what is captured."""
    statements = [_fill(_Q[query], _lookup(k)) for k in keys for query in ("parent_column", "parent_index")]
    if mapping.direction is not Direction.SF_TO_PG:
        statements += [_Q[name] for name in ("end_capture", *_CAPTURE[mapping.capture])]
    names = _names(mapping)
    return [_fill(statement, names) for statement in statements]


def add_fields(mapping: Mapping, fields: Sequence[Field]) -> list[str]:
    """What a mapping needs for more fields, in one transaction with the mapping; its triggers are made anew as well."""
    columns = [{"column": identifier(f.column), "type": COLUMN_TYPE[f.kind]} for f in fields]
    statements = [_fill(_Q["column"], names) for names in columns]
    return [*(_fill(statement, _names(mapping)) for statement in statements), *capture_anew(mapping)]


def capture_anew(mapping: Mapping) -> list[str]:
    """The triggers of a mapping whose columns are others now; none where nothing is captured."""
    if mapping.direction is Direction.SF_TO_PG:
        return []
    return [_fill(_Q[name], _names(mapping)) for name in ("end_capture", *_CAPTURE[mapping.capture])]


def mend(mapping: Mapping, field: Field, to: Kind | None) -> list[str]:
    """What gives a column the type that its field has now; nothing where no type would do."""
    if to is None:
        return []
    return [_fill(_Q["retype"], _names(mapping) | {"column": identifier(field.column), "type": COLUMN_TYPE[to]})]


def change_capture(before: Mapping, after: Mapping) -> list[str]:
    """From one way of capture to another, in one transaction: the first statement takes the table's lock."""
    names = _names(after)
    steps = [
        "end_capture",
        *(["usual_identity", "forget_rows"] if before.capture is Capture.DEBEZIUM else []),
        *_CAPTURE[after.capture],
        *(["know_rows"] if after.capture is Capture.DEBEZIUM else []),
    ]
    return [_fill(_Q[name], names) for name in steps]


def change(before: Mapping, after: Mapping) -> list[str]:
    """From one set of fields and direction to another: new columns; triggers anew, for they name what is captured.

    Columns whose fields are not mapped any more stay in the table as they are.
    """
    had = {f.column for f in before.written}
    new = [f for f in after.written if f.column not in had]
    statements = [_fill(_Q["column"], _column(f)) for f in new]
    statements += [_fill(_Q["parent_index"], _lookup(k)) for k in after.parent_keys if k.column not in had]
    sent = [m.direction is not Direction.SF_TO_PG for m in (before, after)]
    if sent[0] != sent[1] or (sent[1] and [f.column for f in before.written] != [f.column for f in after.written]):
        statements += [_Q["end_capture"], *([_Q[name] for name in _CAPTURE[after.capture]] if sent[1] else [])]
    names = _names(after)
    return [_fill(statement, names) for statement in statements]


def end_capture(mapping: Mapping) -> list[str]:
    """What is left to do in the table when its mapping is deleted."""
    identity = ["usual_identity", "forget_rows"] if mapping.capture is Capture.DEBEZIUM else []
    return [_fill(_Q[name], _names(mapping)) for name in ("end_capture", *identity, "drop_state_view")]


def table_exists(transaction: Transaction, table: str) -> bool:
    """Whether there is such a table."""
    return bool(transaction.run(_Q["exists"], table=identifier(table))[0][0])


def _names(mapping: Mapping) -> dict[str, str]:
    schema = mapping.table.partition(".")[0]
    columns = [identifier(f.column) for f in mapping.captured]
    return {
        "schema": identifier(schema),
        "table": identifier(mapping.table),
        "table_text": literal(mapping.table),
        "key": identifier(mapping.key_column),
        "key_text": literal(mapping.key_column),
        "columns": "".join(f",\n    {c} {COLUMN_TYPE[f.kind]}" for c, f in zip(columns, mapping.captured, strict=True)),
        "columns_text": literal([f.column for f in mapping.captured]) + "::text[]",
        "arguments": ", ".join(literal(n) for n in (mapping.key_column, *(f.column for f in mapping.captured))),
    }


def _column(field: Field) -> dict[str, str]:
    return {"column": identifier(field.column), "type": COLUMN_TYPE[field.kind]}


def _lookup(key: ParentKey) -> dict[str, str]:
    return {"lookup": identifier(key.lookup_column), "column": identifier(key.column)}


def _fill(statement: str, names: dict[str, str]) -> str:
    for name, value in names.items():
        statement = statement.replace("{" + name + "}", value)
    return statement
