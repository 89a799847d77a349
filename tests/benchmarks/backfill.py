"""backfill: rows per second from a complete Bulk query to the table, beside psql's \\copy of the same CSV and the same merge."""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from common import clock, config
from common.backfill import SLICE
from common.mapping import Direction, Field, Kind, Mapping
from common.postgres.backfills import BackfillTable
from common.postgres.connect import Database
from common.postgres.mappings import MappingBook
from common.postgres.queries import bind
from common.postgres.statements import Statements
from common.salesforce.bulk_query import BulkQueryApi
from common.salesforce.session import Session
from tests.benchmarks import database
from tests.benchmarks.measure import Scale, by_turns
from tests.benchmarks.table import Row, at_least
from tests.stack.postgres import Postgres, binaries
from tests.stack.process import ROOT, clean_environment
from tests.standin.bulk import driving
from tests.standin.driving import Standin

NOTES = """Accounts of 12 columns in the stand-in (id, stamp, external id, text, numbers, a time), an hour old, none of them in Postgres. Ours: a
process that does every slice of a backfill, from the complete query on: pages over HTTP, COPY into a staging table, the guarded
merge, the slice's bookkeeping; its memory is its peak. Against: `psql` with one `\\copy` of the same CSV, from a file, into a
temporary table of the same columns, and the very merge statement that ours sends, once, in one transaction. Each round has
a table of its own; fsync as Postgres has it."""

FIELDS = (
    Field("Name", "name", Kind.TEXT),
    Field("Phone", "phone", Kind.TEXT),
    Field("Industry", "industry", Kind.TEXT),
    Field("AnnualRevenue", "annual_revenue", Kind.DECIMAL),
    Field("NumberOfEmployees", "number_of_employees", Kind.INTEGER),
    Field("BillingCity", "billing_city", Kind.TEXT),
    Field("BillingStreet", "billing_street", Kind.TEXT),
    Field("Website", "website", Kind.TEXT),
    Field("CreatedDate", "created_date", Kind.DATETIME, createable=False, updateable=False),
)
PLAN = Mapping(0, database.SOBJECT, database.TABLE, Direction.BIDIRECTIONAL, FIELDS)
MOST_MIB = 100
AGE_SECONDS = 3600  #: what was made within two seconds of the query would be read once more


def measure(scale: Scale) -> Iterator[Row]:
    """One row of rates, one of memory."""
    count = scale.of(1_000_000, 20_000)
    with (
        tempfile.TemporaryDirectory(prefix="isthmus-bench-") as folder,
        Standin() as org,
        database.server() as postgres,
    ):
        Path(folder).chmod(0o755)
        org.sign_in()
        org.control("POST", "clock", {"move_seconds": -AGE_SECONDS})
        _fill(org, Path(folder) / "upload.csv", count)
        org.control("POST", "clock", {"move_seconds": AGE_SECONDS})
        query = _Query(org, Path(folder) / "answer.csv")
        ours, bare = _Ours(postgres, query, count), _Bare(postgres, query, count)
        pair = by_turns(ours.run, bare.run, scale.of(3, 2))
        yield at_least(f"backfill of {count:,} rows / psql \\copy and the merge", pair, 0.8, "rows/s")
        mib = max(ours.peaks) / 2**20
        yield Row("backfill, peak of memory", f"{mib:.0f} MiB", "-", "-", f"<= {MOST_MIB} MiB", mib <= MOST_MIB)


def _fill(org: Standin, file: Path, count: int) -> None:
    with file.open("w", encoding="utf-8") as out:
        out.write(
            "External_Id__c,Name,Phone,Industry,AnnualRevenue,NumberOfEmployees,BillingCity,BillingStreet,Website\n"
        )
        for n in range(count):
            out.write(
                f"b-{n},Company {n},+82 2 {n},Energy,{n * 1000.25},{n},서울,Teheran-ro {n},https://{n}.example.com\n"
            )
    job = driving.create(org, "insert")
    with file.open("rb") as body:
        org.http.put(
            f"{org.url}/{job['contentUrl']}", data=body, headers={"Content-Type": "text/csv"}
        ).raise_for_status()
    driving.patch(org, job["id"], "UploadComplete")
    while org.rest("GET", f"jobs/ingest/{job['id']}").json()["state"] not in driving.ENDED:
        time.sleep(0.2)


