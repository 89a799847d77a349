"""What a fault does to a call: before its work, after it, or instead of it."""

import asyncio
from collections.abc import Callable

from tests.standin.errors import Refused
from tests.standin.faults.fault import Fault
from tests.standin.org import Org
from tests.standin.sign_in.auth import bearer
from tests.standin.soap_api import endpoint
from tests.standin.web import Reply, Request, refusal

WORDS = {
    401: ("Session expired or invalid", "INVALID_SESSION_ID"),
    403: ("TotalRequests Limit exceeded.", "REQUEST_LIMIT_EXCEEDED"),
    500: ("An unexpected error occurred. Please include this ErrorId if you contact support", "UNKNOWN_EXCEPTION"),
}
NO_ANSWER = 0  #: the status that the list of calls shows where the connection was cut before any work


async def play(org: Org, fault: Fault, request: Request, work: Callable[[], Reply]) -> Reply | None:
    """The call's answer; None where the connection is to be cut."""
    match fault.kind:
        case "status":
            return _noted(org, request, failure(fault, request))
        case "drop_before_work":
            _noted(org, request, Reply(NO_ANSWER))
            return None
        case "expire_session":
            org.sessions.expire(bearer(request))
        case "latency_seconds":
            await asyncio.sleep(fault.value)
        case "commit_after_seconds":
            return await _later(org, fault, request, work)
    return await _after(fault, request, work())


async def _after(fault: Fault, request: Request, reply: Reply) -> Reply | None:
    match fault.kind:
        case "timeout_seconds":
            await asyncio.sleep(fault.value)
        case "status_after_commit":
            return failure(fault, request)
        case "drop_after_commit":
            return None
        case "drop_in_body":
            reply.cut_after = fault.value
    return reply


async def _later(org: Org, fault: Fault, request: Request, work: Callable[[], Reply]) -> Reply | None:
    """No answer, and the work later. Whether the caller is signed in is decided now, as in Salesforce."""
    if org.sessions.find(bearer(request)) is None:
        return work()
    if not request.path.startswith(endpoint.ROOT):
        request.actor = org.sessions.actor(request)
    done = org.late.add(fault.value, work)
    if fault.order.get("hold"):
        await done.wait()
    return None


def failure(fault: Fault, request: Request) -> Reply:
    """The answer that a status fault gives, in JSON or as a SOAP fault."""
    message, code = WORDS.get(fault.value, ("Server unavailable (fault to order)", "SERVER_UNAVAILABLE"))
    order = fault.order
    refused = Refused(order.get("errorCode", code), order.get("message", message), status=fault.value)
    if request.path.startswith(endpoint.ROOT):
        reply = endpoint.refusal(request.path, refused)
        reply.status = fault.value
        return reply
    return refusal(refused)


def _noted(org: Org, request: Request, reply: Reply) -> Reply:
    request.discard_upload()
    target = f"{request.path}?{request.query_string}" if request.query_string else request.path
    org.calls.add(request.method, target, "refused by a fault", reply.status, 0.0)
    return reply
