"""The shapes of requests and answers, as OpenAPI tells them."""

from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import Path, Query
from pydantic import BaseModel, ConfigDict, Field

from common.desk import Configuration, Proposal, Wish
from common.mapping import Direction, Policy

MOST_IDS = 1000  #: in one request; each is a message or an edit
NO_NUL = r"^[^\x00]*$"  #: Postgres text holds every character but this one
BIGGEST = 2**63 - 1
BIGGEST_MAPPING = 2**31 - 1

Name = Annotated[str, Field(min_length=1, max_length=200, pattern=NO_NUL)]
Words = Annotated[str, Field(max_length=1000, pattern=NO_NUL)]
Key = Annotated[int, Field(ge=1, le=BIGGEST)]
MappingId = Annotated[int, Path(ge=1, le=BIGGEST_MAPPING, description="The mapping's number")]
LetterId = Annotated[int, Path(ge=1, le=BIGGEST)]
NameQuery = Annotated[str | None, Query(min_length=1, max_length=200, pattern=NO_NUL)]
NeededName = Annotated[str, Query(min_length=1, max_length=200, pattern=NO_NUL)]
Limit = Annotated[int, Query(ge=1, le=1000)]
Before = Annotated[int | None, Query(ge=1, le=BIGGEST, description="Only what is older than this number")]
Way = Literal["SF_TO_PG", "PG_TO_SF"]


class Asked(BaseModel):
    """What is sent to us: names that are not known are refused."""

    model_config = ConfigDict(extra="forbid")


# -- signing in ----------------------------------------------------------------------------------


class Ways(BaseModel):
    """How one may sign in here."""

    link: bool
    google_client_id: str | None
    iap: bool


class Link(Asked):
    token: Annotated[str, Field(min_length=1, max_length=2000)]


class Me(BaseModel):
    who: str
    role: Literal["viewer", "operator"]


# -- mappings ------------------------------------------------------------------------------------


class Wished(Asked):
    """A mapping that is to be."""

    sf_object_name: Name
    pg_table_name: Annotated[str, Field(max_length=200, pattern=NO_NUL)] = ""
    sync_direction: Direction = Direction.BIDIRECTIONAL
    conflict_policy: Policy = Policy.LAST_WRITER_WINS
    fields: Annotated[list[Name], Field(max_length=1000)] = []
    external_id_field: Annotated[str, Field(max_length=200, pattern=NO_NUL)] = ""
    filter: Annotated[str, Field(max_length=4000, pattern=NO_NUL)] = ""

    def wish(self) -> Wish:
        return Wish(
            self.sf_object_name, self.pg_table_name, self.sync_direction, self.conflict_policy, tuple(self.fields),
            self.external_id_field, self.filter.strip(),
        )  # fmt: skip


class Changed(Asked):
    """What a mapping is to become; no field named means that they stay."""

    sync_direction: Direction
    conflict_policy: Policy
    fields: Annotated[list[Name], Field(max_length=1000)] = []

    def wish(self) -> Wish:
        return Wish("", "", self.sync_direction, self.conflict_policy, tuple(self.fields))


class Stored(Changed):
    """A change, fenced by the version that it is about."""

    version: Name
    max_daily_calls: Annotated[int | None, Field(ge=1, le=2**31 - 1)] = None
    delete_guard_count: Annotated[int, Field(ge=0, le=2**31 - 1)] = 100
    delete_guard_share: Annotated[float, Field(ge=0, le=1)] = 0.1


class MappedField(BaseModel):
    name: str
    column: str
    type: str
    createable: bool
    updateable: bool
    rules: dict[str, Any]  #: what becomes of its values on their way


class SyncConfig(BaseModel):
    id: int
    sf_object_name: str
    pg_table_name: str
    sync_direction: Direction
    is_active: bool
    conflict_policy: Policy
    external_id_field: str
    filter: str  #: which records have rows; empty: every one
    capture: str
    fields: list[MappedField]
    max_daily_calls: int | None
    delete_guard_count: int
    delete_guard_share: float
    paused_by: str
    paused_why: str
    created_at: datetime
    updated_at: datetime
    version: str

    @classmethod
    def of(cls, held: Configuration) -> "SyncConfig":
        m = held.mapping
        return cls(
            id=m.id, sf_object_name=m.sobject, pg_table_name=m.table, sync_direction=m.direction, is_active=held.active,
            conflict_policy=m.policy, external_id_field=m.external_id_field, filter=m.filter, capture=m.capture.value, fields=_fields(m),
            max_daily_calls=held.limits.max_daily_calls, delete_guard_count=held.limits.delete_guard_count,
            delete_guard_share=held.limits.delete_guard_share, paused_by=held.paused_by, paused_why=held.paused_why,
            created_at=held.created_at, updated_at=held.updated_at, version=held.version,
        )  # fmt: skip


