"""What the Pub/Sub API refuses: a gRPC status, and in the trailers the code that says what to do next."""

from typing import Any, NoReturn

import grpc

PREFIX = "sfdc.platform.eventbus.grpc."
_C = grpc.StatusCode

#: Status and message by suffix. Suffixes and messages: Pub/Sub API guide, "Handle Errors"; of the statuses only
#: those of authentication and replay ids are documented, the others are what their meaning suggests.
KNOWN: dict[str, tuple[grpc.StatusCode, str]] = {
    "service.unavailable": (_C.UNAVAILABLE, "The service is unavailable."),
    "service.auth.error": (_C.UNAUTHENTICATED, "Authentication exception occurred."),
    "service.auth.headers.invalid": (_C.UNAUTHENTICATED, "An authentication header is blank or invalid."),
    "service.auth.refresh.invalid": (_C.UNAUTHENTICATED, "The authentication refresh is invalid."),
    "service.protection.triggered": (_C.RESOURCE_EXHAUSTED, "Too many connections or requests."),
    "service.protection.stream.limit.triggered": (_C.RESOURCE_EXHAUSTED, "Too many requests on the stream."),
    "service.tenant.license": (_C.PERMISSION_DENIED, "The org has no licence for this API."),
    "concurrent.client.limit.exceeded": (_C.RESOURCE_EXHAUSTED, "Too many concurrent clients."),
    "topic.not.found": (_C.NOT_FOUND, "The topic was not found."),
    "topic.meta.permission": (_C.PERMISSION_DENIED, "The topic's metadata cannot be accessed."),
    "topic.api.unavailable": (_C.UNAVAILABLE, "Topic information is temporarily unavailable."),
    "topic.validation.empty": (_C.INVALID_ARGUMENT, "The topic name is blank."),
    "schema.meta.permission": (_C.NOT_FOUND, "The schema cannot be accessed."),
    "schema.api.unavailable": (_C.UNAVAILABLE, "Schema information is temporarily unavailable."),
    "schema.validation.failed": (_C.INVALID_ARGUMENT, "The schema id is blank or missing."),
    "subscription.fetch.replayid.corrupted": (_C.INVALID_ARGUMENT, "The Replay ID validation failed."),
    "subscription.fetch.replayid.validation.failed": (_C.INVALID_ARGUMENT, "CUSTOM needs a Replay ID."),
    "subscription.fetch.replay.repeated": (_C.INVALID_ARGUMENT, "An event came with a lower Replay ID than before."),
    "subscription.limit.exceeded": (
        _C.RESOURCE_EXHAUSTED,
        "You have exceeded the event delivery limit for your org.",
    ),
    "subscription.fetch.overflow": (_C.RESOURCE_EXHAUSTED, "More events were requested than were taken."),
    "subscription.fetch.requested.events.invalid": (
        _C.INVALID_ARGUMENT,
        "The number of requested events must be greater than 0.",
    ),
    "subscription.fetch.topic.mismatch": (_C.INVALID_ARGUMENT, "The topic differs from the stream's."),
    "subscription.topic.cannot.subscribe": (_C.PERMISSION_DENIED, "This user cannot subscribe to the topic."),
    "subscription.internal.error": (_C.INTERNAL, "An internal error ended the subscription."),
    "publish.stream.sweeper.timeout": (_C.DEADLINE_EXCEEDED, "Nothing was published for too long."),
    "publish.event.count.invalid": (_C.INVALID_ARGUMENT, "The request holds no events."),
    "publish.topic.mismatch": (_C.INVALID_ARGUMENT, "The topic differs from the stream's."),
    "publish.topic.validation.empty": (_C.INVALID_ARGUMENT, "The topic name is blank."),
    "publish.topic.cannot.publish": (_C.PERMISSION_DENIED, "Nothing can be published to this topic."),
    "managed.subscription.already.active": (_C.ALREADY_EXISTS, "The subscription has a client already."),
    "managed.subscription.config.stopped": (_C.FAILED_PRECONDITION, "The subscription's state is STOP."),
    "managed.subscription.developer.name.not.found": (_C.NOT_FOUND, "No subscription has this developer name."),
    "managed.subscription.subscription.id.not.found": (_C.NOT_FOUND, "No subscription has this id."),
    "managed.subscription.subscription.id.invalid": (_C.INVALID_ARGUMENT, "A subscription id has 15 or 18 characters."),
    "managed.subscription.id.or.developer.name.empty": (
        _C.INVALID_ARGUMENT,
        "Give either a subscription id or a developer name.",
    ),
    "managed.subscription.fetch.request.events.invalid": (
        _C.INVALID_ARGUMENT,
        "The number of requested events must not be negative.",
    ),
    "managed.subscription.fetch.request.commit.request.restricted": (
        _C.INVALID_ARGUMENT,
        "The first request cannot commit a Replay ID.",
    ),
}


class Failed(Exception):
    """A call that ends with one of the known codes."""

    def __init__(self, suffix: str, detail: str = "") -> None:
        self.suffix = suffix
        self.status, message = KNOWN[suffix]
        super().__init__(f"{message} {detail}".strip())


async def end(context: Any, failed: Failed, rpc_id: str) -> NoReturn:
    """End a call as Salesforce does: the rpc id stands in the message and in the trailers."""
    trailers = (("error-code", PREFIX + failed.suffix), ("rpc-id", rpc_id))
    await context.abort(failed.status, f"{failed} rpcId: {rpc_id}", trailers)
    raise AssertionError("abort returned")
