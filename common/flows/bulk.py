"""Road B, many records at once: a backlog becomes a Bulk API job, carried on in short steps that any process may take.

    gather   a drainer that meets a backlog claims it for a job, and asks for the next step of every job that is due
    step     sealed -> uploaded -> running -> done: data given, then closed, then watched, then every record settled

Nothing is carried out before a job is closed, and its id is stored before that: what a step leaves behind when it dies
is aborted and made anew, or watched to its end. No step waits: the drainers' schedule asks for the next one.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol

from common import budget, log
from common.errors import Transient
from common.flows import to_salesforce
from common.flows.drain import merge
from common.mapping import Mapping
from common.ports import Bulk, BulkEnd, BulkJob, BulkJobs, BulkResults, Mappings, Owed, Sent, SfJob, SheetT
from common.work import BULK_POLL, Work

CLAIM = 5000  #: records in one transaction
MOST = 50_000  #: records in a job: what is not settled of it waits for it
SLICE = 1000  #: records settled in one transaction
SOON_SECONDS = 10.0  #: until the first look; small jobs are done by then
LATER_SECONDS = 60.0  #: between looks at a job that takes long, and after a trouble
STEP_SECONDS = 600.0  #: a step that takes longer has died: a door lives nine minutes
KINDS = ("delete", "update", "upsert")  #: in this order, as by REST: what is deleted may free a unique value
DOOR = "upsert_salesforce"


@dataclass(frozen=True)
class World(Generic[SheetT]):
    """What a step needs."""

    rest: to_salesforce.World
    jobs: BulkJobs
    api: Bulk[SheetT]


class Works(Protocol):
    """Topic `work`."""

    def publish(self, *pieces: Work) -> None: ...


@dataclass(frozen=True, slots=True)
class Gatherer:
    """The drainer's part."""

    mappings: Mappings
    jobs: BulkJobs
    works: Works
    at_least: int  #: edits of one object that are a backlog

    def run(self) -> int:
        """Put every backlog into jobs; ask for the next step of each job that is due.

        Returns:
            How many records were claimed.

        Raises:
            Transient, Misconfigured: jobs that were begun are sealed later, as they are.
        """
        backlogs, due = self.jobs.look(self.at_least)
        chosen = [
            m for m in self.mappings.all() if m.id in backlogs and m.to_salesforce and not to_salesforce.yields(m)
        ]
        records = 0
        for mapping in chosen:
            job, taken = self._fill(mapping)
            due = [*due, job] if taken else due
            records += taken
        if due:
            self.works.publish(*(Work(BULK_POLL, {"job": job}) for job in due))
        return records

    def _fill(self, mapping: Mapping) -> tuple[int, int]:
        job = self.jobs.open(mapping)
        taken = 0
        while taken < MOST and (claimed := self.jobs.gather(job, mapping, min(CLAIM, MOST - taken), merge)):
            taken += claimed
        self.jobs.seal(job)
        return job, taken


def step(job_id: int, world: World[SheetT]) -> str:
    """Take a job as far as it goes now. Harmless where it is not due, or somebody else is at it.

    Returns:
        Its state, or '' where there was nothing to do.

    Raises:
        Transient: the database failed; the step is taken anew when its time is over.
        Misconfigured: a person must act.
    """
    job = world.jobs.turn(job_id)
    if job is None:
        return ""
    mapping = next((m for m in world.rest.mappings.all() if m.id == job.mapping_id), None)
    if mapping is None:
        return ""
    world.api.spent()  # what this thread called before was for others
    step = _Step(job, mapping, world)
    try:
        return step.run()
    except Transient as exc:
        log.trouble(DOOR, exc)
        step.note(step.state, wait_seconds=LATER_SECONDS, error=f"{exc.reason}: {exc.detail}")
        return step.state


