"""A million records loaded by the door while both sides change and the door is killed; run by `make test/load`."""

import threading
import time
from collections.abc import Iterator
from itertools import zip_longest
from pathlib import Path
from typing import Any

import pytest
import requests

from common import config
from common.postgres.connect import Database
from common.salesforce.bulk_query import BulkQueryApi
from common.salesforce.session import Session
from tests.stack import sample
from tests.stack.ports import free_offset
from tests.stack.stack import Stack, running
from tests.standin.driving import VERSION

RECORDS = 1_000_000
FROM_SALESFORCE, FROM_POSTGRES, BORN = 8_000, 1_500, 500  #: live changes, ten thousand together
KILL_AT = (200_000, 600_000)  #: rows that are there
FIELDS = "Name,Phone,Site,Industry,AnnualRevenue,NumberOfEmployees,BillingCity,BillingStreet,Website"
PART = 200
WAIT_SECONDS = 900.0


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    with running(Stack(tmp_path / "state", free_offset(), pubsub="broker", pulls=False)) as stack:
        yield stack


class Org:
    """The stack's stand-in, for much at a time."""

    def __init__(self, stack: Stack, client: sample.Client) -> None:
        self._root = f"{stack.standin_url}/services/data/{VERSION}"
        self._http = requests.Session()
        self._http.trust_env = False
        self._http.headers["Authorization"] = f"Bearer {client.token}"

    def upload(self, file: Path) -> None:
        job = self._call("POST", "jobs/ingest", {"object": "Account", "operation": "insert"})
        with file.open("rb") as body:
            url = f"{self._root}/jobs/ingest/{job['id']}/batches"
            self._http.put(url, data=body, headers={"Content-Type": "text/csv"}).raise_for_status()
        self._call("PATCH", f"jobs/ingest/{job['id']}", {"state": "UploadComplete"})
        sample.wait_until(lambda: self._ended(job["id"]), "the records", seconds=WAIT_SECONDS)

    def _ended(self, job_id: str) -> bool:
        return bool(self._call("GET", f"jobs/ingest/{job_id}")["state"] == "JobComplete")

    def _call(self, method: str, path: str, body: Any = None) -> Any:
        answer = self._http.request(method, f"{self._root}/{path}", json=body)
        answer.raise_for_status()
        return answer.json()

    def edit(self, keys: range, phone: str) -> None:
        edits = [{"attributes": {"type": "Account"}, "External_Id__c": f"b-{n}", "Phone": phone} for n in keys]
        answer = self._call("PATCH", "composite/sobjects/Account/External_Id__c", {"records": edits})
        assert all(one["success"] for one in answer)

    def close(self) -> None:
        self._http.close()


def fill(file: Path) -> None:
    with file.open("w", encoding="utf-8") as out:
        out.write(
            "External_Id__c,Name,Phone,Industry,AnnualRevenue,NumberOfEmployees,BillingCity,BillingStreet,Website\n"
        )
        for n in range(RECORDS):
            out.write(
                f"b-{n},Company {n},+82 2 {n},Energy,{n * 1000.25},{n},서울,Teheran-ro {n},https://{n}.example.com\n"
            )


