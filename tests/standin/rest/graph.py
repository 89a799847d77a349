"""POST /composite/graph: several composites in one call, each all or none."""

from typing import Any

from tests.standin.errors import Refused
from tests.standin.org import Org
from tests.standin.rest.composite import Dispatch, Halted, Subrequests, halted
from tests.standin.web import Json, Reply, Request, objects_in

MAX_NODES = 500
MAX_GRAPHS = 75
MAX_DEPTH = 15  #: of references from node to node
MAX_KINDS = 15  #: different objects and methods in one graph
MAX_FAILED = 14  #: graphs; the ones after that are not tried


def graph(org: Org, request: Request, dispatch: Dispatch) -> Reply:
    """Answer with each graph's responses and whether it holds."""
    request.resource = "composite/graph"
    graphs = objects_in(request.json_object().get("graphs"), "graphs")
    _check(graphs)
    failed, results = 0, list[Json]()
    for one in graphs:
        asked = one["compositeRequest"]
        held, responses = (False, halted(asked)) if failed >= MAX_FAILED else _run(org, request, dispatch, asked)
        failed += not held
        results.append(
            {"graphId": one["graphId"], "graphResponse": {"compositeResponse": responses}, "isSuccessful": held}
        )
    return Reply(200, {"graphs": results})


def _run(org: Org, request: Request, dispatch: Dispatch, asked: list[Json]) -> tuple[bool, list[Json]]:
    run = Subrequests(request, dispatch, substitute=b"@{" in request.body)
    try:
        with org.store.transaction():
            for sub in asked:
                if run.one(sub)["httpStatusCode"] >= 400:
                    raise Halted
    except Halted:
        run.take_back(asked)
        return False, run.responses
    return True, run.responses


def _check(graphs: list[Json]) -> None:
    if not 0 < len(graphs) <= MAX_GRAPHS:
        raise Refused("LIMIT_EXCEEDED", f"A request has 1 to {MAX_GRAPHS} graphs, not {len(graphs)}")
    ids = [one.get("graphId") for one in graphs]
    if not all(isinstance(one, str) for one in ids) or len(set(ids)) < len(ids):
        raise Refused("JSON_PARSER_ERROR", "Each graph needs a graphId of its own")
    nodes = 0
    for one in graphs:
        asked = objects_in(one.get("compositeRequest"), "compositeRequest")
        nodes += len(asked)
        _check_one(asked)
    if nodes > MAX_NODES:
        raise Refused("LIMIT_EXCEEDED", f"A request may have {MAX_NODES} nodes in all its graphs, not {nodes}")


def _check_one(asked: list[Json]) -> None:
    if not asked or not all({"method", "url", "referenceId"} <= set(sub) for sub in asked):
        raise Refused("JSON_PARSER_ERROR", "Each node needs a method, a url and a referenceId")
    names = [str(sub["referenceId"]) for sub in asked]
    if len(set(names)) < len(names):
        raise Refused("JSON_PARSER_ERROR", "Each node needs a referenceId of its own")
    kinds = {(str(sub["method"]).upper(), *str(sub["url"]).split("?")[0].split("/")[4:6]) for sub in asked}
    if len(kinds) > MAX_KINDS:
        raise Refused("LIMIT_EXCEEDED", f"A graph may have {MAX_KINDS} different kinds of nodes, not {len(kinds)}")
    if _depth(asked) > MAX_DEPTH:
        raise Refused("LIMIT_EXCEEDED", f"A graph may be {MAX_DEPTH} nodes deep")


def _depth(asked: list[Json]) -> int:
    """The longest chain of references."""
    depths: dict[str, int] = {}
    for sub in asked:
        text = str(sub["url"]) + str(sub.get("body"))
        above = [depth for name, depth in depths.items() if _refers(text, name)]
        depths[str(sub["referenceId"])] = 1 + max(above, default=0)
    return max(depths.values())


def _refers(text: Any, name: str) -> bool:
    return f"@{{{name}." in text or f"@{{{name}[" in text
