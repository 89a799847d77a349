"""The mapped tables: complete changes become rows, the newest version wins."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TypeVar

from common import clock
from common.change import Change, Ending, Op, Outcome
from common.errors import Terminal, Transient
from common.mapping import Mapping
from common.ports import Verdict
from common.postgres import families, leaving, merge
from common.postgres.connect import Database
from common.postgres.queries import as_json, bind
from common.postgres.statements import ConfigurationChanged, Record, Statements

T = TypeVar("T")

DEADLOCKS = 2  #: in a row; next time the row is there and is locked in its turn
MAX_BATCH = 500  #: changes in one statement: its locks last some milliseconds


class PostgresTable:
    """Implements ports.Table."""

    def __init__(self, database: Database, now: Callable[[], datetime] = clock.now) -> None:
        self._database = database
        self._now = now
        self._statements: dict[int, Statements] = {}

    def apply(self, mapping: Mapping, changes: Sequence[Change], *, read: bool = False) -> list[Verdict]:
        """Write complete changes, newest version wins. One verdict per change, same order.

        Raises:
            ConfigurationChanged, Transient, Misconfigured: nothing, or whole slices of it, was written; try all again.
        """
        verdicts: list[Verdict | None] = [None] * len(changes)
        chosen = self._newest(changes, verdicts)
        looks: set[str] = set()
        for start in range(0, len(chosen), MAX_BATCH):
            self._slice(mapping, changes, chosen[start : start + MAX_BATCH], verdicts, read, looks)
        self.follow_family(mapping, sorted(looks))
        return [v for v in verdicts if v is not None]

    def let_go(self, mapping: Mapping, changes: Sequence[Change]) -> list[Verdict]:
        """Take away rows whose records were read outside of the mapping's filter; not while edits of them wait.

        A tombstone keeps the row's key, should the record come back.

        Raises:
            ConfigurationChanged, Transient, Misconfigured: nothing, or whole slices of it, was written; try all again.
        """
        verdicts: list[Verdict] = []
        for start in range(0, len(changes), MAX_BATCH):
            some = changes[start : start + MAX_BATCH]
            with self._database.transaction() as transaction:
                verdicts += leaving.Leaving(transaction, self._of(mapping), mapping, self._now()).let_go(some)
        return verdicts

    def versions(self, mapping: Mapping, ids: Sequence[str]) -> dict[str, tuple[datetime, datetime]]:
        """The versions of the records that have a row; not of one that we wrote since it was read."""
        rows = self._database.at_once(bind(self._of(mapping)["versions"], sfids=sorted(set(ids))))
        return {sfid: (stamp, read_at) for sfid, stamp, read_at in rows}

    def follow_family(self, mapping: Mapping, sfids: Sequence[str]) -> None:
        """Fill the relationship columns of rows that arrived, and of rows that had waited for them as parents.

        Repeating it changes nothing. It follows the transaction that wrote the rows.
        """
        for start in range(0, len(sfids), MAX_BATCH):
            script = families.arrivals(mapping, sfids[start : start + MAX_BATCH], self._now())
            if script:
                self._database.at_once(script)

    def _newest(self, changes: Sequence[Change], verdicts: list[Verdict | None]) -> list[int]:
        """Positions of each record's newest change; the others are judged on the spot."""
        best: dict[str, int] = {}
        for n, change in enumerate(changes):
            m = best.setdefault(change.record_id, n)
            if m == n:
                continue
            other = changes[m]
            if change.version == other.version and change.fields != other.fields:
                verdicts[n] = Verdict(needs_read=True)  # which of the two is newer, only a read can tell
                continue
            newer, older = (n, m) if change.version > other.version else (m, n)
            best[change.record_id] = newer
            verdicts[older] = _ended(changes[older], Ending.STALE)
        return list(best.values())

    def _slice(
        self, mapping: Mapping, changes: Sequence[Change], chosen: list[int], verdicts: list[Verdict | None],
        read: bool, looks: set[str],
    ) -> None:  # fmt: skip
        """Write some; where one of them is refused, cut in halves until the culprit stands alone."""
        try:
            self._write(mapping, changes, chosen, verdicts, read, looks)
        except (Terminal, Transient) as exc:
            alone = isinstance(exc, Terminal) or exc.reason == "parent_missing"  # its neighbours need not wait with it
            if not alone:
                raise
            if len(chosen) == 1:
                ending = Ending.FAILED if isinstance(exc, Terminal) else Ending.LATER
                verdicts[chosen[0]] = Verdict(Outcome(changes[chosen[0]], ending, exc.reason, exc.hint, exc.detail))
                return
            middle = len(chosen) // 2
            self._slice(mapping, changes, chosen[:middle], verdicts, read, looks)
            self._slice(mapping, changes, chosen[middle:], verdicts, read, looks)

    def _write(
        self, mapping: Mapping, changes: Sequence[Change], chosen: list[int], verdicts: list[Verdict | None],
        read: bool, looks: set[str],
    ) -> None:  # fmt: skip
        if mapping.is_event:
            for n, word in self._append(mapping, changes, chosen):
                verdicts[n] = _verdict(changes[n], word)
            return
        careful = [n for n in chosen if read or changes[n].op is Op.DELETE]
        plain = [n for n in chosen if not read and changes[n].op is Op.UPSERT]
        if plain:
            for n, word, look in _despite_deadlocks(lambda: self._at_once(mapping, changes, plain)):
                if look:
                    looks.add(changes[n].record_id)
                if word in ("adopt", "unsettled", "overtaken"):
                    careful.append(n)
                else:
                    verdicts[n] = _verdict(changes[n], word)
        if careful:
            for n, verdict in _despite_deadlocks(lambda: self._with_care(mapping, changes, sorted(careful), read)):
                verdicts[n] = verdict
            looks.update(changes[n].record_id for n in careful if changes[n].op is Op.UPSERT)

    def _append(self, mapping: Mapping, changes: Sequence[Change], chosen: list[int]) -> list[tuple[int, str]]:
        """Keep platform events; nothing of a table of events is ever changed."""
        statements = self._of(mapping)
        records = as_json(statements.record(changes[n], n) for n in chosen)
        script = bind(
            statements["append"], records=records, mapping_id=mapping.id, configuration=mapping.configuration
        )  # fmt: skip
        ((words,),) = self._database.at_once(script)
        return [(n, _word(word)) for n, word in words]

    def _at_once(self, mapping: Mapping, changes: Sequence[Change], chosen: list[int]) -> list[tuple[int, str, bool]]:
        """The common case, in one round trip: no edits of ours are in the way."""
        statements = self._of(mapping)
        sfids = [changes[n].record_id for n in chosen]
        script = ";\n".join(
            (
                bind(statements["origin"], table=mapping.table),
                bind(statements["lock"], sfids=sfids),
                self.apply_statement(mapping, [statements.record(changes[n], n) for n in chosen]),
            )
        )
        ((words, _, _),) = self._database.at_once(script)
        return [(n, _word(word), look) for n, word, look in words]

    def apply_statement(self, mapping: Mapping, records: Sequence[Record]) -> str:
        """The guarded statement with its records."""
        return bind(
            self._of(mapping)["apply"],
            records=as_json(records),
            every=True,
            table=mapping.table,
            mapping_id=mapping.id,
            configuration=mapping.configuration,
            key_column=mapping.key_column,
            mint=mapping.write_back_external_ids,
        )

    def _with_care(
        self, mapping: Mapping, changes: Sequence[Change], chosen: list[int], read: bool
    ) -> list[tuple[int, Verdict]]:
        """Rows with edits that Salesforce has not got yet, rows born here, deletions, tombstones."""
        with self._database.transaction() as transaction:
            session = merge.Session(transaction, self._of(mapping), mapping, self._now())
            return session.settle([(n, changes[n]) for n in chosen], read, self.apply_statement)

    def _of(self, mapping: Mapping) -> Statements:
        held = self._statements.get(mapping.id)
        if held is None or held.mapping is not mapping:
            held = self._statements[mapping.id] = Statements(mapping)
        return held


def _despite_deadlocks(write: Callable[[], T]) -> T:
    """Rows are locked in key order, but one that was born after the locks were taken is met out of turn."""
    for _ in range(DEADLOCKS):
        try:
            return write()
        except Transient as exc:
            if exc.reason != "deadlock":
                raise
    return write()


def _word(word: str) -> str:
    if word == "remapped":
        raise ConfigurationChanged
    return word


def _verdict(change: Change, word: str) -> Verdict:
    match word:
        case "write":
            return _ended(change, Ending.APPLIED)
        case "stale":
            return _ended(change, Ending.STALE)
        case "buried":
            return Verdict(needs_read=True, buried=True)
        case _:
            return Verdict(needs_read=True)


def _ended(change: Change, ending: Ending) -> Verdict:
    return Verdict(Outcome(change, ending))
