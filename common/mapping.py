"""What belongs to what: a Salesforce object and its fields, a table and its columns."""

import re
from collections.abc import Iterable, Sequence
from collections.abc import Mapping as Map
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import cached_property
from hashlib import sha256

from common.change import EVENT, MODSTAMP, Change, Value
from common.family import Child, ParentKey
from common.ids import is_id
from common.rules import NONE, Rules

ID = "Id"
SYSTEM_COLUMNS = frozenset({"id", "sfid", "system_modstamp", "isthmus_read_at", "isthmus_written_at"})
MAX_IDENTIFIER = 63  #: bytes; Postgres cuts longer names silently


class Direction(StrEnum):
    SF_TO_PG = "SF_TO_PG"
    PG_TO_SF = "PG_TO_SF"
    BIDIRECTIONAL = "BIDIRECTIONAL"


class Policy(StrEnum):
    LAST_WRITER_WINS = "last_writer_wins"
    SALESFORCE_WINS = "salesforce_wins"
    POSTGRES_WINS = "postgres_wins"


class Capture(StrEnum):
    """Who notices what the application writes."""

    TRIGGER = "trigger"  #: in the application's own transaction
    DEBEZIUM = "debezium"  #: reads Postgres' log: costs the application nothing, comes a little later


class Kind(StrEnum):
    """What a value is, on both sides. Comes from describe, never from values."""

    TEXT = "text"
    EMAIL = "email"  #: Salesforce keeps it in lower case, whatever is written
    ID = "id"
    BOOLEAN = "boolean"
    INTEGER = "integer"
    DECIMAL = "decimal"
    DATE = "date"
    DATETIME = "datetime"
    TIME = "time"


@dataclass(frozen=True, slots=True)
class Field:
    name: str  #: Salesforce API name
    column: str
    kind: Kind
    createable: bool = True
    updateable: bool = True
    refers_to: tuple[str, ...] = ()  #: the objects that a lookup may point to
    relationship: str = ""  #: a lookup's relationship name: Account, Parent__r
    required: bool = False  #: a record cannot be created without it
    rules: Rules = NONE  #: what its values become on their way
    former: tuple[str, ...] = ()  #: API names that it had before: changes under way may still use them
    stopped: str = ""  #: why it travels no way: common/drift.py


