"""The operations: most are a REST call with another coat, so that both follow the same rules."""

from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlencode
from xml.etree.ElementTree import Element

from tests.standin import ids, merge, records
from tests.standin.errors import Refused
from tests.standin.org import Org
from tests.standin.outbound.xml import text_of
from tests.standin.querying import query
from tests.standin.querying.cursors import MIN_PAGE, PAGE
from tests.standin.rest import collection
from tests.standin.rest import sobjects as rest_sobjects
from tests.standin.rest.composite import subrequest
from tests.standin.rest.sobjects import MAX_BATCH, table_of_id
from tests.standin.soap_api import people, sobjects
from tests.standin.soap_api.envelope import Call, local, xml
from tests.standin.store import Store
from tests.standin.table import Table
from tests.standin.web import Json, Request, flag

REST_ONLY = ("urls", "sobjectDescribeOption", "namedLayoutInfos", "supportedScopes", "actionOverrides")
MAX_DESCRIBED = 100


@dataclass(frozen=True, slots=True)
class Asked:
    """A call of a user who is signed in."""

    org: Org
    request: Request
    call: Call

    @property
    def store(self) -> Store:
        """What this user sees."""
        return self.org.seen_by(self.request.who())

    def rest(self, method: str, path: str, body: Json | None = None) -> Request:
        """The same as a REST call of the same user."""
        url = f"/services/data/{self.request.version}/{path}"
        return subrequest(self.request, method, url, body, {})

    def all_or_none(self) -> bool:
        return flag(self.call.option("AllOrNoneHeader", "allOrNone"))


Operation = Callable[[Asked], list[str]]  #: returns the response's `result` elements


def _saved(results: list[Json], upserted: bool = False) -> list[str]:
    """SaveResults, UpsertResults, DeleteResults: the same keys in alphabetical order."""
    return [xml("result", _result(result, upserted)) for result in results]


def _result(result: Json, upserted: bool) -> Json:
    created = {"created": result.get("created", False)} if upserted else {}
    errors = [dict(sorted(error.items())) for error in result["errors"]]
    return {**created, "errors": errors, "id": result.get("id"), "success": result["success"]}


def _many(asked: Asked, method: str, path: list[str]) -> list[str]:
    listed = [sobjects.read(element) for element in asked.call.elements("sObjects")]
    body = {"allOrNone": asked.all_or_none(), "records": listed}
    request = asked.rest(method, "composite/sobjects", body)
    return _saved(collection.answer(asked.org, request, path).body, upserted=bool(path))


def create(asked: Asked) -> list[str]:
    return _many(asked, "POST", [])


def update(asked: Asked) -> list[str]:
    return _many(asked, "PATCH", [])


def upsert(asked: Asked) -> list[str]:
    first = asked.call.elements("sObjects")
    field = asked.call.text("externalIDFieldName")
    if not first:
        return []
    return _many(asked, "PATCH", [records.type_of(sobjects.read(first[0])), field])


def delete(asked: Asked) -> list[str]:
    listed = ",".join(asked.call.texts("ids"))
    request = asked.rest("DELETE", f"composite/sobjects?ids={listed}&allOrNone={str(asked.all_or_none()).lower()}")
    return _saved(collection.answer(asked.org, request, []).body)


def undelete(asked: Asked) -> list[str]:
    store = asked.store
    return _each_id(asked, lambda table, i: records.undelete(store, table, i, asked.request.who()))


def empty_recycle_bin(asked: Asked) -> list[str]:
    return _each_id(asked, lambda table, i: _purge(asked.store, table, i))


def _purge(store: Store, table: Table, record_id: str) -> None:
    if record_id not in table.deleted:
        raise Refused("INVALID_ID_FIELD", "Invalid record id; no recycle bin entry found", ["id"])
    store.purge(table, record_id)


def _each_id(asked: Asked, step: Callable[[Table, str], None]) -> list[str]:
    """Do something to each id's record, each on its own; with AllOrNoneHeader all or none."""
    store, listed = asked.store, asked.call.texts("ids")
    if len(listed) > MAX_BATCH:
        message = f"record limit reached. cannot submit more than {MAX_BATCH} records into this call"
        raise Refused("EXCEEDED_ID_LIMIT", message)
    results: list[Json] = []
    with store.transaction():
        start = store.mark()
        for record_id in listed:
            results.append(_one_id(store, record_id, step))
        if asked.all_or_none() and not all(result["success"] for result in results):
            store.roll_back(start)
            results = [
                {**one, "success": False, "errors": one["errors"] or [collection.ROLLED_BACK]} for one in results
            ]
    return _saved(results)


def _one_id(store: Store, record_id: str, step: Callable[[Table, str], None]) -> Json:
    try:
        table = table_of_id(store, record_id)
        if table is None:
            raise Refused("MALFORMED_ID", f"malformed id {record_id}", [])
        known = next((kept for kept in (record_id, ids.to_18(record_id)) if kept in table.records), None)
        step(table, known or record_id)
    except Refused as exc:
        return {"id": record_id, "success": False, "errors": [exc.as_result()]}
    return {"id": known, "success": True, "errors": []}


def merge_records(asked: Asked) -> list[str]:
    return [xml("result", _merged(asked, element)) for element in asked.call.elements("mergeRequests")]


