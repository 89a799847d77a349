"""How fast the Salesforce stand-in is: slower than ours, and our other numbers would measure it."""

import http.client
import json
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from statistics import median
from urllib.parse import quote, urlencode

import psutil

from tests.benchmarks.measure import Scale, rate
from tests.benchmarks.table import Row
from tests.standin.bulk import driving
from tests.standin.driving import VERSION, Standin

NOTES = """A process of its own, asked over one keep-alive connection by a bare HTTP client that sends bytes made beforehand and
only counts the bytes that come back. Beside each rate stands what one second of the stand-in's own processor time does: on a
machine that others use, the rate says as much about them. Records of 12 columns: text, id, numbers, times, a boolean. Collections of 200 of 10
fields each, and five of them in one composite: medians of rounds over fresh records. Pages of 2,000 from the first to the last
by `nextRecordsUrl`. Bulk: an upload of nine columns, from its PUT until the job is complete, then the same again as
updates; a query from its POST until the last byte of one page with every row. Memory is the process's own: its records,
which it keeps in memory, and beside them what the second job and the queries added at their peak; that includes the versions
that the last 200,000 change events remember."""

FIELDS = (
    "Id, Name, Phone, Industry, AnnualRevenue, NumberOfEmployees, BillingCity, Website, External_Id__c, "
    "SystemModstamp, CreatedDate, IsDeleted"
)
COLLECTION, PAGE, SUBREQUESTS = 200, 2_000, 5
WANTED_RECORDS, WANTED_ROWS = 20_000, 100_000  #: per second
ROOT = f"/services/data/{VERSION}"
UPSERT = f"{ROOT}/composite/sobjects/Account/External_Id__c"
_LINES_AT_ONCE = 10_000


class _Client:
    """One connection; answers are read to their end and counted, never parsed unless asked."""

    def __init__(self, org: Standin) -> None:
        self._connection = http.client.HTTPConnection(org.url.removeprefix("http://"), timeout=600)
        self._headers = {"Authorization": str(org.http.headers["Authorization"])}

    def call(self, method: str, path: str, body: bytes | None = None, kind: str = "application/json") -> bytes:
        self._connection.request(method, path, body, {**self._headers, "Content-Type": kind})
        answer = self._connection.getresponse()
        text = answer.read()
        assert answer.status < 300, text[:500]
        return text

    def send(self, path: str, file: Path) -> None:
        """PUT a file, piece by piece."""
        self.close()
        with file.open("rb") as body:
            headers = {**self._headers, "Content-Type": "text/csv", "Content-Length": str(file.stat().st_size)}
            self._connection.request("PUT", path, body, headers)
            answer = self._connection.getresponse()
            answer.read()
            assert answer.status == 201

    def count(self, path: str) -> int:
        """The bytes of an answer that is too large to be kept."""
        self._connection.request("GET", path, headers=self._headers)
        answer = self._connection.getresponse()
        found = 0
        while piece := answer.read(1 << 18):
            found += len(piece)
        return found

    def close(self) -> None:
        """The next call opens a connection of its own; after a long job an idle one would be gone."""
        self._connection.close()


def measure(scale: Scale) -> Iterator[Row]:
    """Rows of rates, and one of memory."""
    for part in (_collections, _bulk):
        with Standin() as org:
            org.sign_in()
            client = _Client(org)
            try:
                yield from part(org, client, scale)
            finally:
                client.close()


