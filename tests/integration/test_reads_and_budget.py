"""Hints are read within the budget of API calls that all senders share; what cannot be read now is not lost."""

from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from common.change import Change, Outcome
from common.errors import IsthmusError, Transient
from common.flows import to_postgres
from common.flows.definitions import Definitions
from common.postgres.api_limit import Purse
from common.postgres.connect import Database
from common.postgres.dead_letters import DeadLetters
from common.postgres.table import PostgresTable
from tests.fakes.factories import ACTION, a_change
from tests.integration.accounts import TABLE, rows, run
from tests.integration.road import Road
from tests.standin.driving import Standin


@pytest.fixture(scope="module")
def standin() -> Iterator[Standin]:
    with Standin() as running:
        yield running


class Reader:
    """The arriving road of a Road's database and org."""

    def __init__(self, road: Road) -> None:
        self.road = road
        self.began = road.hand()
        self.told: list[IsthmusError] = []
        self.world = to_postgres.World(
            road.book, PostgresTable(road.database, road.hand), road.world.org, DeadLetters(road.database),
            road.topic, road.hand, Purse(road.database, road.hand), 20, Definitions(self.told.append),
        )  # fmt: skip

    def arrive(self, ids: Sequence[str], **bent: Any) -> list[Outcome]:
        """Hints of these records, old enough that a read is not repeated."""
        hints = [self.hint(i, **bent) for i in ids]
        return to_postgres.apply(hints, self.world)

    def hint(self, record_id: str, **bent: Any) -> Change:
        return a_change(**({"record_id": record_id, "fields": {}, "stamp": self.began} | bent))

    def spent(self) -> list[int]:
        return [r["calls"] for r in rows(self.road.database, "SELECT calls FROM isthmus.api_usage ORDER BY day")]


@pytest.fixture
def reader(database: Database, standin: Standin) -> Iterator[Reader]:
    standin.control("POST", "reset")
    standin.sign_in()
    road = Road(database, standin)
    road.hand.move(-30)
    yield Reader(road)
    road.close()


def made(standin: Standin, count: int) -> list[str]:
    """So many accounts; their ids."""
    ids: list[str] = []
    for start in range(0, count, 200):
        records = [{"attributes": {"type": "Account"}, "Name": f"n{n}"} for n in range(start, min(start + 200, count))]
        ids += [r["id"] for r in standin.rest("POST", "composite/sobjects", {"records": records}).json()]
    return ids


def count(database: Database) -> int:
    return int(run(database, f"SELECT count(*) FROM {TABLE}")[0][0])


def reasons(outcomes: Sequence[Outcome]) -> set[tuple[str, str]]:
    return {(o.ending.value, o.reason) for o in outcomes}


def test_two_thousand_hints_cost_one_call(reader: Reader, standin: Standin) -> None:
    """Which is counted for its mapping, as a sender's is; what the org said of its limit is written down."""
    ids = made(standin, 2000)
    reader.road.forget_calls()

    outcomes = reader.arrive(ids)

    assert {("applied", "")} == reasons(outcomes)
    assert (1, [1], 2000) == (reader.road.calls(), reader.spent(), count(reader.road.database))
    ((used, seen),) = run(reader.road.database, "SELECT used, seen_at IS NOT NULL FROM isthmus.api_limit")
    assert (True, True) == (used > 0, seen)


def test_the_reserve_is_not_read_away(reader: Reader, standin: Standin) -> None:
    """No call is made, the message comes again; once there are calls again, the records are read."""
    ids = made(standin, 3)
    note = "UPDATE isthmus.api_limit SET used = :used, allowed = 100, seen_at = :now"
    run(reader.road.database, note, used=80, now=reader.road.hand())
    reader.road.forget_calls()

    held = reader.arrive(ids)
    calls, rows_then = reader.road.calls(), count(reader.road.database)
    run(reader.road.database, note, used=79, now=reader.road.hand())
    later = reader.arrive(ids)

    assert ({("later", "api_reserve")}, 0, 0) == (reasons(held), calls, rows_then)
    assert all("isthmus resume" in o.hint for o in held)
    assert ({("applied", "")}, 3) == (reasons(later), count(reader.road.database))
    assert [] == rows(reader.road.database, "SELECT FROM isthmus.dead_letter")


def test_a_mappings_cap_holds_reads_too(reader: Reader, standin: Standin) -> None:
    """One call a day: the second hint waits for the next one, a complete change does not."""
    ids = made(standin, 2)
    run(reader.road.database, "UPDATE isthmus.sync_configurations SET max_daily_calls = 1")

    first, second = reader.arrive(ids[:1]), reader.arrive(ids[1:])
    reader.road.move(86_400)
    third = reader.arrive(ids[1:])

    assert [{("applied", "")}, {("later", "api_cap")}, {("applied", "")}] == [
        reasons(o) for o in (first, second, third)
    ]


def test_a_used_up_limit_is_left_alone(reader: Reader, standin: Standin) -> None:
    """One refused read tells everybody; an hour later the next one finds out anew."""
    ids = made(standin, 1)
    reader.road.fault(status=403, for_seconds=1800, match="composite/sobjects")
    reader.road.forget_calls()

    with pytest.raises(Transient, match="request_limit_exceeded"):
        reader.arrive(ids)
    held = [reader.arrive(ids) for _ in range(3)]
    calls = reader.road.calls()
    reader.road.move(3601)
    later = reader.arrive(ids)

    assert [{("later", "api_closed")}] * 3 == [reasons(o) for o in held]
    assert (1, {("applied", "")}) == (calls, reasons(later))


def test_senders_and_readers_share_one_purse(reader: Reader, standin: Standin) -> None:
    """Calls of both count against the same cap."""
    ids = made(standin, 1)
    run(reader.road.database, "UPDATE isthmus.sync_configurations SET max_daily_calls = 2")
    run(reader.road.database, f"INSERT INTO {TABLE} (id, name) VALUES ('a', 'b')")

    reader.road.send()
    read = reader.arrive(ids)
    run(reader.road.database, f"INSERT INTO {TABLE} (id, name) VALUES ('c', 'd')")
    sent = reader.road.send()

    assert ({("applied", "")}, [2]) == (reasons(read), reader.spent())
    assert ("waits", "api_cap") in reasons(sent)


def test_a_message_that_lacks_fields_says_so_once(reader: Reader, standin: Standin) -> None:
    """Each costs a read and arrives all the same; the warning names the fields and comes once."""
    ids = made(standin, 3)
    fields = {"Name": "x", "SystemModstamp": reader.road.hand().isoformat()}

    outcomes = [reader.arrive([i], origin=ACTION, fields=fields) for i in ids]

    assert [{("applied", "")}] * 3 == [reasons(o) for o in outcomes]
    (told,) = reader.told
    assert "message_unregistered" == told.reason
