"""The Pub/Sub API's error codes, sorted by what to do next. The one place that looks at a gRPC error.

The codes stand in the trailer `error-code`; Pub/Sub API guide, "Handle Errors".
"""

from typing import Any

from common.errors import IsthmusError, Misconfigured
from common.events import Broken, Exhausted, Expired

PREFIX = "sfdc.platform.eventbus.grpc."
SLOW_SECONDS = 20.0  #: after its protection was triggered, Salesforce is left alone for so long at least

_SOON = "Salesforce's event bus could not go on; the channel is opened again from where it stood."
_QUOTA = (
    "The org's events of a day are used up (shared by all subscribers; Setup, Event Usage). Nothing is lost for 72 "
    "hours; meanwhile changes come by outbound messages and by polling only."
)
_TOPIC = "Select the object in Setup, Change Data Capture, and let the integration user see it."

AGAIN = frozenset(
    {
        "service.unavailable", "subscription.internal.error", "topic.api.unavailable", "schema.api.unavailable",
        "subscription.fetch.replay.repeated", "publish.stream.sweeper.timeout",
    }
)  # fmt: skip
SLOWLY = frozenset(
    {"service.protection.triggered", "service.protection.stream.limit.triggered", "concurrent.client.limit.exceeded"}
)
LOGGED_OUT = frozenset({"service.auth.error", "service.auth.headers.invalid", "service.auth.refresh.invalid"})
TOO_OLD = frozenset({"subscription.fetch.replayid.corrupted", "subscription.fetch.replayid.validation.failed"})
QUOTA = frozenset({"subscription.limit.exceeded"})
PERSON = {
    "topic.not.found": _TOPIC,
    "topic.meta.permission": _TOPIC,
    "subscription.topic.cannot.subscribe": _TOPIC,
    "schema.meta.permission": _TOPIC,
    "service.tenant.license": "The org's edition or licence has no Pub/Sub API: ask Salesforce.",
}
#: Mistakes of ours: they come again whatever is done, so they are told and nothing is buried.
_OURS = "This is a mistake of Isthmus: report it with this line."

#: Where no code came, the call met the network and not Salesforce.
_SILENT = frozenset({"UNAVAILABLE", "DEADLINE_EXCEEDED", "CANCELLED", "INTERNAL", "UNKNOWN", "RESOURCE_EXHAUSTED"})


def code_of(exc: Any) -> str:
    """Salesforce's own code of a failed call, without its prefix; empty where there is none."""
    trailers = {str(key): str(value) for key, value in exc.trailing_metadata() or ()}
    return trailers.get("error-code", "").removeprefix(PREFIX)


def translate(exc: Any) -> IsthmusError:
    """What to do about a failed call; a session that has expired is the caller's to renew."""
    code, status = code_of(exc), exc.code().name
    said = f"{code or status}: {exc.details()}"
    if code in TOO_OLD:
        return Expired("replay_id_expired", said, "What is still kept is read, and the rest has to be compared.")
    if code in QUOTA:
        return Exhausted("delivery_limit", said, _QUOTA)
    if code in PERSON:
        return Misconfigured("channel_refused", said, PERSON[code])
    if code in SLOWLY:
        return Broken("event_bus_busy", said, _SOON, SLOW_SECONDS)
    if code in AGAIN or code in LOGGED_OUT or (not code and (status in _SILENT or status == "UNAUTHENTICATED")):
        return Broken("event_bus_unavailable", said, _SOON)
    return Misconfigured("event_bus_refused", said, _OURS)


def logged_out(exc: Any) -> bool:
    """Whether the session has expired."""
    code = code_of(exc)
    return code in LOGGED_OUT or (not code and exc.code().name == "UNAUTHENTICATED")
