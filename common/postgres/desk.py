"""Everything that the database offers to a person at the console."""

from common.clock import Clock
from common.desk import Rooms
from common.postgres.audit import Audit
from common.postgres.conflicts import Conflicts
from common.postgres.connect import Database
from common.postgres.dead_letters import DeadLetters
from common.postgres.drifts import Drifting
from common.postgres.failures import Failures
from common.postgres.guard import HeldDeletions
from common.postgres.mappings import MappingBook
from common.postgres.overview import Overview, Switch
from common.postgres.reconciliations import Reconciliations
from common.postgres.records import Records
from common.postgres.trends import Trends


def rooms(database: Database, now: Clock) -> Rooms:
    """The rooms of one database."""
    book = MappingBook(database)
    return Rooms(
        book=book,
        overview=Overview(database, now),
        switch=Switch(database),
        trends=Trends(database),
        records=Records(database, book),
        letters=DeadLetters(database),
        failures=Failures(database),
        conflicts=Conflicts(database),
        held=HeldDeletions(database),
        audit=Audit(database),
        comparisons=Reconciliations(database, now),
        drifts=Drifting(database),
    )
