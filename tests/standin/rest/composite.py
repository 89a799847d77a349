"""Several calls in one: composite, batch and tree."""

import re
from collections.abc import Callable
from typing import Any

from tests.standin import records
from tests.standin.errors import Refused, not_found
from tests.standin.org import Org
from tests.standin.relations import relation_named
from tests.standin.store import Actor, Store
from tests.standin.table import Table
from tests.standin.web import Json, Reply, Request, flag, objects_in, refusal

MAX_SUBREQUESTS = 25
MAX_HEAVY = 5  #: of the subrequests, those that are queries or collections
MAX_TREE = 200
Dispatch = Callable[[Request], Reply]

_HEAVY = re.compile(r"/services/data/v[\d.]+/(?:query|queryAll|composite/sobjects)(?:[/?]|\Z)")
_REFERENCE = re.compile(r"@\{([^}]+)\}")
_STEP = re.compile(r"\.?([A-Za-z_]\w*)|\[(\d+)\]")


class Halted(Exception):
    """A composite that is taken back."""


def composite(org: Org, request: Request, dispatch: Dispatch) -> Reply:
    """POST /composite."""
    request.resource = "composite"
    body = request.json_object()
    asked = objects_in(body.get("compositeRequest"), "compositeRequest")
    _check(asked)
    run = Subrequests(request, dispatch, substitute=b"@{" in request.body)
    if not flag(body.get("allOrNone")):
        return Reply(200, {"compositeResponse": [run.one(sub) for sub in asked]})
    try:
        with org.store.transaction():
            for sub in asked:
                if run.one(sub)["httpStatusCode"] >= 400:
                    raise Halted
    except Halted:
        run.take_back(asked)
    return Reply(200, {"compositeResponse": run.responses})


def _check(asked: list[Json]) -> None:
    if not asked:
        raise Refused("REQUIRED_FIELD_MISSING", "compositeRequest is required and must not be empty")
    if len(asked) > MAX_SUBREQUESTS:
        raise Refused("LIMIT_EXCEEDED", f"A composite request may have {MAX_SUBREQUESTS} subrequests, not {len(asked)}")
    heavy = sum(1 for sub in asked if _HEAVY.match(str(sub.get("url"))))
    if heavy > MAX_HEAVY:
        message = f"A composite request may have {MAX_HEAVY} query or sObject Collections subrequests, not {heavy}"
        raise Refused("LIMIT_EXCEEDED", message)
    names = [sub.get("referenceId") for sub in asked]
    if not all("url" in sub and "method" in sub for sub in asked):
        raise Refused("JSON_PARSER_ERROR", "Each subrequest needs a method and a url")
    if not all(isinstance(name, str) for name in names) or len(set(names)) < len(names):
        raise Refused("JSON_PARSER_ERROR", "Each subrequest needs a referenceId of its own")


class Subrequests:
    """Runs the subrequests in order and keeps their answers for references."""

    def __init__(self, request: Request, dispatch: Dispatch, substitute: bool) -> None:
        self._request = request
        self._dispatch = dispatch
        self._substitute = substitute
        self._bodies: dict[str, Any] = {}
        self.responses: list[Json] = []

    def one(self, sub: Json) -> Json:
        reference = str(sub["referenceId"])
        try:
            reply = self._dispatch(self._subrequest(sub))
        except Refused as exc:
            reply = refusal(exc)
        if reply.status < 300:
            self._bodies[reference] = reply.body
        response = {
            "body": reply.body,
            "httpHeaders": reply.headers,
            "httpStatusCode": reply.status,
            "referenceId": reference,
        }
        self.responses.append(response)
        return response

    def _subrequest(self, sub: Json) -> Request:
        url, body = str(sub["url"]), sub.get("body")
        if self._substitute:
            url, body = self._filled(url), self._filled(body)
        if not url.startswith("/services/data/"):
            raise not_found()
        headers = {name.lower(): value for name, value in (sub.get("httpHeaders") or {}).items()}
        return subrequest(self._request, str(sub["method"]), url, body, headers)

    def _filled(self, value: Any) -> Any:
        """The value with every @{reference.path} replaced."""
        if isinstance(value, dict):
            return {name: self._filled(inner) for name, inner in value.items()}
        if isinstance(value, list):
            return [self._filled(inner) for inner in value]
        if not isinstance(value, str) or "@{" not in value:
            return value
        return _REFERENCE.sub(lambda match: str(self._looked_up(match[1])), value)

    def _looked_up(self, path: str) -> Any:
        steps = [name or int(place) for name, place in _STEP.findall(path)]
        found: Any = self._bodies
        for step in steps:
            try:
                found = found[step]
            except (KeyError, IndexError, TypeError) as exc:
                message = f"Invalid reference specified. No value for {path} found. Provided reference: @{{{path}}}"
                raise Refused("PROCESSING_HALTED", message) from exc
        return found

    def take_back(self, asked: list[Json]) -> None:
        """Answers of a rolled-back composite: the culprit keeps its own, all others are halted."""
        culprit = self.responses[-1]
        self.responses = [
            culprit if response["referenceId"] == culprit["referenceId"] else response for response in halted(asked)
        ]


