"""The work of a query job: a snapshot of the answer, written row by row into a file, so that pages need no memory."""

import asyncio
import csv
import io
from collections.abc import Callable
from time import perf_counter
from typing import Any

from tests.standin.bulk import select
from tests.standin.bulk.cells import Column, column
from tests.standin.bulk.jobs import COMPLETE, Job
from tests.standin.bulk.load import Office
from tests.standin.bulk.sheet import DELIMITERS, in_columns, written
from tests.standin.bulk.spool import OUTPUT, Spool
from tests.standin.errors import Refused
from tests.standin.querying import query
from tests.standin.store import Store

Json = dict[str, Any]
SLICE = 1000  #: rows written at once; Job.pages has an entry for each


class Snapshot:
    """An answer as it was at one moment: records never change in place, parents' values are read now."""

    def __init__(self, store: Store, job: Job) -> None:
        asked = select.read(job.query)
        table = store.find_table(asked.sobject)
        if table is None:
            raise Refused("INVALIDENTITY", f"sObject type '{asked.sobject}' is not supported.")
        self.object = table.sobject.name
        made = [column(store, table.sobject, *each) for each in select.columns(asked, table.sobject)]
        deleted_too, version, user = job.operation == "queryAll", f"v{job.version}", job.created_by
        self.records = query.run(store, job.query, deleted_too, version, user).records
        self.titles = [title for title, _ in made]
        self._columns = [self._fixed(title, cells) for title, cells in made]

    def _fixed(self, title: str, cells: Column) -> Callable[[int], list[Any]]:
        if "." not in title:
            return lambda start: cells(self.records[start : start + SLICE])
        values = cells(self.records)
        return lambda start: values[start : start + SLICE]

    def columns(self, start: int) -> list[list[Any]]:
        """The columns of a slice of rows, from this one on."""
        return [cells(start) for cells in self._columns]


async def run(office: Office, job: Job, snapshot: Snapshot) -> None:
    """Write the file until the job is complete or no longer in progress."""
    began = perf_counter()
    job.pages, job.processed = [], 0
    with office.spool.path(job.id, OUTPUT).open("wb") as file:
        place = file.write(written([snapshot.titles], job))
        for start in range(0, len(snapshot.records), SLICE):
            columns = snapshot.columns(start)
            job.pages.append(place)
            place += file.write(in_columns(columns, job))
            job.processed += len(columns[0])
            await asyncio.sleep(0)
            if job.ended:
                return
        job.pages.append(place)
    job.busy_ms = round((perf_counter() - began) * 1000)
    job.move(COMPLETE, office.now())
    office.save(job)


def place_of(spool: Spool, job: Job, row: int) -> int:
    """Where a row begins in the file of a complete job; the file's end for the row after the last."""
    page, within = divmod(row, SLICE)
    if not within or row >= job.processed:
        return job.pages[page] if row < job.processed else job.pages[-1]
    with spool.path(job.id, OUTPUT).open("rb") as file:
        file.seek(job.pages[page])
        text = file.read(job.pages[page + 1] - job.pages[page]).decode()
    # Rows may hold line endings: they are read and written again, which gives the same bytes.
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=DELIMITERS[job.delimiter])
    return job.pages[page] + len(written([next(rows) for _ in range(within)], job))


def title_length(job: Job) -> int:
    return job.pages[0]
