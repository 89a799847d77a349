"""Postgres' log of one table as Debezium would tell it, kept until a test has it told: late, jumbled, twice."""

import json
from datetime import UTC, datetime, timedelta

from common.debezium import envelope
from common.flows import capture
from common.postgres.captured import CaptureLog
from common.postgres.connect import Database
from common.postgres.mappings import MappingBook
from tests.integration.accounts import TABLE, run

# Our own writes are written down too, and each row's edits in their order, with the top transaction's id.
_KEEP = f"""
CREATE TABLE public.wal (
    position bigint PRIMARY KEY, transaction bigint, op text, before jsonb, after jsonb, at timestamptz DEFAULT clock_timestamp()
);
CREATE FUNCTION public.keep() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO public.wal
    SELECT pg_current_wal_insert_lsn() - '0/0', pg_current_xact_id()::xid::text::bigint, lower(left(TG_OP, 1)),
           CASE WHEN TG_OP <> 'INSERT' THEN to_jsonb(OLD.*) END, CASE WHEN TG_OP <> 'DELETE' THEN to_jsonb(NEW.*) END;
    RETURN NULL;
END
$$;
CREATE TRIGGER a_wal AFTER INSERT OR UPDATE OR DELETE ON {TABLE} FOR EACH ROW EXECUTE FUNCTION public.keep()
"""
_OPS = {"i": "c", "u": "u", "d": "d"}


class Wal:
    """What was written, and a connector that is as far behind as the test wants."""

    def __init__(self, database: Database, *, install: bool = True) -> None:
        self.database = database
        book = MappingBook(database)
        self.world = capture.World(book, CaptureLog(database, book), lambda: None)
        if install:
            run(database, _KEEP)

    def take(self, made_at: datetime | None = None) -> list[bytes]:
        """The envelopes of what was written since the last time, in order."""
        rows = run(
            self.database,
            "WITH taken AS (DELETE FROM public.wal RETURNING *) SELECT position, transaction, op, before, after, at FROM taken ORDER BY 1",
        )
        return [self._envelope(*row[:5], made_at or row[5]) for row in rows]

    def tell(self, *envelopes: bytes) -> list[bool]:
        """Whether each was logged."""
        return [capture.apply(envelope.read(e), self.world) for e in envelopes]

    def tell_all(self) -> list[bool]:
        return self.tell(*self.take())

    def _envelope(
        self, position: int, transaction: int, op: str, before: object, after: object, made_at: datetime
    ) -> bytes:
        schema, table = TABLE.split(".")
        micros = (made_at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
        source = {"schema": schema, "table": table, "lsn": position, "txId": transaction, "ts_us": micros}
        return json.dumps({"op": _OPS[op], "before": before, "after": after, "source": source}).encode()
