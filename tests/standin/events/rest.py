"""Platform events over REST: describe, and POST /sobjects/X__e, which publishes."""

from typing import Any

from tests.standin import describe
from tests.standin.errors import not_found
from tests.standin.events import publishing
from tests.standin.org import Org
from tests.standin.schema import SObject
from tests.standin.web import Reply, Request, wrong_method

Json = dict[str, Any]


def event_of(org: Org, name: str) -> SObject | None:
    """The platform event of this name, in any case."""
    events = org.events.topics.platform_events
    return next((one for key, one in events.items() if key.lower() == name.lower()), None)


def answer(org: Org, request: Request, sobject: SObject, rest: list[str]) -> Reply:
    """Everything below /sobjects/X__e; `rest` are the path's segments after it."""
    request.resource = "sobjects/{event}/describe" if rest else "sobjects/{event}"
    if rest == ["describe"] and request.method == "GET":
        return Reply(200, {**sobject.raw, "urls": describe.urls_of(sobject.name, request.version)})
    if rest:
        raise not_found()
    if request.method != "POST":
        raise wrong_method(request)
    published = publishing.by_rest(org.events, sobject, request.json_object(), request.who())
    location = f"/services/data/{request.version}/sobjects/{sobject.name}/{published['id']}"
    return Reply(201, published, {"Location": location})
