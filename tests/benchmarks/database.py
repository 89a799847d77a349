"""A real Postgres for a measurement: a server, migrated databases, and one mapped table of 12 columns."""

import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from common import config
from common.change import MODSTAMP, Change, Op, Side
from common.clock import parse
from common.ids import to_18
from common.mapping import Direction, Field, Kind, Mapping
from common.postgres import ddl, mappings
from common.postgres.connect import Connection, Database, connect, run
from common.postgres.migrate import migrate
from common.postgres.queries import literal
from tests.stack.postgres import Postgres, free_port

SOBJECT = "Account"
TABLE = "salesforce.account"

FIELDS = (
    Field("Name", "name", Kind.TEXT),
    Field("AccountNumber", "account_number", Kind.TEXT),
    Field("Phone", "phone", Kind.TEXT),
    Field("BillingCity", "billing_city", Kind.TEXT),
    Field("Description", "description", Kind.TEXT),
    Field("OwnerId", "owner_id", Kind.ID),
    Field("IsActive__c", "is_active", Kind.BOOLEAN),
    Field("NumberOfEmployees", "number_of_employees", Kind.INTEGER),
    Field("AnnualRevenue", "annual_revenue", Kind.DECIMAL),
    Field("FoundedOn__c", "founded_on", Kind.DATE),
    Field("CreatedDate", "created_date", Kind.DATETIME, createable=False, updateable=False),
    Field("Rating", "rating", Kind.TEXT),
)


@contextmanager
def server(*, fsync: bool = True, **more: str) -> Iterator[Postgres]:
    """A server of this measurement's own, with Postgres' own settings."""
    # Postgres refuses to run as root, so its lesser user must be able to enter the folder.
    with tempfile.TemporaryDirectory(prefix="isthmus-bench-") as folder:
        Path(folder).chmod(0o755)
        postgres = Postgres(Path(folder) / "data", free_port(), ({} if fsync else {"fsync": "off"}) | more)
        postgres.start()
        try:
            yield postgres
        finally:
            postgres.stop()


def settings(postgres: Postgres, name: str) -> config.Database:
    return config.database({"DATABASE_URL": postgres.url(name)})


def version(postgres: Postgres) -> str:
    """The server's version, such as 17.2."""
    with closing(connect(settings(postgres, "postgres"))) as connection:
        return str(run(connection, "SHOW server_version")[0][0]).split()[0]


PLAN = Mapping(0, SOBJECT, TABLE, Direction.BIDIRECTIONAL, FIELDS)


def create(postgres: Postgres, name: str, plan: Mapping = PLAN) -> config.Database:
    """A migrated database with the mapping and its table."""
    with closing(connect(settings(postgres, "postgres"))) as connection:
        run(connection, f"CREATE DATABASE {name}")
    made = settings(postgres, name)
    migrate(made)
    with Database(made) as database, database.transaction() as tx:
        for statement in ddl.create(plan):
            tx.run_bound(statement)
        mappings.insert(tx, plan)
    return made


@contextmanager
def plain(made: config.Database) -> Iterator[Connection]:
    """A bare connection."""
    with closing(connect(made)) as connection:
        yield connection


def fill(connection: Connection, rows: int) -> None:
    """Rows that Salesforce has already, with every column filled; none of them is captured."""
    for n in range(0, rows, 1000):
        values = ", ".join(_row(m) for m in range(n, min(n + 1000, rows)))
        names = ", ".join(["id", "sfid", "system_modstamp", "isthmus_read_at", *(f.column for f in FIELDS)])
        run(
            connection,
            f"BEGIN; SET LOCAL isthmus.origin = '{TABLE}'; INSERT INTO {TABLE} ({names}) VALUES {values}; COMMIT",
        )
    run(connection, f"VACUUM ANALYZE {TABLE}")


def _row(n: int) -> str:
    held = change(n, 1)
    values = [f"{held.fields[f.name]}".removesuffix(".0") if f.kind is Kind.INTEGER else str(held.fields[f.name])
              for f in FIELDS]  # fmt: skip
    stamp = held.stamp.isoformat()
    return "(" + ", ".join(literal(v) for v in (f"a-{n}", held.record_id, stamp, stamp, *values)) + ")"


def sfid(n: int) -> str:
    return to_18(f"001{n:012d}")


def change(n: int, version: int) -> Change:
    """Record n, complete, as an outbound message brings it; every version differs from the one before in two fields."""
    stamp = f"2026-01-01T{version // 3600:02d}:{version // 60 % 60:02d}:{version % 60:02d}.000Z"
    fields = {
        "External_Id__c": f"a-{n}",
        MODSTAMP: stamp,
        "Name": f"회사 Company {n:06d}",
        "AccountNumber": f"AC-{n:08d}",
        "Phone": f"+82 2 {version:04d} {n:06d}",
        "BillingCity": "서울",
        "Description": f"Version {version} of what a person might say of customer {n} in a sentence or two.",
        "OwnerId": "005000000000001AAA",
        "IsActive__c": "true" if n % 2 else "false",
        "NumberOfEmployees": f"{n}.0",
        "AnnualRevenue": f"{n * 1000}.25",
        "FoundedOn__c": "1999-12-31",
        "CreatedDate": "2020-02-29T12:34:56.000Z",
        "Rating": "Hot",
    }
    return Change(
        Side.SALESFORCE, SOBJECT, sfid(n), Op.UPSERT, parse(stamp), f"04l{n:015d}", fields, "04k000000000001AAA"
    )