class Preview(BaseModel):
    """What would be done, statement by statement; nothing was."""

    sf_object_name: str
    pg_table_name: str
    fields: list[MappedField]
    ddl: list[str]
    left_out: dict[str, str]
    warnings: list[str]

    @classmethod
    def of(cls, proposal: Proposal) -> "Preview":
        plan = proposal.plan
        return cls(
            sf_object_name=plan.mapping.sobject, pg_table_name=plan.mapping.table, fields=_fields(plan.mapping),
            ddl=list(proposal.ddl), left_out=dict(plan.left_out), warnings=list(plan.warnings),
        )  # fmt: skip


def _fields(mapping: Any) -> list[MappedField]:
    return [
        MappedField(
            name=f.name,
            column=f.column,
            type=f.kind,
            createable=f.createable,
            updateable=f.updateable,
            rules=f.rules.written(),
        )
        for f in mapping.fields
    ]


class SObject(BaseModel):
    name: str
    label: str
    custom: bool


class Described(BaseModel):
    name: str
    label: str
    type: str
    sendable: bool
    required: bool
    external_id: bool
    why_not: str


class Why(Asked):
    why: Words = ""


class Done(BaseModel):
    """How many of what was asked for was done, and what is worth knowing about it."""

    done: int
    notes: list[str] = []


# -- how things stand ----------------------------------------------------------------------------


class Check(BaseModel):
    check: str
    state: Literal["ok", "warning", "trouble"]
    count: int
    since: datetime | None
    detail: str


class Lag(BaseModel):
    arrived_at: datetime | None
    lag_ms: int | None
    arrived_today: int


class Standing(BaseModel):
    """A mapping: what waits, what failed, how far behind it is."""

    id: int
    object: str
    table: str
    direction: Direction
    state: Literal["active", "paused"]
    waiting: int
    waiting_since: datetime | None
    failed: int
    held_deletions: int
    conflicts: int
    dead_letters: int
    paused_by: str | None
    lag: dict[Way, Lag]


class Paused(BaseModel):
    paused_at: datetime
    paused_by: str | None
    paused_why: str | None


class Overview(BaseModel):
    state: Literal["ok", "warning", "trouble"]
    at: datetime
    paused: Paused | None
    checks: list[Check]
    mappings: list[Standing]


class Bucket(BaseModel):
    time: datetime
    SF_TO_PG: int
    PG_TO_SF: int


class ApiCalls(BaseModel):
    object: str
    table: str
    calls_today: int
    cap: int | None


class ApiLimit(BaseModel):
    used: int | None
    allowed: int | None
    seen_at: datetime | None
    closed_until: datetime | None


class StoppedField(BaseModel):
    object: str
    field: str
    since: datetime
    detail: str


class BulkJob(BaseModel):
    bulk_job: int
    object: str
    state: str
    records: int
    since: datetime
    looks_at: datetime
    last_error: str | None


class ApiBudget(BaseModel):
    calls: list[ApiCalls]
    org: list[ApiLimit]
    stopped_fields: list[StoppedField]
    bulk_jobs: list[BulkJob]


# -- what failed ---------------------------------------------------------------------------------


class Letter(BaseModel):
    id: int
    topic: str
    sobject: str | None
    record_id: str | None
    reason: str
    hint: str
    detail: str | None
    attempts: int
    state: Literal["kept", "replayed", "discarded"]
    created_at: datetime
    updated_at: datetime


class WholeLetter(Letter):
    event_id: str
    payload: dict[str, Any]


class Reason(BaseModel):
    reason: str
    hint: str
    letters: int
    oldest: datetime
    newest: datetime


