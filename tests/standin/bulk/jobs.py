"""A bulk job: what it is asked to do, how far it is, and the JSON that the API shows of it."""

from dataclasses import dataclass, field
from typing import Any

from tests.standin.clock import rest_time

Json = dict[str, Any]

INGEST = ("insert", "update", "upsert", "delete", "hardDelete")
QUERY = ("query", "queryAll")
OPEN, UPLOADED, RUNNING = "Open", "UploadComplete", "InProgress"
COMPLETE, FAILED, ABORTED = "JobComplete", "Failed", "Aborted"
ENDED = (COMPLETE, FAILED, ABORTED)


@dataclass(slots=True)
class Job:
    """One job. Everything in it is plain JSON, so that the journal can keep it."""

    id: str
    operation: str
    object: str
    version: str  #: of the API that made it: 67.0
    created_by: str
    created_at: float  #: seconds since 1970, on the stand-in's clock
    state: str
    state_at: float  #: when it came into that state
    line_ending: str = "LF"
    delimiter: str = "COMMA"
    external_id: str | None = None
    query: str = ""
    actor: Json = field(default_factory=dict)  #: who acts while it runs
    uploaded: bool = False
    error: str = ""
    processed: int = 0  #: records done, failed ones included; of a query: rows written
    failed: int = 0
    success_bytes: int = 0  #: length of the file of successful results that goes with `processed`
    failure_bytes: int = 0
    busy_ms: int = 0
    pages: list[int] = field(default_factory=list)  #: of a query: where each thousandth row begins in the file

    @property
    def loads(self) -> bool:
        """Whether it is an ingest job."""
        return self.operation in INGEST

    @property
    def road(self) -> str:
        return "ingest" if self.loads else "query"

    @property
    def ended(self) -> bool:
        return self.state in ENDED

    def move(self, state: str, now: float) -> None:
        self.state, self.state_at = state, now

    def head(self) -> Json:
        """The keys that every answer about a job begins with."""
        shown: Json = {
            "id": self.id,
            "operation": self.operation,
            "object": self.object,
            "createdById": self.created_by,
            "createdDate": rest_time(self.created_at),
            "systemModstamp": rest_time(self.state_at),
            "state": self.state,
        }
        if self.external_id:
            shown["externalIdFieldName"] = self.external_id
        return {**shown, "concurrencyMode": "Parallel", "contentType": "CSV", "apiVersion": float(self.version)}

    def created(self) -> Json:
        """The answer to its creation."""
        return {**self.head(), **self._content_url(), **self._form()}

    def listed(self) -> Json:
        """Its entry in the list of all jobs."""
        kind = {"jobType": "V2Ingest" if self.loads else "V2Query"}
        return {**self.head(), **kind, **self._content_url(), **self._form()}

    def info(self) -> Json:
        """The answer to a GET of this job alone."""
        counts: Json = {"numberRecordsProcessed": self.processed}
        if self.loads:
            counts["numberRecordsFailed"] = self.failed
        counts |= {"retries": 0, "totalProcessingTime": self.busy_ms}
        if self.loads:
            counts |= {"apiActiveProcessingTime": self.busy_ms, "apexProcessingTime": 0}
        if self.error:
            counts["errorMessage"] = self.error
        return {**self.listed(), **counts}

    def _form(self) -> Json:
        return {"lineEnding": self.line_ending, "columnDelimiter": self.delimiter}

    def _content_url(self) -> Json:
        """Where the data go, while they are awaited; without a leading slash, as in Salesforce."""
        if self.state != OPEN:
            return {}
        return {"contentUrl": f"services/data/v{self.version}/jobs/ingest/{self.id}/batches"}
