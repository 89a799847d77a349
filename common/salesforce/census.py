"""Which records there are: ids and stamps by time, by range of ids, or all of them through the Bulk API."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from common import clock
from common.change import MODSTAMP, Change
from common.comparing import Seen
from common.errors import Misconfigured
from common.mapping import ID, Mapping
from common.ports import BulkEnd
from common.salesforce.bulk_query import BulkQueryApi
from common.salesforce.org import SalesforceOrg
from common.salesforce.session import Refused, Session

PAGE = 2000  #: records in one answer; REST API guide, "Query"


class SalesforceCensus:
    """Implements comparing.Census."""

    def __init__(self, session: Session, org: SalesforceOrg) -> None:
        self._session = session
        self._org = org
        self._bulk = BulkQueryApi(session)

    def changed(self, mapping: Mapping, since: datetime, until: datetime, after: tuple[str, str] | None) -> list[Seen]:
        """The next records of a span of time by (stamp, id), deleted ones included; none after the last.

        Many records share a stamp, so a page goes on behind the last id of the last stamp.
        """
        first = _moment(after[0]) if after else _literal(since)
        behind = f" AND ({MODSTAMP} > {first} OR Id > '{after[1]}')" if after else ""
        soql = (
            f"SELECT Id, {MODSTAMP}, IsDeleted FROM {mapping.sobject} WHERE {MODSTAMP} >= {first} AND "
            f"{MODSTAMP} < {_literal(until)}{behind} ORDER BY {MODSTAMP}, Id LIMIT {PAGE}"
        )
        found = [_seen(r) for r in self._org.query("queryAll", soql, mapping)]
        return self._marked(mapping, found) if mapping.filter and found else found

    def _marked(self, mapping: Mapping, found: list[Seen]) -> list[Seen]:
        """Only Salesforce can hold a record to the filter."""
        low, high = _moment(found[0].stamp), _moment(found[-1].stamp)
        span = mapping.among(f"{MODSTAMP} >= {low} AND {MODSTAMP} <= {high}")
        soql = f"SELECT Id FROM {mapping.sobject} WHERE {span}"
        inside = {r[ID] for r in self._org.query("query", soql, mapping)}
        return [s if s.deleted or s.record_id in inside else Seen(s.record_id, s.stamp, outside=True) for s in found]

    def between(self, mapping: Mapping, after: str, upto: str) -> Iterator[Seen]:
        """Living records that meet the filter, of a range of ids; by REST, for some thousands."""
        for record in self._org.query("query", _listing(mapping, after, upto), mapping):
            yield _seen(record)

    def records(self, mapping: Mapping, after: str, upto: str, limit: int) -> list[Change]:
        """The same, whole: complete changes, ordered by id; so many at most."""
        return self._org.between(mapping, _range(mapping, after, upto), limit)

    def ask(self, mapping: Mapping, after: str, upto: str) -> str:
        """The same for any number of them: begins a Bulk API job, and gives its id."""
        return self._bulk.create(_listing(mapping, after, upto))

    def answered(self, job: str) -> bool:
        """Whether a job's answer is there.

        Raises:
            Misconfigured: it failed.
        """
        watched = self._bulk.watch(job)
        if watched.end is BulkEnd.FAILED:
            raise Misconfigured("query_failed", watched.error, "The next comparison asks anew.")
        return watched.end is BulkEnd.COMPLETE

    def answer(self, job: str) -> Iterator[Seen]:
        """What it says, in any order."""
        return (Seen(record_id, _milliseconds(stamp)) for record_id, stamp in self._bulk.rows(job))

    def has_changed(self, sobject: str, since: datetime) -> bool:
        """Whether any record has a stamp from then on, deleted ones included. One call."""
        soql = f"SELECT Id FROM {sobject} WHERE {MODSTAMP} >= {_literal(since)} LIMIT 1"
        try:
            return bool(self._session.get("queryAll", q=soql)["records"])
        except Refused:
            return True  # the comparison itself will tell why

    def sees_all(self, mapping: Mapping) -> bool:
        """Whether we have View All for the object, by a profile or a permission set (View All Data counts for each object).

        Not known, and so not true, where the integration user may not read that of itself (View Setup and Configuration).
        """
        try:
            me = str(self._session.get("")["identity"]).rsplit("/", 1)[1]
            soql = (
                f"SELECT Id FROM ObjectPermissions WHERE SobjectType = '{mapping.sobject}' AND PermissionsViewAllRecords = "
                f"true AND ParentId IN (SELECT PermissionSetId FROM PermissionSetAssignment WHERE AssigneeId = '{me}') LIMIT 1"
            )
            return bool(self._session.get("query", q=soql)["records"])
        except Refused:
            return False


def _listing(mapping: Mapping, after: str, upto: str) -> str:
    return f"SELECT Id, {MODSTAMP} FROM {mapping.sobject} WHERE {_range(mapping, after, upto)}"


def _range(mapping: Mapping, after: str, upto: str) -> str:
    bounds = [f"Id > '{after}'"] * bool(after) + [f"Id <= '{upto}'"] * bool(upto)
    return mapping.among(" AND ".join(bounds or ["Id != NULL"]))


def _seen(record: dict[str, Any]) -> Seen:
    return Seen(record[ID], _milliseconds(record[MODSTAMP]), deleted=record.get("IsDeleted") is True)


def _milliseconds(text: str) -> int:
    return round(clock.parse(text).timestamp() * 1000)


def _moment(milliseconds: str | int) -> str:
    return _literal(datetime.fromtimestamp(int(milliseconds) / 1000, UTC))


def _literal(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
