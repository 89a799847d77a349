"""A page of Salesforce's answer on its way into a table: streamed into a staging table, then merged set by set.

The merge is the guarded statement that the records of messages go through, in the same words. What it sends back (edits that
Salesforce has not got yet, rows born here, tombstones) travels on by the road that changes take, which treats each with care.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from common import clock
from common.backfill import Loaded, Page, PutAside
from common.change import MODSTAMP, REREAD, Change, Op, Side
from common.errors import Terminal, Transient
from common.mapping import ID, Mapping
from common.postgres.connect import Row, Transaction
from common.postgres.queries import load
from common.postgres.ruled_cells import with_ruled_cells
from common.postgres.statements import ConfigurationChanged, Statements

STAMP = "%Y-%m-%dT%H:%M:%S.000Z"  #: how the Bulk API writes SystemModstamp, which has whole seconds
ASIDE = 500  #: records put aside at a time, and how small a part gets whose culprit the other road shall find
CULPRITS = frozenset({"parent_missing", "born_twice"})  #: errors of single records that may heal

_Q = load("staging")


class Staging:
    """One page in one transaction.

    Args:
        read_at: When the query was asked.
        event: Names where the records come from; the same for every redelivery.
    """

    def __init__(self, tx: Transaction, mapping: Mapping, page: Page, read_at: datetime, event: str) -> None:
        self._tx = tx
        self._mapping = mapping
        self._page = page
        self._read_at = read_at
        self._event = event
        self._titles = _known(mapping, page.titles)
        self._sql = Statements(mapping)

    def load(self, put_aside: PutAside) -> Loaded:
        """Take the page's bytes and merge what they say.

        Raises:
            Transient: nothing was written.
        """
        self._tx.run_bound(_Q["memory"])
        self._tx.run_bound(self._statement("table"))
        refused: list[Row] = []
        records = self._tx.copy(self._statement("copy"), self._bytes(refused))
        if records + len(refused) != self._page.records:
            raise Transient(
                "page_incomplete", f"{records} of {self._page.records} records came", "The page is asked for again."
            )
        written, stale, aside = self._merge(0, records, put_aside)
        aside += self._put_aside(refused, put_aside) if refused else 0
        since = (self._read_at - REREAD).astimezone(UTC).strftime(STAMP)
        close = [(sfid, clock.parse(stamp)) for sfid, stamp in self._run("close", since=since)]
        family = self._run("sfids")[0][0] if self._mapping.parent_keys or self._mapping.children else []
        return Loaded(self._page.records, written, stale, aside, close, family)

    def _bytes(self, refused: list[Row]) -> Iterator[bytes]:
        """As they came; where the mapping has rules, what these make of a value stands behind the row's own cells."""
        ruled = [(self._titles.index(f.name), f) for f in self._mapping.fields if f.rules]
        return with_ruled_cells(self._page.chunks, ruled, refused) if ruled else self._page.chunks

    def _statement(self, query: str) -> str:
        return self._sql.staged(query, self._titles)

    def _run(self, query: str, **parameters: Any) -> list[Row]:
        return self._tx.run(self._statement(query), **parameters)

    # -- merging -----------------------------------------------------------------------------------

    def _merge(self, after: int, until: int, put_aside: PutAside) -> tuple[int, int, int]:
        """Merge some; where one of them is refused, cut in halves until few enough are left for the other road."""
        try:
            with self._tx.attempt():
                told, written, stale = self._apply(after, until)
        except (Terminal, Transient) as exc:
            if isinstance(exc, Transient) and exc.reason not in CULPRITS:
                raise
            if until - after <= ASIDE:
                return 0, 0, self._put_aside(self._run("between", after=after, until=until), put_aside)
            middle = (after + until) // 2
            parts = (self._merge(after, middle, put_aside), self._merge(middle, until, put_aside))
            return parts[0][0] + parts[1][0], parts[0][1] + parts[1][1], parts[0][2] + parts[1][2]
        numbers = [n for n, word, _ in told or () if _is_told(word)]
        for start in range(0, len(numbers), ASIDE):
            self._put_aside(self._run("records", numbers=numbers[start : start + ASIDE]), put_aside)
        return written, stale, len(numbers)

    def _apply(self, after: int, until: int) -> Row:
        self._tx.run(self._sql["origin"], table=self._mapping.table)
        self._run("lock", after=after, until=until, read_at=self._read_at)
        return self._run(
            "apply", after=after, until=until, read_at=self._read_at, every=False, table=self._mapping.table,
            mapping_id=self._mapping.id, configuration=self._mapping.configuration,
            key_column=self._mapping.key_column, mint=self._mapping.write_back_external_ids,
        )[0]  # fmt: skip

    def _put_aside(self, rows: list[Row], put_aside: PutAside) -> int:
        put_aside([self._change(row) for row in rows])
        return len(rows)

    def _change(self, row: Row) -> Change:
        fields = dict(zip(self._titles, row, strict=True))
        sfid = fields.pop(ID)
        return Change(
            source=Side.SALESFORCE, sobject=self._mapping.sobject, record_id=sfid, op=Op.UPSERT,
            stamp=clock.parse(fields[MODSTAMP]), event_id=f"{self._event}/{sfid}", fields=fields, read_at=self._read_at,
        )  # fmt: skip


def _is_told(word: str) -> bool:
    if word == "remapped":
        raise ConfigurationChanged
    return True


def _known(mapping: Mapping, titles: Sequence[str]) -> list[str]:
    """The titles as the mapping spells them.

    Raises:
        Terminal: a mapped field is not among them.
    """
    names = {name.lower(): name for name in mapping.read_fields}
    found = [names.get(title.lower(), title) for title in titles]
    if missing := sorted(set(mapping.read_fields) - set(found)):
        raise Terminal(
            "mapping_changed", f"{', '.join(missing)} of {mapping.sobject} was mapped after the query was asked",
            "Start the backfill again: `isthmus backfill start`.",
        )  # fmt: skip
    return found