def _merged(asked: Asked, element: Element) -> Json:
    parts = [(local(child), child) for child in element]
    master = next(sobjects.read(child) for name, child in parts if name == "masterRecord")
    losers = [(child.text or "").strip() for name, child in parts if name == "recordToMergeIds"]
    store, changes = asked.store, {name: v for name, v in master.items() if name not in ("attributes", "Id")}
    try:
        with store.transaction():
            table = store.table(records.type_of(master))
            done = merge.merge(store, table, str(master.get("Id")), losers, changes, asked.request.who())
    except Refused as exc:
        error = dict(sorted(exc.as_result().items()))
        return {"errors": [error], "id": master.get("Id"), "mergedRecordIds": [], "success": False}
    found = {"id": done["id"], "mergedRecordIds": done["mergedRecordIds"], "success": True}
    return {"errors": [], **found, "updatedRelatedIds": done["updatedRelatedIds"]}


def query_now(asked: Asked) -> list[str]:
    return _query(asked, deleted_too=False)


def query_all(asked: Asked) -> list[str]:
    return _query(asked, deleted_too=True)


def _query(asked: Asked, deleted_too: bool) -> list[str]:
    org, version = asked.org, asked.request.version
    user_id = asked.request.who().user_id
    found = query.run(org.seen_by(asked.request.who()), asked.call.text("queryString"), deleted_too, version, user_id)
    if found.counts:
        return [_page(asked, {"done": True, "records": [], "totalSize": found.total})]
    size = asked.call.option("QueryOptions", "batchSize")
    most = min(max(int(size), MIN_PAGE), PAGE) if size.isdigit() else PAGE
    return [_page(asked, org.cursors.first_page(found, most, version))]


def query_more(asked: Asked) -> list[str]:
    return [_page(asked, asked.org.cursors.page(asked.call.text("queryLocator"), asked.request.version))]


def _page(asked: Asked, found: Json) -> str:
    return f'<result xsi:type="QueryResult">{sobjects.page(asked.store, found)}</result>'


def retrieve(asked: Asked) -> list[str]:
    fields = [name.strip() for name in asked.call.text("fieldList").split(",")]
    body: Json = {"ids": asked.call.texts("ids"), "fields": fields}
    request = asked.rest("POST", "composite/sobjects", body)
    found = collection.answer(asked.org, request, [asked.call.text("sObjectType")]).body
    return [sobjects.write(asked.store, "result", one) if one else xml("result", None) for one in found]


def get_updated(asked: Asked) -> list[str]:
    return [xml("result", _replicated(asked, "updated"))]


def get_deleted(asked: Asked) -> list[str]:
    found = _replicated(asked, "deleted")
    gone = [{**one, "deletedDate": text_of("datetime", one["deletedDate"])} for one in found["deletedRecords"]]
    return [xml("result", {**found, "deletedRecords": gone})]


def _replicated(asked: Asked, which: str) -> Json:
    period = urlencode({"start": asked.call.text("startDate"), "end": asked.call.text("endDate")})
    name = asked.call.text("sObjectType")
    found = rest_sobjects.answer(asked.org, asked.rest("GET", f"sobjects/{name}/{which}?{period}"), [name, which]).body
    return {
        key: text_of("datetime", value) if key.endswith(("Covered", "Available")) else value
        for key, value in found.items()
    }


def get_user_info(asked: Asked) -> list[str]:
    return [xml("result", people.user_info(asked.org, asked.request.who().user_id))]


def get_server_timestamp(asked: Asked) -> list[str]:
    return [xml("result", {"timestamp": text_of("datetime", asked.org.clock.stamp())})]


def logout(asked: Asked) -> list[str]:
    asked.org.sessions.expire(asked.call.option("SessionHeader", "sessionId"))
    return []


def invalidate_sessions(asked: Asked) -> list[str]:
    results = []
    for token in asked.call.texts("sessionIds"):
        asked.org.sessions.expire(token)
        results.append(xml("result", {"success": True}))
    return results


def describe_global(asked: Asked) -> list[str]:
    found = rest_sobjects.answer(asked.org, asked.rest("GET", "sobjects"), []).body
    listed = [_described(entry) for entry in found["sobjects"]]
    return [xml("result", {"encoding": "UTF-8", "maxBatchSize": found["maxBatchSize"], "sobjects": listed})]


def describe_one(asked: Asked) -> list[str]:
    names = asked.call.texts("sObjectType")
    if len(names) > MAX_DESCRIBED:
        raise Refused("EXCEEDED_MAX_TYPES_LIMIT", f"describeSObjects takes {MAX_DESCRIBED} types at most")
    return [xml("result", _described(_table(asked, name).sobject.raw)) for name in names]


def _table(asked: Asked, name: str) -> Table:
    found = asked.store.find_table(name)
    if found is None:
        raise Refused("INVALID_TYPE", f"sObject type '{name}' is not supported.")
    return found


def _described(body: Json) -> Json:
    """A describe without nulls and without what only REST tells, in the WSDL's alphabetical order."""
    kept = {key: value for key, value in sorted(body.items()) if value is not None and key not in REST_ONLY}
    return {key: [_described(one) for one in v] if _objects(v) else v for key, v in kept.items()}


def _objects(value: object) -> bool:
    return isinstance(value, list) and bool(value) and isinstance(value[0], dict)


OPERATIONS: dict[str, Operation] = {
    "create": create,
    "delete": delete,
    "describeGlobal": describe_global,
    "describeSObject": describe_one,
    "describeSObjects": describe_one,
    "emptyRecycleBin": empty_recycle_bin,
    "getDeleted": get_deleted,
    "getServerTimestamp": get_server_timestamp,
    "getUpdated": get_updated,
    "getUserInfo": get_user_info,
    "invalidateSessions": invalidate_sessions,
    "logout": logout,
    "merge": merge_records,
    "query": query_now,
    "queryAll": query_all,
    "queryMore": query_more,
    "retrieve": retrieve,
    "undelete": undelete,
    "update": update,
    "upsert": upsert,
}