def halted(asked: list[Json]) -> list[Json]:
    """Answers of subrequests that were taken back, or not tried."""
    message = "The transaction was rolled back since another operation in the same transaction failed."
    answer = {
        "body": [{"errorCode": "PROCESSING_HALTED", "message": message}],
        "httpHeaders": {},
        "httpStatusCode": 400,
    }
    return [{**answer, "referenceId": sub["referenceId"]} for sub in asked]


def subrequest(outer: Request, method: str, url: str, body: Any, headers: dict[str, str]) -> Request:
    path, _, query_string = url.partition("?")
    inner = Request(method, path, query_string, headers, actor=outer.actor, version=outer.version)
    inner.parsed = body
    return inner


def batch(org: Org, request: Request, dispatch: Dispatch) -> Reply:
    """POST /composite/batch: independent subrequests."""
    request.resource = "composite/batch"
    body = request.json_object()
    asked = objects_in(body.get("batchRequests"), "batchRequests")
    if not asked or len(asked) > MAX_SUBREQUESTS:
        raise Refused("LIMIT_EXCEEDED", f"A batch has 1 to {MAX_SUBREQUESTS} subrequests, not {len(asked)}")
    halt, results = flag(body.get("haltOnError")), list[Json]()
    for sub in asked:
        if halt and any(result["statusCode"] >= 400 for result in results):
            halted = [{"errorCode": "BATCH_PROCESSING_HALTED", "message": "Batch processing halted per request"}]
            results.append({"statusCode": 412, "result": halted})
            continue
        url = "/services/data/" + str(sub["url"]).removeprefix("/services/data/").lstrip("/")
        try:
            reply = dispatch(subrequest(request, str(sub["method"]), url, sub.get("richInput"), {}))
        except Refused as exc:
            reply = refusal(exc)
        results.append({"statusCode": reply.status, "result": reply.body})
    return Reply(200, {"hasErrors": any(result["statusCode"] >= 400 for result in results), "results": results})


def tree(org: Org, request: Request, name: str) -> Reply:
    """POST /composite/tree/X: records with their children, all or none."""
    request.resource = "composite/tree/{object}"
    listed = objects_in(request.json_object().get("records"), "records")
    results: list[Json] = []
    try:
        with org.store.transaction():
            store = org.seen_by(request.who())
            for raw in listed:
                _plant(store, request.who(), store.table(name), raw, {}, results)
            if any("errors" in result for result in results):
                raise Halted
    except Halted:
        return Reply(400, {"hasErrors": True, "results": [result for result in results if "errors" in result]})
    return Reply(201, {"hasErrors": False, "results": results})


def _plant(store: Store, actor: Actor, table: Table, raw: Json, link: Json, results: list[Json]) -> None:
    """Create one record of a tree, then its children."""
    if len(results) >= MAX_TREE:
        raise Refused("LIMIT_EXCEEDED", f"A tree may have {MAX_TREE} records")
    children = {name: value for name, value in raw.items() if isinstance(value, dict) and "records" in value}
    own = {name: value for name, value in raw.items() if name not in children}
    records.type_of(raw)
    reference = raw["attributes"].get("referenceId")
    try:
        record_id = records.insert(store, table, {**own, **link}, actor)
    except Refused as exc:
        results.append({"referenceId": reference, "errors": [exc.as_result()]})
        return
    results.append({"referenceId": reference, "id": record_id})
    for name, inner in children.items():
        for child in objects_in(inner["records"], "records"):
            below = store.table(records.type_of(child))
            _plant(store, actor, below, child, {_link_field(store, table, below, name): record_id}, results)


def _link_field(store: Store, parent: Table, child: Table, relationship: str) -> str:
    """The child's lookup to the parent: by the relationship's name where one is known."""
    found = relation_named(store, parent.sobject, relationship)
    if found is not None and found[0].child == child.sobject.name:
        return found[0].field
    for field in child.sobject.fields.values():
        if parent.sobject.name in field.reference_to and field.createable:
            return field.name
    raise Refused("INVALID_FIELD", f"No such column '{relationship}' on sobject of type {parent.sobject.name}")
