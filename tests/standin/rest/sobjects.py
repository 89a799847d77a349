"""REST on one object and one record: /sobjects/..."""

from datetime import UTC, datetime

from tests.standin import describe, ids, records
from tests.standin.clock import epoch_of, rest_time
from tests.standin.errors import Refused, not_found
from tests.standin.org import Org
from tests.standin.querying import rendering
from tests.standin.querying.expressions import NoSuchName
from tests.standin.relations import relations_of
from tests.standin.rest import conditions, recent
from tests.standin.schema import Field
from tests.standin.store import Store
from tests.standin.table import Record, Table
from tests.standin.values import utc_text
from tests.standin.web import Json, Reply, Request, flag, wrong_method

MAX_BATCH = 200
MAX_RECENT = 5  #: items that an object's own page lists
OLD_UPSERT_VERSION = 46.0  #: before it an update by external id was answered with 204 and no body
WINDOW_DAYS = {"updated": 30, "deleted": 15}
DAY_SECONDS = 86_400


def answer(org: Org, request: Request, rest: list[str]) -> Reply:
    """Everything below /sobjects; `rest` are the path's segments after it."""
    store = org.seen_by(request.who())
    if not rest:
        request.resource = "sobjects"
        return _global(store, request)
    table = store.table(rest[0])
    if len(rest) == 1:
        request.resource = "sobjects/{object}"
        return _object(org, request, table)
    if len(rest) == 2 and rest[1] in ("describe", "updated", "deleted"):
        request.resource = f"sobjects/{{object}}/{rest[1]}"
        if rest[1] == "describe":
            return _describe(store, request, table)
        return _replicated(org, request, table, rest[1])
    if len(rest) == 2:
        request.resource = "sobjects/{object}/{id}"
        return _record(org, request, table, rest[1])
    if len(rest) == 3:
        request.resource = "sobjects/{object}/{field}/{value}"
        return _by_key(org, request, table, rest[1], rest[2])
    raise not_found()


def _global(store: Store, request: Request) -> Reply:
    """Every object; 304 when none changed since the moment that the caller knows."""
    tables = store.tables.values()
    changed_at = max(table.sobject.changed_at for table in tables)
    headers = conditions.validators(f"sobjects{len(tables)}", changed_at)
    if conditions.unchanged(request, headers, changed_at):
        return Reply(304, None, headers)
    entries = [describe.global_entry(table.sobject.raw, request.version) for table in tables]
    return Reply(200, {"encoding": "UTF-8", "maxBatchSize": MAX_BATCH, "sobjects": entries}, headers)


def _object(org: Org, request: Request, table: Table) -> Reply:
    if request.method == "POST":
        with org.store.transaction():
            record_id = records.insert(org.seen_by(request.who()), table, request.json_object(), request.who())
        return _created(request, table, record_id, {})
    if request.method != "GET":
        raise wrong_method(request)
    entry = describe.global_entry(table.sobject.raw, request.version)
    return Reply(200, {"objectDescribe": entry, "recentItems": recent.items([table], request, MAX_RECENT)})


def _created(request: Request, table: Table, record_id: str, more: Json) -> Reply:
    location = f"/services/data/{request.version}/sobjects/{table.sobject.name}/{record_id}"
    return Reply(201, {"id": record_id, "success": True, "errors": [], **more}, {"Location": location})


def _describe(store: Store, request: Request, table: Table) -> Reply:
    sobject = table.sobject
    headers = conditions.validators(sobject.name, sobject.changed_at)
    if conditions.unchanged(request, headers, sobject.changed_at):
        return Reply(304, None, headers)
    children = [relation.described() for relation in relations_of(store, sobject)]
    return Reply(200, describe.shown(sobject.raw, children, request.version, request.base_url), headers)


def _record(org: Org, request: Request, table: Table, record_id: str) -> Reply:
    try:
        found = records.living(table, record_id)
    except Refused as exc:
        raise _single(exc, record_id) from exc
    return _one(org, request, table, found)