@dataclass(frozen=True)
class Mapping:
    """One Salesforce object, one table."""

    id: int
    sobject: str
    table: str  #: schema.table
    direction: Direction
    fields: tuple[Field, ...]
    active: bool = True
    key_column: str = "id"
    external_id_field: str = "External_Id__c"  #: empty where the object has none; then nothing can be sent
    policy: Policy = Policy.LAST_WRITER_WINS
    configuration: int = 1  #: the configuration's version that it was read from
    listed: Map[str, frozenset[str]] = field(
        default_factory=dict
    )  #: outbound message's action id ('' for any) -> its fields
    parent_keys: tuple[ParentKey, ...] = ()  #: relationship columns
    write_back_external_ids: bool = False  #: a record born in Salesforce without an external id gets its row's key
    capture: Capture = Capture.TRIGGER
    filter: str = ""  #: SOQL condition; records that do not meet it have no row
    stopped: tuple[Field, ...] = ()  #: mapped, but neither read nor sent: Salesforce changed them
    children: tuple[Child, ...] = ()  #: relationship columns of other tables, or this one, that hold this table's keys

    @property
    def is_told_late(self) -> bool:
        """Whether a row may have edits, committed already, that nobody has told us of yet, while Salesforce writes it too."""
        return self.capture is Capture.DEBEZIUM and self.direction is Direction.BIDIRECTIONAL

    @cached_property
    def written(self) -> tuple[Field, ...]:
        """Every column that an application may write: the mapped fields, then the relationship columns."""
        return (*self.fields, *(self._as_field(k) for k in self.parent_keys))

    def _as_field(self, key: ParentKey) -> Field:
        lookup = next(f for f in self.fields if f.name == key.lookup)
        return Field(key.name, key.column, Kind.TEXT, lookup.createable, lookup.updateable)

    @cached_property
    def captured(self) -> tuple[Field, ...]:
        """Every column whose edits are kept: also of fields that are stopped."""
        return (*self.written, *self.stopped)

    @cached_property
    def by_name(self) -> Map[str, Field]:
        return {f.name: f for f in self.captured}

    @cached_property
    def by_captured_column(self) -> Map[str, Field]:
        return {f.column: f for f in self.captured}

    @cached_property
    def _present_names(self) -> Map[str, str]:
        return {old: f.name for f in self.captured for old in f.former}

    def renamed(self, change: Change) -> Change:
        """A change that was claimed before fields got other names, under the names that they have now."""
        if not self._present_names:
            return change
        return replace(change, fields={self._present_names.get(n, n): v for n, v in change.fields.items()})

    def may_send(self, name: str, *, new: bool) -> bool:
        """Whether a field may be written to a new record, or to one that is there."""
        if name == self.external_id_field:
            return not new  # a new one is addressed by it
        field = self.by_name.get(name)
        return field is not None and (field.createable if new else field.updateable)

    @cached_property
    def by_column(self) -> Map[str, Field]:
        return {f.column: f for f in self.written}

    def arriving(self, change: Change) -> dict[str, Value]:
        """What a complete change says of each mapped column, in the column's own words.

        Raises:
            Terminal: a value has no place in its column.
        """
        return {
            f.column: f.rules.forward(change.fields.get(f.name)) if f.rules else change.fields.get(f.name)
            for f in self.fields
        }

    @cached_property
    def read_fields(self) -> tuple[str, ...]:
        """Every field a complete change has: the mapped ones, Id, SystemModstamp and the external id."""
        external = (self.external_id_field,) if self.external_id_field else ()
        return (ID, MODSTAMP, *external, *(f.name for f in self.fields))

    @cached_property
    def _needed(self) -> frozenset[str]:
        return frozenset(self.read_fields[1:])  # the Id travels as record_id

    @property
    def to_postgres(self) -> bool:
        return self.active and self.direction is not Direction.PG_TO_SF

    @property
    def to_salesforce(self) -> bool:
        return self.active and self.direction is not Direction.SF_TO_PG

    def among(self, condition: str) -> str:
        """A SOQL condition on records, held to the mapping's filter."""
        return f"{condition} AND ({self.filter})" if self.filter else condition

    def selected(self, action_id: str) -> frozenset[str]:
        """The fields that an outbound message is known to select; none where nobody has told."""
        return self.listed.get(action_id) or self.listed.get("") or frozenset()

    def lacking(self, selected: Iterable[str]) -> list[str]:
        """The fields that a complete change needs beyond these, in the mapping's order."""
        have = frozenset(selected)
        return [name for name in self.read_fields if name not in have]

    @property
    def is_event(self) -> bool:
        """Whether it is about platform events, which are kept as they come: no record is ever read, changed or sent."""
        return self.sobject.endswith(EVENT)

    def completed(self, change: Change) -> Map[str, Value] | None:
        """Every mapped field of the change, absent ones filled where their absence is known to mean null.

        Returns:
            None where the change is only a hint: a mapped field is missing and nobody knows why; or there is a filter,
            which only Salesforce can hold a record to.
        """
        if self.is_event:  # it says all it has: what an older schema lacked is null
            return {f.name: change.fields.get(f.name) for f in self.fields}
        if self.filter:
            return None
        if not change.fields.get(MODSTAMP):
            return None  # nobody knows which version it is
        needed = self._needed
        if change.fields.keys() >= needed:
            return change.fields
        if not is_id(change.origin):
            return None  # no outbound message: its absent fields say nothing
        listed = self.selected(change.origin)
        if not listed or not listed.issuperset(change.fields):
            return None  # no list, or one older than the message
        if not listed.issuperset(needed):
            return None
        return {name: change.fields.get(name) for name in self.read_fields[1:]}


# -- names ---------------------------------------------------------------------------------------

_CUSTOM = re.compile(r"__(?:c|s|pc|r|e|kav|mdt)\Z")
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_SQUEEZE = re.compile(r"_{2,}")

