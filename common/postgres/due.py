"""What the change log holds for later, asked once after a run, while the database is awake anyway."""

from common import clock
from common.postgres.connect import Database
from common.postgres.queries import load
from common.schedule import Due

_Q = load("due")


def read(database: Database, now: clock.Clock = clock.now) -> Due:
    """When something can be claimed again.

    Raises:
        Transient, Misconfigured: it could not be read.
    """
    with database.transaction() as tx:
        ((at, under_way),) = tx.run(_Q["due"], now=now())
    return Due(at, under_way)