class Chosen(Asked):
    """Letters by number, or all that are kept for a reason."""

    ids: Annotated[list[Key], Field(max_length=MOST_IDS)] = []
    reason: Annotated[str, Field(max_length=200, pattern=NO_NUL)] = ""
    why: Words = ""


class Replayed(BaseModel):
    id: int
    done: bool
    words: str


class Failure(BaseModel):
    object: str
    table: str
    record: str
    change: str
    edits: int
    since: datetime
    attempts: int
    reason: str | None
    detail: str | None
    hint: str | None
    edited_again: bool


class FailedEdit(BaseModel):
    id: int
    change: str
    made_at: datetime
    attempts: int
    old: dict[str, Any] | None
    new: dict[str, Any] | None
    error: str | None
    hint: str | None


class ChosenFailures(Asked):
    """Failed edits of an object, a record or a reason; every one only where `all` says so."""

    object: Annotated[str, Field(max_length=200, pattern=NO_NUL)] = ""
    record: Annotated[str, Field(max_length=500, pattern=NO_NUL)] = ""
    reason: Annotated[str, Field(max_length=200, pattern=NO_NUL)] = ""
    all: bool = False
    why: Words = ""


class Conflict(BaseModel):
    id: int
    object: str
    table: str
    record: str
    sfid: str | None
    field: str
    old: str | None
    postgres: str | None
    salesforce: str | None
    winner: Literal["salesforce", "postgres"]
    policy: Policy
    since: datetime
    settled_at: datetime | None
    settled_by: str | None
    settled_why: str | None
    taken: str | None


class Resolution(Asked):
    ids: Annotated[list[Key], Field(min_length=1, max_length=MOST_IDS)]
    take: Literal["salesforce", "postgres"]
    why: Words = ""


Road = Literal["to Salesforce", "to Postgres"]


class Held(BaseModel):
    object: str | None
    table: str
    road: Road
    deletions: int
    deleted_since: datetime | None
    held_since: datetime


class HeldRecord(BaseModel):
    id: int | None
    record_id: str | None
    sfid: str | None
    deleted_at: datetime | None
    held_at: datetime


class Verdict(Asked):
    object: Name
    road: Road = "to Salesforce"
    why: Words = ""


# -- records -------------------------------------------------------------------------------------


class Edit(BaseModel):
    id: int
    table_name: str
    record_id: str
    change: str
    state: str
    made_at: datetime
    ended_at: datetime | None
    attempts: int
    next_attempt_at: datetime | None
    error: str | None
    hint: str | None
    waits_for: str | None
    old: dict[str, Any] | None
    new: dict[str, Any] | None


class Edits(BaseModel):
    edits: list[Edit]
    before: int | None  #: where to go on looking; null at the log's end


class Step(BaseModel):
    at: datetime
    step: str
    detail: dict[str, Any]


class BackfillOrder(Asked):
    """A first load: of an object, or a table, towards one side."""

    object: Name
    to: Literal["", "postgres", "salesforce"] = ""


class Backfill(BaseModel):
    """How far a first load is."""

    backfill: int
    object: str
    table: str
    direction: Way
    state: str
    done: int
    records: int | None
    slices: int
    rows_per_second: int | None
    seconds_left: int | None
    written: int
    stale: int
    aside: int
    asked_by: str
    since: datetime
    ended_at: datetime | None
    last_error: str | None


class Comparison(BaseModel):
    """A comparison of records with their rows, and what it found."""

    id: int
    object: str
    table: str
    kind: str
    reason: str
    state: str
    started_at: datetime
    ended_at: datetime | None
    since: datetime | None
    compared: int
    missing: int
    older: int
    gone: int
    purged: int
    held: int
    unseen: int
    last_error: str | None


class Drift(BaseModel):
    """A change of the org's that waits for a person."""

    id: int
    object: str
    field: str
    what: str
    state: str
    detail: str
    ddl: str | None
    seen_at: datetime


class Schedule(BaseModel):
    name: str
    schedule: str
    time_zone: str
    state: str
    last_at: datetime | None
    next_at: datetime | None


class Audited(BaseModel):
    id: int
    at: datetime
    who: str
    action: str
    subject: str
    why: str
    before: Any
    after: Any
    ended_at: datetime | None
    refused: str | None
