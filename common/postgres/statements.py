"""The statements of one mapping: sql/queries/table.sql with its names filled in, and the records they take."""

from collections.abc import Mapping as Map
from collections.abc import Sequence
from typing import Any

from common.change import MODSTAMP, Change
from common.errors import Transient
from common.family import ParentKey
from common.mapping import ID, Field, Kind, Mapping
from common.postgres.queries import identifier, literal, load
from common.postgres.values import RECORD_TYPE, arriving

Record = dict[str, Any]

# Where Debezium captures (behind.py says why): what a row says must be what is known of it, and what we write is known.
_UNKNOWN = """
                    OR NOT EXISTS (
                        SELECT
                          FROM isthmus.known_row AS k
                         WHERE k.table_name = :table
                           AND k.record_id = t.{key}
                           AND to_jsonb(t.*) @> k.image
                    )"""
_KNOWN = """, imaged AS (
    SELECT record_id, image FROM updated UNION ALL SELECT record_id, image FROM inserted
), known AS (
    INSERT INTO isthmus.known_row AS k (table_name, record_id, image, position, transaction_id)
    SELECT :table, w.record_id,
           (SELECT coalesce(jsonb_object_agg(n.name, n.value), '{}')
              FROM jsonb_each(w.image) AS n (name, value)
             WHERE n.name = ANY ({mapped})),
           pg_current_wal_insert_lsn() - '0/0', pg_current_xact_id()::xid::text::bigint
      FROM imaged AS w
        ON CONFLICT (table_name, record_id) DO UPDATE
       SET image = excluded.image, position = excluded.position, transaction_id = excluded.transaction_id
), passed AS (
    DELETE FROM isthmus.captured_edit AS e
     USING imaged AS w
     WHERE e.table_name = :table
       AND e.record_id = w.record_id
)"""


class ConfigurationChanged(Transient):
    """The mappings in memory are older than the database's. Nothing was written."""

    def __init__(self) -> None:
        super().__init__("configuration_changed", hint="The mappings are read again and the change is tried again.")


class Statements:
    """The statements of one mapping, with its names filled in."""

    def __init__(self, mapping: Mapping) -> None:
        self.mapping = mapping
        columns = [identifier(f.column) for f in mapping.fields]
        values = [_value(n, f) for n, f in enumerate(mapping.fields)]
        places = {f.column: n for n, f in enumerate(mapping.fields)}
        keys = [(n, k, places[k.lookup_column]) for n, k in enumerate(mapping.parent_keys)]
        columns_in = columns + [identifier(k.column) for k in mapping.parent_keys]
        values_in = values + [_parent(k, place) for _, k, place in keys]
        kept = values + [_kept(n, k, place) for n, k, place in keys]
        texts = load("table")
        names = {
            "incoming": texts["incoming"],
            "table": identifier(mapping.table),
            "key": identifier(mapping.key_column),
            "columns": "".join(f", {c}" for c in columns_in),
            "values": "".join(f", {v}" for v in values_in),
            "assignments": "".join(f",\n           {c} = {v}" for c, v in zip(columns_in, kept, strict=True)),
            "record_columns": "".join(f", c{n} {RECORD_TYPE[f.kind]}" for n, f in enumerate(mapping.fields))
            + "".join(f", k{n} boolean" for n in range(len(mapping.parent_keys))),
            "unresolved": " OR ".join(_unresolved(k) for k in mapping.parent_keys) or "false",
            "same": _same(columns, values),
        } | _late(mapping)
        self._texts = {name: _fill(text, names) for name, text in (texts | load("event")).items()}
        self._staged_apply = _fill(texts["apply"], names | {"incoming": load("staging")["incoming"]})

        # Only ids, empty texts and fields with rules are rewritten; sorted out here, once, for a batch has thousands of values.
        self._places = [(f"c{n}", f.name, f, f.kind is Kind.ID or bool(f.rules)) for n, f in enumerate(mapping.fields)]

    def __getitem__(self, name: str) -> str:
        return self._texts[name]

    def staged(self, query: str, titles: Sequence[str]) -> str:
        """A statement on records that lie in the staging table, whose columns these API names are.

        Args:
            query: `apply`, or one of sql/queries/staging.sql.
        """
        places = {title: f"q{n}" for n, title in enumerate(titles)}
        ruled = [_staged(f, places) for f in self.mapping.fields if f.rules]
        fields, external_id = self.mapping.fields, self.mapping.external_id_field
        names = {
            "staged_columns": "".join(
                f", s.{_staged(f, places)}::{RECORD_TYPE[f.kind]} AS c{n}" for n, f in enumerate(fields)
            )
            + "".join(f", false AS k{n}" for n in range(len(self.mapping.parent_keys))),
            "sfid": places[ID],
            "stamp": places[MODSTAMP],
            "external_id": f"s.{places[external_id]}" if external_id else "NULL::text",
            "table": identifier(self.mapping.table),
            "key": identifier(self.mapping.key_column),
            "names": ", ".join(places.values()),
            "all_names": ", ".join((*places.values(), *ruled)),
            "types": "".join(f", {place} text" for place in (*places.values(), *ruled)),
        }
        return _fill(self._staged_apply if query == "apply" else load("staging")[query], names)

    def record(self, change: Change, n: int, *, settled: bool = False) -> Record:
        """One change as a record of the statement, by column."""
        fields = change.fields
        stamp = change.stamp.isoformat()
        row: Record = {
            "n": n,
            "sfid": change.record_id,
            "external_id": fields.get(self.mapping.external_id_field) or None,
            "stamp": stamp,
            "read_at": change.read_at.isoformat() if change.read_at else stamp,
            "settled": settled,
        }
        for column, name, field, rewritten in self._places:
            value = fields[name]
            row[column] = arriving(field, value) if rewritten or value == "" else value
        return row


