"""sObject Collections: up to 200 records in one call, each with its own result."""

from collections import Counter
from collections.abc import Callable
from typing import Any

from tests.standin import records
from tests.standin.errors import Refused, Unreadable, not_found
from tests.standin.events import publishing
from tests.standin.events import rest as event_rest
from tests.standin.org import Org
from tests.standin.querying import query
from tests.standin.rest.sobjects import MAX_BATCH, table_of_id
from tests.standin.schema import Field
from tests.standin.table import Table
from tests.standin.web import Json, Reply, Request, flag, objects_in, wrong_method

MAX_RETRIEVE = 2000
Step = Callable[[Any], Json]  #: does one record; returns the keys of its result, or raises Refused

ROLLED_BACK: Json = {
    "statusCode": "ALL_OR_NONE_OPERATION_ROLLED_BACK",
    "message": "Record rolled back because not all records were valid and the request was using AllOrNone header",
    "fields": [],
}


def answer(org: Org, request: Request, rest: list[str]) -> Reply:
    """Everything below /composite/sobjects; `rest` are the path's segments after it."""
    if not rest:
        request.resource = "composite/sobjects"
        return _mixed(org, request)
    table = org.seen_by(request.who()).table(rest[0])
    if len(rest) == 1:
        request.resource = "composite/sobjects/{object}"
        return _retrieve(org, request, table)
    if len(rest) == 2 and request.method == "PATCH":
        request.resource = "composite/sobjects/{object}/{field}"
        return _upsert(org, request, table, records.key_field(table.sobject, rest[1]))
    raise not_found()


def _mixed(org: Org, request: Request) -> Reply:
    if request.method == "DELETE":
        asked = request.query
        listed = [i for i in asked.get("ids", "").split(",") if i]
        return _each(org, listed, flag(asked.get("allOrNone")), lambda record_id: _delete(org, request, record_id))
    steps = {"POST": _create, "PATCH": _update}
    if request.method not in steps:
        raise wrong_method(request)
    step = steps[request.method]
    return _each_record(org, request, lambda raw: step(org, request, raw))


def _each_record(org: Org, request: Request, step: Step) -> Reply:
    body = request.json_object()
    listed = objects_in(body.get("records"), "records")
    return _each(org, listed, flag(body.get("allOrNone")), step)


def _each(org: Org, listed: list[Any], all_or_none: bool, step: Step) -> Reply:
    """Do every record, each on its own; with all_or_none a single failure takes all of them back."""
    if len(listed) > MAX_BATCH:
        message = f"record limit reached. cannot submit more than {MAX_BATCH} records into this call"
        raise Refused("EXCEEDED_ID_LIMIT", message)
    refuse_all = org.settings["collectionParseErrors"] == "request"
    results: list[Json] = []
    with org.store.transaction():
        start = org.store.mark()
        for raw in listed:
            try:
                results.append({**step(raw), "success": True, "errors": []})
            except Refused as exc:
                if refuse_all and isinstance(exc, Unreadable):
                    raise
                results.append({**_known_id(raw), "success": False, "errors": [exc.as_result()]})
        if all_or_none and not all(result["success"] for result in results):
            org.store.roll_back(start)
            results = [_rolled_back(result) for result in results]
    return Reply(200, [_in_order(result) for result in results])


def _rolled_back(result: Json) -> Json:
    if not result["success"]:
        return result
    known = {} if result.pop("made", result.get("created")) else {"id": result["id"]}
    return {**known, "success": False, "errors": [ROLLED_BACK]}


def _in_order(result: Json) -> Json:
    return {key: result[key] for key in ("id", "success", "errors", "created") if key in result}


def _known_id(raw: Any) -> Json:
    record_id = raw if isinstance(raw, str) else raw.get("Id", raw.get("id"))
    return {"id": record_id} if isinstance(record_id, str) and len(record_id) == 18 else {}