#: Words that need quotes as a column or table name; PostgreSQL 18, appendix "SQL Key Words", reserved.
#: And the columns that every table has already: "System Columns".
RESERVED = frozenset(
    [
        "cmax",
        "cmin",
        "ctid",
        "tableoid",
        "xmax",
        "xmin",
        "all",
        "analyse",
        "analyze",
        "and",
        "any",
        "array",
        "as",
        "asc",
        "asymmetric",
        "authorization",
        "binary",
        "both",
        "case",
        "cast",
        "check",
        "collate",
        "collation",
        "column",
        "concurrently",
        "constraint",
        "create",
        "cross",
        "current_catalog",
        "current_date",
        "current_role",
        "current_schema",
        "current_time",
        "current_timestamp",
        "current_user",
        "default",
        "deferrable",
        "desc",
        "distinct",
        "do",
        "else",
        "end",
        "except",
        "false",
        "fetch",
        "for",
        "foreign",
        "freeze",
        "from",
        "full",
        "grant",
        "group",
        "having",
        "ilike",
        "in",
        "initially",
        "inner",
        "intersect",
        "into",
        "is",
        "isnull",
        "join",
        "lateral",
        "leading",
        "left",
        "like",
        "limit",
        "localtime",
        "localtimestamp",
        "natural",
        "not",
        "notnull",
        "null",
        "offset",
        "on",
        "only",
        "or",
        "order",
        "outer",
        "overlaps",
        "placing",
        "primary",
        "references",
        "returning",
        "right",
        "select",
        "session_user",
        "similar",
        "some",
        "symmetric",
        "system_user",
        "table",
        "tablesample",
        "then",
        "to",
        "trailing",
        "true",
        "union",
        "unique",
        "user",
        "using",
        "variadic",
        "verbose",
        "when",
        "where",
        "window",
        "with",
    ]
)


def snake(name: str) -> str:
    """`AnnualRevenue` -> `annual_revenue`, `My_Field__c` -> `my_field`; a namespace stays in front."""
    words = _HUMP.sub("_", _CUSTOM.sub("", name)).lower()
    return _legal(_SQUEEZE.sub("_", words))


def heroku(name: str) -> str:
    """The lower-cased API name, as Heroku Connect writes it: `My_Field__c` -> `my_field__c`."""
    return _legal(name.lower())


def _legal(name: str) -> str:
    if name in RESERVED:
        name += "_"
    if len(name.encode()) > MAX_IDENTIFIER:
        name = f"{name[: MAX_IDENTIFIER - 9]}_{sha256(name.encode()).hexdigest()[:8]}"
    return name


def relationship_column(relationship: str, field: str, *, style: str, taken: Iterable[str]) -> str:
    """`Account` and `External_Id__c` -> `account__external_id`; as Heroku Connect writes it, `account__external_id__c`."""
    choose = {"snake": snake, "heroku": heroku}[style]
    name = f"{choose(relationship)}__{choose(field)}"
    used = set(taken)
    return next(c for c in _candidates(name, _legal(name)) if c not in used)


def columns_for(names: Sequence[str], *, style: str = "snake", taken: Iterable[str] = SYSTEM_COLUMNS) -> dict[str, str]:
    """Give every API name a column of its own, always the same one for the same set of names.

    Two names that would meet in one column (`MyField__c` and `My_Field__c`), or meet a column of ours,
    fall back to the lower-cased API name, then to a number. Standard fields choose first.
    """
    choose = {"snake": snake, "heroku": heroku}[style]
    used = set(taken)
    columns: dict[str, str] = {}
    for name in sorted(names, key=lambda n: (bool(_CUSTOM.search(n)), n)):
        columns[name] = next(c for c in _candidates(name, choose(name)) if c not in used)
        used.add(columns[name])
    return {name: columns[name] for name in names}


def _candidates(name: str, first: str) -> Iterable[str]:
    yield first
    fallback = heroku(name)
    yield fallback
    number = 2
    while True:
        yield _legal(f"{fallback}_{number}")
        number += 1