def _staged(field: Field, places: Map[str, str]) -> str:
    """The staging table's column with the value as Salesforce wrote it; where rules change it, the one beside it."""
    return f"r{places[field.name]}" if field.rules else places[field.name]


def _late(mapping: Mapping) -> dict[str, str]:
    """Nothing where edits are captured in their own transactions."""
    if not mapping.is_told_late:
        return dict.fromkeys(("unknown", "image", "inserted_image", "known"), "")
    key = identifier(mapping.key_column)
    mapped = literal([f.column for f in mapping.written])
    return {
        "unknown": _UNKNOWN.replace("{key}", key),
        "image": f", t.{key} AS record_id, to_jsonb(t.*) AS image",
        "inserted_image": ", to_jsonb(t.*) AS image",
        "known": _KNOWN.replace("{mapped}", mapped),
    }


def _value(n: int, field: Field) -> str:
    # Numbered, so that no field's column can be mistaken for one of the record's own.
    return f"i.c{n}::integer" if field.kind is Kind.INTEGER else f"i.c{n}"


def _parent(key: ParentKey, place: int) -> str:
    """The parent's key, as far as its row is here."""
    if not key.table:
        return "NULL"
    return f"(SELECT p.{identifier(key.key_column)} FROM {identifier(key.table)} AS p WHERE p.sfid = i.c{place})"


def _kept(n: int, key: ParentKey, place: int) -> str:
    """The same for a row that stands: what was edited here stays, and so does what is known of the same parent."""
    column, lookup = identifier(key.column), identifier(key.lookup_column)
    known = f"CASE WHEN t.{lookup} = i.c{place} THEN t.{column} END"
    return f"CASE WHEN i.k{n} THEN t.{column} ELSE coalesce({_parent(key, place)}, {known}) END"


def _unresolved(key: ParentKey) -> str:
    return f"(t.{identifier(key.lookup_column)} IS NOT NULL AND t.{identifier(key.column)} IS NULL)"


def _same(columns: Sequence[str], values: Sequence[str]) -> str:
    if not columns:
        return "true"
    return f"ROW({', '.join('t.' + c for c in columns)}) IS NOT DISTINCT FROM ROW({', '.join(values)})"


def _fill(text: str, names: dict[str, str]) -> str:
    for name, value in names.items():
        text = text.replace("{" + name + "}", value)
    return text