def _one(org: Org, request: Request, table: Table, found: Record) -> Reply:
    """GET, PATCH or DELETE of a record that was found, under the conditions of the request's headers."""
    changed_at = epoch_of(found["SystemModstamp"])
    headers = conditions.validators(found["Id"], changed_at)
    if request.method == "GET":
        if conditions.unchanged(request, headers, changed_at):
            return Reply(304, None, headers)
        return Reply(200, written(org, request, table, found, request.query.get("fields")), headers)
    conditions.require(request, headers, changed_at)
    store = org.seen_by(request.who())
    with org.store.transaction():
        if request.method == "PATCH":
            records.update(store, table, found["Id"], request.json_object(), request.who())
        elif request.method == "DELETE":
            records.delete(store, table, found["Id"], request.who())
        else:
            raise wrong_method(request)
    return Reply(204)


def _single(exc: Refused, record_id: str) -> Refused:
    """A single call says NOT_FOUND where a collection says that the id is wrong."""
    if exc.code == "ENTITY_IS_DELETED":
        return exc
    return not_found(f"Provided external ID field does not exist or is not accessible: {record_id}")


def written(org: Org, request: Request, table: Table, record: Record, fields: str | None) -> Json:
    """A record with the given fields, comma separated, or with all of them."""
    names = [name.strip() for name in fields.split(",") if name.strip()] if fields else list(table.sobject.fields)
    try:
        return rendering.renderer(org.seen_by(request.who()), table.sobject, names, request.version)(record)
    except NoSuchName as exc:
        raise Refused("INVALID_FIELD", f"No such column '{exc.name}' on sobject of type {table.sobject.name}") from exc


def _by_key(org: Org, request: Request, table: Table, field_name: str, value: str) -> Reply:
    field = records.key_field(table.sobject, field_name)
    found = records.matches(table, field, value)
    if len(found) > 1:
        root = f"/services/data/{request.version}/sobjects/{table.sobject.name}"
        return Reply(300, [f"{root}/{record_id}" for record_id in found])
    if request.method == "PATCH":
        return _upsert(org, request, table, field, value)
    if not found:
        raise not_found()
    return _one(org, request, table, table.records[found[0]])


def _upsert(org: Org, request: Request, table: Table, field: Field, value: str) -> Reply:
    update_only = flag(request.query.get("updateOnly"))
    body = request.json_object()
    if any(name.lower() == "id" for name in body) and field.type != "id":
        raise Refused("INVALID_FIELD", "The Id field should not be specified in the sobject data.")
    with org.store.transaction():
        made = records.upsert(org.seen_by(request.who()), table, field, value, body, request.who(), update_only)
    if made["created"]:
        return _created(request, table, made["id"], {"created": True})
    if float(request.version[1:]) < OLD_UPSERT_VERSION:
        return Reply(204)
    return Reply(200, {"id": made["id"], "success": True, "errors": [], "created": False})


def _replicated(org: Org, request: Request, table: Table, which: str) -> Reply:
    """The updated or deleted ids between start and end; seconds and less are cut off, as in Salesforce."""
    start, end = (_moment(request, name) for name in ("start", "end"))
    if start >= end:
        raise Refused("INVALID_REPLICATION_DATE", "startDate cannot be at or after endDate")
    if epoch_of(start) < org.clock.now() - WINDOW_DAYS[which] * DAY_SECONDS:
        raise Refused("INVALID_REPLICATION_DATE", f"startDate before org replication enabled date: {start}")
    stamped = (i for i in table.stamps.between(start, end) if i in table.records)
    found = [i for i in stamped if table.records[i]["SystemModstamp"] < end]
    covered = min(end, rest_time(org.clock.now() // 60 * 60))
    if which == "updated":
        return Reply(200, {"ids": [i for i in found if i not in table.deleted], "latestDateCovered": covered})
    gone = [{"id": i, "deletedDate": table.records[i]["SystemModstamp"]} for i in found if i in table.deleted]
    earliest = rest_time(org.clock.now() - WINDOW_DAYS[which] * DAY_SECONDS)
    return Reply(200, {"deletedRecords": gone, "earliestDateAvailable": earliest, "latestDateCovered": covered})


def _moment(request: Request, name: str) -> str:
    text = utc_text(request.query.get(name, "").replace(" ", "+"))
    if text is None:
        raise Refused("INVALID_REPLICATION_DATE", f"{name} is missing or not a date and time")
    moment = datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%f%z").astimezone(UTC)
    return rest_time(moment.timestamp() // 60 * 60)


def table_of_id(store: Store, record_id: str) -> Table | None:
    """The table whose key prefix an id has."""
    full = ids.to_18(record_id) or ""
    return next((t for t in store.tables.values() if t.sobject.prefix == full[:3]), None)
