"""Both sides and whoever compares them, in this process: a real Postgres, a stand-in over HTTP, the reader of what is published."""

from collections.abc import Sequence
from typing import Any

from common.comparing import BothSides
from common.flows import reconcile, to_postgres
from common.mapping import Mapping
from common.postgres.connect import Database
from common.postgres.reconciliations import Reconciliations
from common.salesforce.census import SalesforceCensus
from common.work import Work
from tests.integration.accounts import TABLE, rows, run
from tests.integration.both_ways import BothWays
from tests.standin.driving import Standin

FIELDS = ("Name", "Phone", "Site", "NumberOfEmployees")
PERMISSIONS = "0PS000000000001AAA"  #: a permission set
GRANTS = [
    {
        "name": "PermissionSetAssignment", "keyPrefix": "0Pa",
        "fields": [{"name": "PermissionSetId", "type": "reference", "referenceTo": ["PermissionSet"]}, {"name": "AssigneeId", "type": "reference", "referenceTo": ["User"]}],
    },
    {
        "name": "ObjectPermissions", "keyPrefix": "110",
        "fields": [
            {"name": "ParentId", "type": "reference", "referenceTo": ["PermissionSet"]}, {"name": "SobjectType", "type": "string", "length": 40},
            {"name": "PermissionsViewAllRecords", "type": "boolean"},
        ],
    },
]  # fmt: skip


class Comparing(BothWays):
    """Compares accounts, and reads what is published."""

    def __init__(self, database: Database, standin: Standin) -> None:
        super().__init__(database, standin, "Account")
        self.works: list[Work] = []
        self.comparing = reconcile.World(
            "test", self.book, SalesforceCensus(self.session, self.world.org), self.world.org, self.arriving.table,
            Reconciliations(database, self.hand), self.topic, self.works.append, self.hand, quiet=True,
        )  # fmt: skip

    @property
    def mapping(self) -> Mapping:
        return self.book.all()[0]

    @property
    def pairs(self) -> BothSides:
        return BothSides(self.comparing.census, self.comparing.runs)

    def to_its_end(self, number: int) -> dict[str, Any]:
        """Every slice of a run, each a minute after the other; then what it published is read. What it found."""
        while reconcile.step(number, self.comparing, lambda: False) != reconcile.DONE:
            self.move(60)
        self.read_published()
        return self.found(number)

    def window(self) -> dict[str, Any]:
        """Compare what changed since the last time."""
        self.move(60)
        since = self.comparing.runs.compared_until(self.mapping) - reconcile.OVERLAP  # type: ignore[attr-defined]
        return self.to_its_end(reconcile.begin(self.mapping, "test", since, self.comparing))

    def full(self) -> dict[str, Any]:
        """Compare all."""
        self.move(60)
        return self.to_its_end(reconcile.begin(self.mapping, "test", None, self.comparing))

    def read_published(self) -> None:
        """What the door upsert_postgres does with every message; repeats are left alone once they say nothing new."""
        self.move(5)
        while messages := self.topic.take():
            for changes in messages:
                to_postgres.apply(changes, self.arriving)
            self.move(5)

    def found(self, number: int) -> dict[str, Any]:
        """The counts that are not zero, and the state where it is not `done`."""
        (row,) = rows(self.database, "SELECT * FROM isthmus.reconciliation WHERE id = :number", number=number)
        names = ("compared", "missing", "older", "gone", "purged", "held", "unseen")
        state = {} if row["state"] == "done" else {"state": row["state"], "last_error": row["last_error"]}
        return {name: row[name] for name in names if row[name]} | state

    # -- looking -----------------------------------------------------------------------------------

    def equal(self) -> bool:
        """Both sides, value for value, by Salesforce id; an independent look."""
        here = {r.pop("sfid"): tuple(r.values()) for r in rows(self.database, f"SELECT sfid, {_COLUMNS} FROM {TABLE}")}
        records = self.standin.query_all(f"SELECT Id, {', '.join(FIELDS)} FROM Account")
        return here == {r["Id"]: tuple(r[n] for n in FIELDS) for r in records}

    def keys(self) -> Sequence[str]:
        return [row[0] for row in run(self.database, f"SELECT sfid FROM {TABLE} ORDER BY sfid")]

    def grant_view_all(self) -> None:
        """Let the integration user see every account."""
        me = self.session.get("")["identity"].rsplit("/", 1)[1]
        self.standin.control("POST", "objects", GRANTS)
        self.standin.create("PermissionSetAssignment", Name="a", PermissionSetId=PERMISSIONS, AssigneeId=me)
        self.standin.create(
            "ObjectPermissions", Name="o", ParentId=PERMISSIONS, SobjectType="Account", PermissionsViewAllRecords=True
        )


def accounts(standin: Standin, count: int) -> list[str]:
    """So many new records."""
    return [standin.create("Account", Name=f"n{n}", Phone="1") for n in range(count)]


_COLUMNS = "name, phone, site, number_of_employees"