def _collections(org: Standin, client: _Client, scale: Scale) -> Iterator[Row]:
    calls, rounds = scale.of(50, 5), scale.of(5, 2)
    fresh = [[_collection(f"{n}.{call}") for call in range(calls)] for n in range(2 * rounds)]
    composed = [[_composite(f"x{n}.{call}") for call in range(calls // SUBREQUESTS)] for n in range(rounds)]
    create = [partial(_send, client, "POST", f"{ROOT}/composite/sobjects", bodies) for bodies in fresh[:rounds]]
    upsert = [partial(_send, client, "PATCH", UPSERT, bodies) for bodies in fresh[rounds:]]
    compose = [partial(_send, client, "POST", f"{ROOT}/composite", bodies) for bodies in composed]
    records = calls * COLLECTION
    yield _row(org, "stand-in, collections of 200, create", records, create)
    yield _row(org, "stand-in, collections of 200, upsert of new ones", records, upsert)
    yield _row(org, "stand-in, collections of 200, upsert of known ones", records, upsert)
    yield _row(org, "stand-in, 5 x 200 in a composite, upsert", records, compose)


def _send(client: _Client, method: str, path: str, bodies: list[bytes]) -> None:
    for body in bodies:
        client.call(method, path, body)


def _record(key: str, n: int) -> dict[str, object]:
    return {
        "attributes": {"type": "Account"},
        "External_Id__c": f"{key}-{n}",
        "Name": f"Company {n}",
        "Phone": f"+82 2 {n}",
        "Industry": "Energy",
        "AnnualRevenue": n * 1000.25,
        "NumberOfEmployees": n,
        "BillingCity": "서울",
        "BillingStreet": f"Teheran-ro {n}",
        "Website": f"https://{n}.example.com",
        "Description": f"A sentence about customer {n}",
    }


def _records(key: str) -> dict[str, object]:
    return {"allOrNone": False, "records": [_record(key, n) for n in range(COLLECTION)]}


def _collection(key: str) -> bytes:
    return json.dumps(_records(key)).encode()


def _composite(key: str) -> bytes:
    parts = [
        {"method": "PATCH", "url": UPSERT, "referenceId": f"r{n}", "body": _records(f"{key}.{n}")}
        for n in range(SUBREQUESTS)
    ]
    return json.dumps({"allOrNone": False, "collateSubrequests": False, "compositeRequest": parts}).encode()


def _bulk(org: Standin, client: _Client, scale: Scale) -> Iterator[Row]:
    count, paged = scale.of(1_000_000, 20_000), scale.of(200_000, 20_000)
    with tempfile.TemporaryDirectory(prefix="isthmus-bench-") as folder:
        file = Path(folder) / "accounts.csv"
        _write(file, count)
        load = [partial(_load, org, client, file, count)]
        began = driving.peak_bytes(org)
        yield _row(org, f"stand-in, bulk upsert of {count:,} new rows", count, load, None)
        kept = driving.peak_bytes(org) - began
        before = _fresh_peak(org)
        yield _row(org, f"stand-in, bulk upsert of {count:,} known rows", count, load, None)
        updating = driving.peak_bytes(org) - before
    yield _row(org, "stand-in, query pages of 2,000", paged, [partial(_page, client, paged)] * 3)
    before = _fresh_peak(org)
    extract = [partial(_extract, org, client, count)] * scale.of(3, 2)
    yield _row(org, f"stand-in, bulk query of {count:,} rows of 12 columns", count, extract, WANTED_ROWS)
    asking = driving.peak_bytes(org) - before
    beside = f"{_mb(updating)} while updating them, {_mb(asking)} while extracting them"
    yield Row(f"stand-in, memory of {count:,} records", _mb(kept), f"beside them {beside}", "-", "-", None)


def _fresh_peak(org: Standin) -> int:
    driving.reset_peak(org)
    return driving.peak_bytes(org)


def _write(file: Path, count: int) -> None:
    columns = [name for name in _record("", 0) if name not in ("attributes", "Description")]  # 150 MB are the limit
    with file.open("w", encoding="utf-8") as out:
        out.write(",".join(columns) + "\n")
        for n in range(count):
            record = _record("bulk", n)
            out.write(",".join(str(record[name]) for name in columns) + "\n")


def _load(org: Standin, client: _Client, file: Path, count: int) -> None:
    job = driving.create(org, "upsert", externalIdFieldName="External_Id__c")
    client.send(f"/{job['contentUrl']}", file)
    driving.patch(org, job["id"], "UploadComplete")
    ended = _wait(org, job["id"], "ingest")
    assert (count, 0) == (ended["numberRecordsProcessed"], ended["numberRecordsFailed"])


def _extract(org: Standin, client: _Client, count: int) -> None:
    client.close()
    asked = json.dumps({"operation": "query", "query": f"SELECT {FIELDS} FROM Account"}).encode()
    job_id = json.loads(client.call("POST", f"{ROOT}/jobs/query", asked))["id"]
    assert count == _wait(org, job_id, "query")["numberRecordsProcessed"]
    client.count(f"{ROOT}/jobs/query/{job_id}/results?{urlencode({'maxRecords': count})}")


def _wait(org: Standin, job_id: str, road: str) -> driving.Json:
    """The ended job; asked seldom, since asking takes time from the job."""
    while True:
        job = org.rest("GET", f"jobs/{road}/{job_id}").json()
        if job["state"] in driving.ENDED:
            return dict(job)
        time.sleep(0.02)


def _page(client: _Client, count: int) -> None:
    """From page to page; only the beginning of each is looked at, for the address of the next."""
    client.close()
    seen = 0
    path: str | None = f"{ROOT}/query?q={quote(f'SELECT {FIELDS} FROM Account LIMIT {count}')}"
    while path:
        text = client.call("GET", path)
        seen += PAGE
        path = _next(text)
    assert count == seen


def _next(text: bytes) -> str | None:
    key = b'"nextRecordsUrl":"'
    start = text.find(key, 0, 500)
    return text[start + len(key) : text.index(b'"', start + len(key))].decode() if start >= 0 else None


def _row(
    org: Standin, what: str, records: int, works: Sequence[Callable[[], None]], wanted: int | None = WANTED_RECORDS
) -> Row:
    """The median of rounds of so many records each; beside it what one second of the process's own time does."""
    before = _own_seconds(org)
    rates = [rate(records, work) for work in works]
    own = records * len(rates) / (_own_seconds(org) - before)
    middle = median(rates)
    spread = f"{min(rates):,.0f} to {max(rates):,.0f}" if len(rates) > 1 else "-"
    least, ok = (f">= {wanted:,}/s", middle >= wanted) if wanted else ("-", None)
    return Row(what, f"{middle:,.0f} records/s", f"{own:,.0f} in a second of CPU", spread, least, ok)


def _own_seconds(org: Standin) -> float:
    used = psutil.Process(org.pid).cpu_times()
    return float(used.user + used.system)


def _mb(size: int) -> str:
    return f"{size / 1e6:,.0f} MB"
