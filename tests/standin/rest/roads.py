"""The REST API: which road a call takes below /services/data/vXX.X."""

import re

from tests.standin.bulk import ingest
from tests.standin.bulk import query as bulk_query
from tests.standin.errors import Refused, not_found
from tests.standin.events import rest as event_rest
from tests.standin.org import Org
from tests.standin.querying import columns, query
from tests.standin.querying.cursors import MIN_PAGE, PAGE
from tests.standin.rest import collection, composite, graph, limits, recent, search, sobjects, tooling
from tests.standin.web import Json, Reply, Request, flag, wrong_method

FIRST_VERSION, LAST_VERSION = 31, 67
RETIRED = range(21, FIRST_VERSION)  #: answered with 410; older ones never had REST's present shape
_VERSION = re.compile(r"v(\d+)\.0\Z")
_BATCH_SIZE = re.compile(r"batchSize\s*=\s*(\d+)")


def versions() -> list[Json]:
    """GET /services/data, which needs no session."""
    listed = []
    for number in range(FIRST_VERSION, LAST_VERSION + 1):
        year, season = divmod(number - FIRST_VERSION, 3)
        name = ("Summer", "Winter", "Spring")[season]
        label = f"{name} '{14 + year + (1 if season else 0)}"
        listed.append({"label": label, "url": f"/services/data/v{number}.0", "version": f"{number}.0"})
    return listed


def dispatch(org: Org, request: Request) -> Reply:
    """Answer one REST call of a known user; also each call inside a composite. Refused rises."""
    segments = request.segments[2:]
    match = _VERSION.match(segments[0]) if segments else None
    if match is not None and int(match[1]) in RETIRED:
        raise Refused("UNSUPPORTED_API_VERSION", f"API version {match[1]}.0 is retired", status=410)
    if match is None or not FIRST_VERSION <= int(match[1]) <= LAST_VERSION:
        raise not_found()
    request.version = segments[0]
    request.method = request.query.get("_HttpMethod", request.method) if request.query_string else request.method
    rest = segments[1:]
    match rest:
        case ["sobjects", name, *more] if (event := event_rest.event_of(org, name)) is not None:
            return event_rest.answer(org, request, event, more)
        case ["sobjects", *more]:
            return sobjects.answer(org, request, more)
        case ["composite", *more]:
            return _composite(org, request, more)
        case ["query" | "queryAll" as name, *more] if len(more) < 2:
            return _query(org, request, name, more)
        case ["jobs", "ingest", *more]:
            return ingest.answer(org, request, more)
        case ["jobs", "query", *more]:
            return bulk_query.answer(org, request, more)
        case ["tooling", "query"]:
            return tooling.query(org, request)
        case ["limits", *more] if more in ([], ["recordCount"]):
            return limits.answer(org, request, more)
        case ["recent"]:
            request.resource = "recent"
            return recent.answer(org, request)
        case ["search"]:
            request.resource = "search"
            return search.answer(org, request)
        case []:
            request.resource = "resources"
            root = f"/services/data/{request.version}"
            names = ("sobjects", "query", "queryAll", "composite", "limits", "recent", "search", "jobs")
            return Reply(
                200,
                {name: f"{root}/{name}" for name in names} | {"identity": f"/id/{org.id}/{request.who().user_id}"},
            )
    raise not_found()


def _composite(org: Org, request: Request, rest: list[str]) -> Reply:
    if rest[:1] == ["sobjects"]:
        return collection.answer(org, request, rest[1:])
    if request.method != "POST":
        raise wrong_method(request)
    match rest:
        case []:
            return composite.composite(org, request, lambda inner: dispatch(org, inner))
        case ["batch"]:
            return composite.batch(org, request, lambda inner: dispatch(org, inner))
        case ["graph"]:
            return graph.graph(org, request, lambda inner: dispatch(org, inner))
        case ["tree", name]:
            return composite.tree(org, request, name)
    raise not_found()


def _query(org: Org, request: Request, name: str, more: list[str]) -> Reply:
    if request.method != "GET":
        raise wrong_method(request)
    request.resource = f"{name}/{{locator}}" if more else name
    if more:
        return Reply(200, org.cursors.page(more[0], request.version))
    text = request.query.get("q")
    if text is None:
        raise Refused("MALFORMED_QUERY", "A query string has to be specified")
    if flag(request.query.get("columns")):
        return Reply(200, columns.described(org.seen_by(request.who()), text))
    answer = query.run(org.seen_by(request.who()), text, name == "queryAll", request.version, request.who().user_id)
    if answer.counts:
        return Reply(200, {"totalSize": answer.total, "done": True, "records": []})
    return Reply(200, org.cursors.first_page(answer, _page_size(request), request.version))


def _page_size(request: Request) -> int:
    asked = _BATCH_SIZE.search(request.headers.get("sforce-query-options", ""))
    return min(max(int(asked[1]), MIN_PAGE), PAGE) if asked else PAGE
