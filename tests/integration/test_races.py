"""Two deliveries at the same moment, on connections of their own."""

from collections.abc import Callable
from dataclasses import replace

from common import config
from common.change import Change
from common.ports import Verdict
from common.postgres.connect import Database
from common.postgres.table import PostgresTable
from tests.integration.accounts import at_the_same_time, endings, map_table, record

ROUNDS = 60


def test_of_two_edits_in_one_second_none_is_taken_for_the_others_repetition(settings: config.Database) -> None:
    """A new record's two messages, equal stamps and other contents, at once: one is written, the other asks for a read."""
    with Database(settings) as database:
        mapping = map_table(database)

    def deliver(change: Change) -> Callable[[], list[Verdict]]:
        def work() -> list[Verdict]:
            with Database(settings) as own:
                return PostgresTable(own).apply(mapping, [change])

        return work

    for n in range(ROUNDS):
        first = record(n, Name="first")
        second = replace(first, fields={**first.fields, "Name": "second"}, event_id="second")

        verdicts = [v for found in at_the_same_time(deliver(first), deliver(second)) for v in found]

        assert ["applied", "read"] == sorted(endings(verdicts))