def _table_of(org: Org, request: Request, raw: Json) -> Table:
    kind = records.type_of(raw)
    table = org.seen_by(request.who()).find_table(kind)
    if table is None:
        raise Unreadable("INVALID_TYPE", f"sObject type '{kind}' is not supported.")
    return table


def _create(org: Org, request: Request, raw: Json) -> Json:
    event = event_rest.event_of(org, str(records.type_of(raw))) if org.events.topics.platform_events else None
    if event is not None:
        return publishing.by_rest(org.events, event, raw, request.who())
    return {
        "id": records.insert(org.seen_by(request.who()), _table_of(org, request, raw), raw, request.who()),
        "made": True,
    }


def _update(org: Org, request: Request, raw: Json) -> Json:
    table = _table_of(org, request, raw)
    record_id = raw.get("Id") or raw.get("id")
    if not isinstance(record_id, str):
        raise Refused("MISSING_ARGUMENT", "Id not specified in an update call", ["Id"])
    body = {name: value for name, value in raw.items() if name not in ("Id", "id")}
    records.update(org.seen_by(request.who()), table, record_id, body, request.who())
    return {"id": records.living(table, record_id)["Id"]}


def _delete(org: Org, request: Request, record_id: str) -> Json:
    table = table_of_id(org.seen_by(request.who()), record_id)
    if table is None:
        raise Refused("MALFORMED_ID", f"malformed id {record_id}", [])
    found = records.living(table, record_id)["Id"]
    records.delete(org.seen_by(request.who()), table, found, request.who())
    return {"id": found}


def _upsert(org: Org, request: Request, table: Table, field: Field) -> Reply:
    listed = objects_in(request.json_object().get("records"), "records")
    seen = Counter(_fold(_value_of(raw, field)) for raw in listed)

    def step(raw: Json) -> Json:
        if _table_of(org, request, raw) is not table:
            raise Refused("INVALID_TYPE", f"All records must be of type {table.sobject.name}", [])
        value = _value_of(raw, field)
        if value is None and field.type == "id":
            return {"id": records.insert(org.seen_by(request.who()), table, raw, request.who()), "created": True}
        if value is None:
            raise Refused("MISSING_ARGUMENT", f"{field.name} not specified", [])
        if seen[_fold(value)] > 1:
            raise Refused("DUPLICATE_VALUE", f"Duplicate external id specified: {value}", [field.name])
        return records.upsert(org.seen_by(request.who()), table, field, value, raw, request.who())

    return _each_record(org, request, step)


def _value_of(raw: Json, field: Field) -> Any:
    value = raw.get(field.name)
    if value is None:
        value = next((v for name, v in raw.items() if name.lower() == field.name.lower()), None)
    return value if isinstance(value, (str, int, float)) and value != "" else None


def _fold(value: Any) -> Any:
    return value.lower() if isinstance(value, str) else value


def _retrieve(org: Org, request: Request, table: Table) -> Reply:
    if request.method == "POST":
        body = request.json_object()
        listed, fields = body.get("ids"), body.get("fields")
    elif request.method == "GET":
        listed, fields = (request.query.get(name, "").split(",") for name in ("ids", "fields"))
    else:
        raise wrong_method(request)
    if not isinstance(listed, list) or not isinstance(fields, list) or not fields:
        raise Refused("REQUIRED_FIELD_MISSING", "ids and fields are required")
    if len(listed) > MAX_RETRIEVE:
        message = f"record limit reached. cannot submit more than {MAX_RETRIEVE} records into this call"
        raise Refused("EXCEEDED_ID_LIMIT", message)
    render = query.renderer(
        org.seen_by(request.who()), table.sobject, [str(name).strip() for name in fields], request.version
    )
    return Reply(200, [_retrieved(table, str(record_id).strip(), render) for record_id in listed])


def _retrieved(table: Table, record_id: str, render: query.Render) -> Json | None:
    try:
        return render(records.living(table, record_id))
    except Refused as exc:
        if exc.code == "MALFORMED_ID":
            raise Refused("MALFORMED_ID", f"malformed id {record_id}") from exc
        return None