class _Query:
    """One complete query of all records, that every round reads again; and its answer in a file, without titles."""

    def __init__(self, org: Standin, file: Path) -> None:
        self.environment = {"SF_LOGIN_URL": org.url, "SF_CLIENT_ID": "isthmus", "SF_CLIENT_SECRET": "isthmus"}
        self.file = file
        with Session(config.salesforce(self.environment)) as session:
            api = BulkQueryApi(session)
            self.read_at = clock.now()
            self.job_id = api.ask(PLAN)
            driving.wait(org, self.job_id, "query")
            with api.page(self.job_id, most=10_000_000) as page, file.open("wb") as out:
                self.titles = page.titles
                out.writelines(page.chunks)


class _Ours:
    def __init__(self, postgres: Postgres, query: _Query, count: int) -> None:
        self._postgres, self._query, self._count = postgres, query, count
        self._rounds = 0
        self.peaks: list[int] = []

    def run(self) -> float:
        self._rounds += 1
        made = database.create(self._postgres, f"ours_{self._rounds}", PLAN)
        with Database(made) as held:
            begun = self._begin(held)
        url = self._postgres.url(f"ours_{self._rounds}")
        environment = clean_environment() | self._query.environment | {"DATABASE_URL": url}
        command = [sys.executable, "-m", "tests.benchmarks.slices", str(begun), os.devnull]
        told = json.loads(subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True).stdout)
        self.peaks.append(told["peak_bytes"])
        _check_and_drop(self._postgres, f"ours_{self._rounds}", self._count)
        return float(self._count / told["seconds"])

    def _begin(self, held: Database) -> int:
        """A backfill whose query is complete."""
        (mapping,) = MappingBook(held).all()
        backfills = BackfillTable(held)
        begun = backfills.begin(mapping, Direction.SF_TO_PG, "bench", SLICE)
        backfills.answered(backfills.asked(begun, self._query.job_id, self._query.read_at), self._count)
        return begun.id


class _Bare:
    def __init__(self, postgres: Postgres, query: _Query, count: int) -> None:
        self._postgres, self._query, self._count = postgres, query, count
        self._rounds = 0

    def run(self) -> float:
        self._rounds += 1
        name = f"bare_{self._rounds}"
        with Database(database.create(self._postgres, name, PLAN)) as held:
            (mapping,) = MappingBook(held).all()
        script = self._query.file.with_suffix(".sql")
        script.write_text(self._script(mapping), encoding="utf-8")
        command = [
            str(binaries() / "psql"),
            "-X",
            "-q",
            "-v",
            "ON_ERROR_STOP=1",
            "-f",
            str(script),
            self._postgres.url(name),
        ]
        began = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        seconds = time.perf_counter() - began
        _check_and_drop(self._postgres, name, self._count)
        return self._count / seconds

    def _script(self, mapping: Mapping) -> str:
        sql = Statements(mapping)
        statements = {
            name: sql.staged(name, self._query.titles) for name in ("memory", "table", "copy", "lock", "apply")
        }
        copy = " ".join(statements["copy"].replace("FROM STDIN", f"FROM '{self._query.file}'").split())
        more = {
            "after": 0, "until": self._count, "read_at": self._query.read_at, "every": False, "table": mapping.table,
            "mapping_id": mapping.id, "configuration": mapping.configuration, "key_column": mapping.key_column, "mint": False,
        }  # fmt: skip
        merge = [bind(statements[name], **more) for name in ("lock", "apply")]
        origin = bind(sql["origin"], table=mapping.table)
        lines = [statements["memory"], statements["table"], f"\\{copy}", origin, *merge]
        return (
            "BEGIN;\n"
            + "".join(f"{line};\n" if not line.startswith("\\") else f"{line}\n" for line in lines)
            + "COMMIT;\n"
        )


def _check_and_drop(postgres: Postgres, name: str, count: int) -> None:
    made = database.settings(postgres, name)
    with Database(made) as held, held.transaction() as tx:
        assert [[count]] == tx.run_bound(f"SELECT count(*) FROM {PLAN.table} WHERE annual_revenue IS NOT NULL")
    with database.plain(database.settings(postgres, "postgres")) as connection:
        database.run(connection, f"DROP DATABASE {name} WITH (FORCE)")
