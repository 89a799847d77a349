"""Refills under way: which fields, how far, and the rows that get them."""

from collections.abc import Sequence

from common.change import Change
from common.errors import Terminal
from common.mapping import Direction, Field, Kind, Mapping
from common.ports import Refill
from common.postgres import mappings
from common.postgres.connect import Database, Transaction
from common.postgres.queries import as_json, bind, identifier, load
from common.postgres.statements import ConfigurationChanged
from common.postgres.values import RECORD_TYPE, arriving

_Q = load("refill")
_T = load("table")


def begin(tx: Transaction, mapping: Mapping, fields: Sequence[str]) -> None:
    """Have fields read for every row: in the transaction that changes the mapping, so that none is missed.

    Not where nothing can be read: of what only goes to Salesforce, and of events, which have no records.
    """
    if mapping.direction is Direction.PG_TO_SF or mapping.is_event:
        return
    tx.run(_Q["begin"], mapping_id=mapping.id, fields=sorted(fields))


class PostgresRefills:
    """Implements ports.Refills."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def open(self) -> list[Refill]:
        """The refills of active mappings, the oldest first."""
        with self._database.transaction() as tx:
            known = {m.id: m for m in mappings.read(tx) if m.active}
            rows = tx.dicts(_Q["open"])
        return [
            Refill(m, tuple(f for f in m.fields if f.name in row["fields"]), tuple(row["fields"]), row["after_id"])
            for row in rows
            if (m := known.get(row["sync_config_id"])) is not None
        ]

    def fill(self, refill: Refill, read: Sequence[Change]) -> tuple[int, Sequence[str]]:
        """Write the fields and move on behind what was read, in one transaction; where a value fits no column, all are
        to be read whole, one by one.
        """
        try:
            return self._step(refill, read, plain=not refill.mapping.is_told_late)
        except Terminal:
            return self._step(refill, read, plain=False)

    def _step(self, refill: Refill, read: Sequence[Change], *, plain: bool) -> tuple[int, Sequence[str]]:
        """Where Debezium captures, what is known of a row must stay what it says: only a whole read keeps it so."""
        mapping = refill.mapping
        sfids = [c.record_id for c in read]
        with self._database.transaction() as tx:
            tx.run(_T["origin"], table=mapping.table)
            if tx.run(_T["configuration"]) != [[mapping.configuration]]:
                raise ConfigurationChanged
            tx.run(_named(mapping, _T["lock"]), sfids=sfids)
            if plain:
                ((written, whole),) = tx.run_bound(_fill(refill, read))
            else:
                written, whole = 0, [row[0] for row in tx.run(_named(mapping, _Q["here"]), sfids=sfids)]
            tx.run(
                _Q["advance"], mapping_id=mapping.id, before_id=refill.after_id, after_id=sfids[-1],
                names=list(refill.names), filled=written,
            )  # fmt: skip
        return written, whole

    def end(self, refill: Refill) -> None:
        """Every record was read; a refill that has begun anew meanwhile goes on."""
        with self._database.transaction() as tx:
            tx.run(_Q["end"], mapping_id=refill.mapping.id, after_id=refill.after_id, names=list(refill.names))


def _fill(refill: Refill, read: Sequence[Change]) -> str:
    places = list(enumerate(refill.fields))
    values = (f"i.c{n}::integer" if f.kind is Kind.INTEGER else f"i.c{n}" for n, f in places)
    names = {
        "{record_columns}": "".join(f", c{n} {RECORD_TYPE[f.kind]}" for n, f in places),
        "{assignments}": ", ".join(f"{identifier(f.column)} = {v}" for (_, f), v in zip(places, values, strict=True)),
    }
    statement = _named(refill.mapping, _Q["fill"])
    for name, text in names.items():
        statement = statement.replace(name, text)
    return bind(statement, records=as_json(_record(c, refill.fields) for c in read), table=refill.mapping.table)


def _record(change: Change, fields: Sequence[Field]) -> dict[str, object]:
    read_at = change.read_at or change.stamp
    head: dict[str, object] = {
        "sfid": change.record_id, "stamp": change.stamp.isoformat(), "read_at": read_at.isoformat(),
    }  # fmt: skip
    return head | {f"c{n}": arriving(f, change.fields.get(f.name)) for n, f in enumerate(fields)}


def _named(mapping: Mapping, statement: str) -> str:
    return statement.replace("{table}", identifier(mapping.table)).replace("{key}", identifier(mapping.key_column))