def live(stack: Stack, org: Org, raised: list[BaseException]) -> None:
    """Both sides change, all over the table, for as long as the load lasts."""
    psql = sample.Rows(stack)
    parts = FROM_SALESFORCE // PART
    try:
        for n in range(parts):
            first = n * (RECORDS // parts)
            org.edit(range(first, first + PART), f"live {n}")
            psql.run(
                "UPDATE salesforce.account SET site = 'ours' WHERE id IN (SELECT id FROM salesforce.account "
                "WHERE site IS NULL AND sfid IS NOT NULL ORDER BY random() LIMIT :some)", some=-(-FROM_POSTGRES // parts),
            )  # fmt: skip
            psql.run("INSERT INTO salesforce.account (id, name) SELECT 'p-' || :n || '-' || i, 'born' FROM "
                     "generate_series(1, :some) AS i", n=n, some=-(-BORN // parts))  # fmt: skip
    except BaseException as exc:
        raised.append(exc)
    finally:
        psql.close()


@pytest.mark.timeout(2400)
def test_a_million_records_beside_live_changes_and_kills(stack: Stack, tmp_path: Path) -> None:
    """Every record and row equal at the end; no finished slice repeated; nothing among the dead letters."""
    client, psql = sample.Client(stack), sample.Rows(stack)
    org, raised = Org(stack, client), []
    fill(tmp_path / "accounts.csv")
    org.upload(tmp_path / "accounts.csv")
    sample.quietly(stack, "mapping", "create", "Account", "--fields", FIELDS, "--yes")
    sample.send_outbound_messages(stack, client, sample.mapped(stack)[0])

    began = time.monotonic()
    sample.quietly(stack, "backfill", "start", "Account")
    changes = threading.Thread(target=live, args=(stack, org, raised))
    for n, rows in enumerate(KILL_AT):
        sample.wait_until(lambda rows=rows: done(psql) >= rows, f"{rows} rows", seconds=WAIT_SECONDS)
        if n == 0:
            changes.start()
        stack.doors["backfill"].kill()
        stack.start_door("backfill")
    sample.wait_until(lambda: state(psql) == "done", "the last slice", seconds=WAIT_SECONDS)
    loaded = time.monotonic() - began
    changes.join(WAIT_SECONDS)
    assert not raised
    sample.wait_until(lambda: settled(client, psql), "the last live change", seconds=WAIT_SECONDS)

    print(
        f"\n{RECORDS:,} records beside {FROM_SALESFORCE + FROM_POSTGRES + BORN:,} live changes in {loaded:.0f} s, killed twice"
    )
    sample.wait_until(lambda: equal(stack), "equality", seconds=WAIT_SECONDS)
    assert [[RECORDS]] == psql.run("SELECT sum(records) FROM isthmus.backfill_slice")
    finished = [line for line in stack.doors["backfill"].log.read_text().splitlines() if '"did": "slice"' in line]
    assert len(finished) < RECORDS // 50_000  # the last one is `done`, and those that died were not
    assert [[0]] == psql.run("SELECT count(*) FROM isthmus.dead_letter")
    psql.close()
    org.close()


def done(psql: sample.Rows) -> int:
    return int(psql.run("SELECT coalesce(sum(records), 0) FROM isthmus.backfill_slice")[0][0])


def state(psql: sample.Rows) -> str:
    return str(psql.run("SELECT state::text FROM isthmus.backfill")[0][0])


def settled(client: sample.Client, psql: sample.Rows) -> bool:
    """Whether no message of Salesforce and no edit of ours is under way."""
    queued = sum(line["queued"] + line["inFlight"] for line in client.control("GET", "outbound-messages/queue"))
    return not queued and psql.run("SELECT count(*) FROM isthmus.change_log WHERE NOT processed") == [[0]]


def equal(stack: Stack) -> bool:
    """Whether every record is a row and says the same; both sides are read in order, neither is kept in memory."""
    with (
        Session(config.salesforce(stack.environment)) as session,
        Database(config.database(stack.environment)) as database,
    ):
        return all(ours == theirs for ours, theirs in zip_longest(here(database), there(BulkQueryApi(session))))


def there(api: BulkQueryApi) -> Iterator[tuple[str, ...]]:
    job_id = api.create("SELECT Id, External_Id__c, Name, Phone, Site, NumberOfEmployees FROM Account ORDER BY Id")
    sample.wait_until(lambda: api.watch(job_id).end.value == "complete", "the answer", seconds=WAIT_SECONDS)
    return map(tuple, api.rows(job_id))


def here(database: Database) -> Iterator[tuple[str, ...]]:
    after = ""
    while True:
        with database.transaction() as tx:
            rows = tx.run(
                "SELECT sfid, id, name, coalesce(phone, ''), coalesce(site, ''), coalesce(number_of_employees::text, '') "
                "FROM salesforce.account WHERE coalesce(sfid, '') > :after ORDER BY sfid LIMIT 50000", after=after,
            )  # fmt: skip
        if not rows:
            return
        yield from map(tuple, rows)
        after = rows[-1][0]
