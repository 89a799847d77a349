"""How many records arrived, bucket by bucket; hours that are over are summed up, so that years are read as fast as a day."""

from collections.abc import Sequence
from datetime import datetime

from common.postgres.connect import Database
from common.postgres.queries import Parameter, load

_Q = load("trends")


class Trends:
    """Implements desk.Trends."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def counts(
        self, starts: Sequence[datetime], until: datetime, *, sobject: str | None, direction: str | None, fine: bool
    ) -> dict[tuple[int, str], int]:
        """Records that arrived, by (bucket, direction); buckets without any are left out."""
        query = _Q["one_by_one" if fine else "by_the_hour"]
        limits: dict[str, Parameter] = {"starts": [s.isoformat() for s in starts], "from": starts[0], "until": until}
        with self._database.transaction() as tx:
            ((summed,),) = tx.run(_Q["summed_until"])
            rows = tx.run(query, **limits, summed_until=summed, object=sobject, direction=direction)
        return {(bucket - 1, way): records for bucket, way, records in rows}


def sum_up(database: Database, now: datetime) -> None:
    """Sum up every hour that is over for good. What was summed up before is not looked at again."""
    with database.transaction() as tx:
        ((after, horizon),) = tx.run(_Q["horizon"], now=now)
        if str(after) == "-infinity" or after < horizon:  # the next statement sees all that ended before this one
            tx.run(_Q["sum_up"], after=after, until=horizon)