class _Step(Generic[SheetT]):
    """One step of one job."""

    def __init__(self, job: BulkJob, mapping: Mapping, world: World[SheetT]) -> None:
        self._job = job
        self._mapping = mapping
        self._world = world
        self._sf_jobs = list(job.sf_jobs)
        self.state = job.state

    def run(self) -> str:
        if self.state == "sealed" and not self._prepare():
            return self.state
        if self.state == "uploaded":
            self._close()
        elif self.state == "running":
            self._watch()
        return self.state

    def note(self, state: str, *, wait_seconds: float, error: str = "") -> None:
        self.state = state
        self._world.jobs.note(
            self._job, state, self._sf_jobs, wait_seconds=wait_seconds, error=error, mapping=self._mapping,
            spent=self._world.api.spent(),
        )  # fmt: skip

    # -- sealed: give Salesforce the data ------------------------------------------------------------

    def _prepare(self) -> bool:
        """Upload everything; whether that was allowed now."""
        log_, rest = self._world.rest.log, self._world.rest
        if not self._mapping.to_salesforce:  # paused
            self.note("sealed", wait_seconds=LATER_SECONDS)
            return False
        refusal = budget.refusal(log_.allowance(self._mapping), rest.reserve_percent, (), rest.now())
        if refusal is not None:
            self.note("sealed", wait_seconds=refusal.retry_seconds, error=refusal.reason)
            return False
        for left in self._sf_jobs:  # an earlier step died here: none of them was closed
            self._world.api.abort(left.id)
        self._sf_jobs = []
        self._world.jobs.start(self._job)
        self._upload()
        self.note("uploaded", wait_seconds=STEP_SECONDS)
        return True

    def _upload(self) -> None:
        sheets = {kind: self._sheet(kind) for kind in KINDS}
        by_rest: list[Owed] = []
        for owed in self._slices():
            settled_at_once = [o for o in owed if o.refused is not None or not to_salesforce.is_due(o)]
            for one in owed:
                if one.refused is not None or not to_salesforce.is_due(one):
                    continue
                sheet = next((s for s in sheets.values() if s.takes(one.send)), None)
                if sheet is None:
                    by_rest.append(one)
                    continue
                sheet.add(one.send)
                if sheet.full:
                    kind = next(k for k, s in sheets.items() if s is sheet)
                    self._give(kind, sheet)
                    sheets[kind] = self._sheet(kind)
            if settled_at_once:
                to_salesforce.send(self._mapping, settled_at_once, self._world.rest)
        for kind, sheet in sheets.items():
            self._give(kind, sheet)
        for start in range(0, len(by_rest), SLICE):
            to_salesforce.send(self._mapping, by_rest[start : start + SLICE], self._world.rest)

    def _sheet(self, kind: str) -> SheetT:
        """For records that are there, the edited fields; for new ones, whatever they may be created with."""
        edited = set(self._world.jobs.fields(self._job, self._mapping))
        new = kind == "upsert"
        names = [
            f.name
            for f in self._mapping.written
            if self._mapping.may_send(f.name, new=new) and (new or f.name in edited)
        ]
        return self._world.api.sheet(self._mapping, kind, names)

    def _give(self, kind: str, sheet: SheetT) -> None:
        if not sheet.records:
            return
        job_id = self._world.api.create(self._mapping, kind)
        self._sf_jobs.append(SfJob(job_id, kind))
        self.note("sealed", wait_seconds=STEP_SECONDS)  # stored before it could ever be closed
        self._world.api.upload(job_id, sheet)

    def _slices(self) -> Iterator[list[Owed]]:
        after = ""
        while owed := self._world.jobs.owed(self._job, self._mapping, after, SLICE, merge):
            yield owed
            after = owed[-1].change.record_id

    # -- uploaded: let it begin ----------------------------------------------------------------------

    def _close(self) -> None:
        for sf_job in self._sf_jobs:
            if self._world.api.end(sf_job.id)[0] is BulkEnd.OPEN:  # not closed by a step that died here
                self._world.api.close(sf_job.id)
        self.note("running", wait_seconds=SOON_SECONDS)

    # -- running: watch, and settle ------------------------------------------------------------------

    def _watch(self) -> None:
        ends = [(sf_job, *self._world.api.end(sf_job.id)) for sf_job in self._sf_jobs]
        if any(end not in (BulkEnd.COMPLETE, BulkEnd.FAILED) for _, end, _ in ends):
            self.note("running", wait_seconds=LATER_SECONDS)
            return
        results = [self._world.api.results(self._mapping, sf_job.id, sf_job.kind) for sf_job, _, _ in ends]
        for owed in self._slices():
            told = [(o, sent) for o in owed if (sent := _told(o, results)) is not None]
            to_salesforce.settle(self._mapping, told, self._world.rest)
        failed = [words for _, end, words in ends if end is BulkEnd.FAILED]
        self._world.jobs.give_up(self._job, f"bulk_unprocessed: {failed[0] if failed else ''}")
        self.note("failed" if failed else "done", wait_seconds=0, error="; ".join(failed))


def _told(owed: Owed, results: Sequence[BulkResults]) -> Sent | None:
    return next((sent for result in results if (sent := result(owed.send)) is not None), None)
