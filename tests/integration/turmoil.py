"""Everything that may happen to accounts, and to the messages that tell of it: a stand-in, its outbound messages and events."""

from pathlib import Path
from random import Random
from typing import Any

from common import config
from common.bookmarks.folder import Folder
from common.change import MODSTAMP, Change
from common.events import Channel
from common.flows import pull, reconcile, to_postgres, verify
from common.postgres import mappings
from common.postgres.connect import Database
from common.salesforce import outbound
from common.salesforce.collection import parts
from common.salesforce.events.bus import EventBus
from tests.integration.accounts import map_table, run
from tests.integration.comparing import FIELDS, Comparing
from tests.integration.road import FIELDS as MAPPED
from tests.standin.driving import Receiver, Standin

ACCOUNTS = Channel("/data/AccountChangeEvent", "Account")
LIST = ["Id", MODSTAMP, "External_Id__c", *FIELDS]
DAY = 24 * 3600.0


class Turmoil:
    """So many accounts in motion.

    Args:
        standin: With events, signed in, empty.
        folder: For bookmarks.
    """

    def __init__(self, database: Database, standin: Standin, folder: Path, count: int) -> None:
        mapping = map_table(database, fields=MAPPED)
        with database.transaction() as tx:
            mappings.register_outbound_message(tx, "Account", "", LIST)
        run(database, "UPDATE isthmus.sync_configurations SET delete_guard_share = 1, delete_guard_count = 1000000")
        self.sides = Comparing(database, standin)
        self.count = count
        self.random = Random(count)
        self.bus = EventBus(config.EventBus(standin.pubsub), self.sides.session)
        self.events = pull.World(
            "test", self.bus, Folder(str(folder)), self.sides.topic, self.sides.works.append, self.sides.hand, "we"
        )
        self.receiver = Receiver()
        standin.define_outbound(self.receiver, LIST[1:])
        assert mapping.table

    def close(self) -> None:
        self.receiver.close()
        self.bus.close()
        self.sides.close()

    # -- what people do ------------------------------------------------------------------------------

    def create(self) -> list[str]:
        made: list[str] = []
        for part in parts(range(self.count), 200):
            records = [self._record(Name=f"n{n}", Phone=str(n), NumberOfEmployees=n) for n in part]
            made += [one["id"] for one in self._collection("POST", records)]
        return made

    def change(self, ids: list[str], letter: str) -> None:
        """Each chosen one gets another value in a field or two."""
        for part in parts(ids, 200):
            records = [self._record(id=i, Phone=f"{letter}-{i}", Site=self.random.choice(["a", None])) for i in part]
            self._collection("PATCH", records)

    def delete(self, ids: list[str]) -> None:
        for part in parts(ids, 200):
            self.sides.standin.rest("DELETE", "composite/sobjects", params={"ids": ",".join(part)}).raise_for_status()

    def undelete(self, ids: list[str]) -> None:
        for record_id in ids:
            self.sides.standin.control("POST", f"records/{record_id}/undelete")

    def merge(self, ids: list[str]) -> None:
        """By twos: the first one lives."""
        for winner, loser in parts(ids, 2):
            self.sides.standin.control(
                "POST", f"records/{winner}/merge", {"losers": [loser], "values": {"Site": "merged"}}
            )

    def purge(self) -> None:
        self.sides.standin.control("DELETE", "deleted")

    def _collection(self, method: str, records: list[dict[str, Any]]) -> Any:
        answer = self.sides.standin.rest(method, "composite/sobjects", {"allOrNone": True, "records": records})
        answer.raise_for_status()
        return answer.json()

    def _record(self, **fields: Any) -> dict[str, Any]:
        return {"attributes": {"type": "Account"}, **fields}

    # -- what is told of it --------------------------------------------------------------------------

    def fault(self, **order: Any) -> None:
        self.sides.standin.control("POST", "faults", order)

    def refuse_messages(self, count: int) -> None:
        """A receiver that is down: Salesforce tries again, until it gives up."""
        for _ in range(count):
            self.receiver.answers.put((503, "down"))

    def hear(self) -> int:
        """Apply what outbound messages say, in any order; and half of what events say."""
        changes = [c for body in self._bodies() for c in outbound.parse(body, self.sides.session.org_id)]
        pull.pull(ACCOUNTS, self.events, pull.Patience(120.0, 0.5))
        told = [c for message in self.sides.topic.take() for c in message]
        changes += self.random.sample(told, len(told) // 2)
        self.random.shuffle(changes)
        self.sides.move(5)
        for part in parts(changes, 500):
            to_postgres.apply(list[Change](part), self.sides.arriving)
        return len(changes)

    def _bodies(self) -> list[bytes]:
        bodies: list[bytes] = []
        while not self.receiver.is_quiet():
            while not self.receiver.bodies.empty():
                bodies.append(self.receiver.message())
        return bodies

    # -- how it ends -----------------------------------------------------------------------------------

    def reconcile(self) -> list[dict[str, Any]]:
        """What was asked for, slice by slice; its runs."""
        self.sides.move(60)
        numbers: list[int] = []
        while self.sides.works:
            piece = self.sides.works.pop(0)
            if number := piece.body.get("run"):
                numbers += [number] if number not in numbers else []
            else:
                reconcile.wished(piece, self.sides.comparing, lambda: True)
        return [self.sides.to_its_end(number) for number in numbers]

    def judged_equal(self) -> bool:
        """As `isthmus verify` judges."""
        return all(compared.equal for compared in verify.ranges(self.sides.mapping, self.sides.pairs))


def rage(turmoil: Turmoil) -> int:
    """Half of all records changed, deleted, undeleted, merged, purged, while messages of every kind get lost."""
    turmoil.fault(outbound="lose", probability=0.2, seed=1)
    turmoil.fault(outbound="duplicate", probability=0.2, seed=2)
    turmoil.fault(outbound="reorder", probability=0.2, seed=3)
    ids = turmoil.create()
    heard = turmoil.hear()
    turmoil.random.shuffle(ids)
    tenth = len(ids) // 10 // 2 * 2
    tenths = [ids[n * tenth : (n + 1) * tenth] for n in range(10)]
    turmoil.delete(tenths[0])
    heard += turmoil.hear()
    turmoil.purge()
    turmoil.refuse_messages(len(ids) // 1000 + 5)
    turmoil.change(tenths[1] + tenths[2] + tenths[3], "one")
    turmoil.sides.standin.control("POST", "events/gap", {"object": "Account", "ids": tenths[4][:5], "type": "UPDATE"})
    turmoil.delete(tenths[4] + tenths[5])
    turmoil.undelete(tenths[5])
    turmoil.merge(tenths[6])
    heard += turmoil.hear()
    turmoil.change(tenths[2] + tenths[5] + tenths[7], "two")
    turmoil.sides.move(DAY + 3600)  # what nobody took by now is given up
    turmoil.sides.standin.control("POST", "events/overflow", {"object": "Account"})
    return heard + turmoil.hear()
