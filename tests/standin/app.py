"""The ASGI door: one call in, one answer out, with faults and statistics on the way."""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from time import perf_counter
from typing import Any

from tests.standin.bulk.spool import Spool
from tests.standin.control import page
from tests.standin.control import roads as control
from tests.standin.errors import Refused, WholeRequest
from tests.standin.faults import calls
from tests.standin.faults.register import CALL
from tests.standin.org import Org
from tests.standin.rest import roads as rest
from tests.standin.sign_in import identity, oauth
from tests.standin.soap_api import endpoint
from tests.standin.store import Actor
from tests.standin.web import Reply, Request, Stream, flag, refusal

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

MAX_URI_BYTES = 16_384
REST = "/services/data"
BULK_DATA = re.compile(r"/services/data/v[\d.]+/jobs/ingest/\w+/batches/?\Z")


class App:
    """Works on the event loop itself: all is in memory, so no call waits for anything."""

    def __init__(self, org: Org) -> None:
        self.org = org

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await _lifespan(receive, send)
        elif scope["type"] == "http":
            await self._http(scope, receive, send)

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = await _read(scope, receive, self.org.bulk.spool)
        target = f"{request.path}?{request.query_string}" if request.query_string else request.path
        ours = request.path.startswith("/standin")
        fault = None if ours else self.org.faults.for_call(target)
        if len(target) > MAX_URI_BYTES:
            reply: Reply | None = Reply(414, [{"message": "URI Too Long", "errorCode": "URI_TOO_LONG"}])
        elif fault is not None:
            reply = await calls.play(self.org, fault, request, lambda: self._work(request, target))
        else:
            reply = self._work(request, target)
        await (_cut(send) if reply is None else _finish(reply, send))

    def _work(self, request: Request, target: str) -> Reply:
        started = perf_counter()
        reply = answer(self.org, request, target)
        request.discard_upload()
        if not request.path.startswith("/standin"):
            ms = (perf_counter() - started) * 1000
            self.org.calls.add(request.method, target, request.resource or request.path, reply.status, ms)
        return reply


async def _finish(reply: Reply, send: Send) -> None:
    if isinstance(reply.body, Stream):
        await _send_stream(reply, reply.body, send)
        return
    body = reply.encoded()
    if reply.cut_after is not None:
        await _send_stream(reply, Stream([body], len(body)), send)
        return
    await _send_start(reply, len(body), send)
    await send({"type": "http.response.body", "body": body})


async def _send_start(reply: Reply, length: int | None, send: Send) -> None:
    known = {"content-length": str(length)} if length is not None else {}
    headers = {**known, "content-type": reply.content_type, **reply.headers}
    raw = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": reply.status, "headers": raw})


async def _send_stream(reply: Reply, body: Stream, send: Send) -> None:
    await _send_start(reply, body.length, send)
    left = reply.cut_after
    for piece in body.pieces:
        await send({"type": "http.response.body", "body": piece[:left], "more_body": True})
        if left is not None and (left := left - len(piece)) <= 0:
            await _hang_up(send)
            return
        await asyncio.sleep(0)  # a client that reads fast would keep every other call waiting
    await send({"type": "http.response.body", "body": b""})


async def _hang_up(send: Any) -> None:
    """Close the connection once what was written has been sent."""
    cycle = send.__self__
    cycle.transport.close()
    while not cycle.disconnected:
        cycle.message_event.clear()
        await cycle.message_event.wait()


async def _lifespan(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return


async def _read(scope: Scope, receive: Receive, spool: Spool) -> Request:
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
    path = (scope.get("raw_path") or scope["path"].encode()).decode("latin-1")
    base_url = f"{scope.get('scheme', 'http')}://{headers['host']}" if "host" in headers else ""
    query = scope["query_string"].decode("latin-1")
    request = Request(scope["method"], path, query, headers, base_url=base_url)
    if request.method == "PUT" and BULK_DATA.search(path):
        request.upload = await _kept(receive, spool)
    else:
        request.body = b"".join([part async for part in _parts(receive)])
    return request


async def _parts(receive: Receive) -> AsyncIterator[bytes]:
    more = True
    while more:
        message = await receive()
        yield message.get("body", b"")
        more = message.get("more_body", False)


async def _kept(receive: Receive, spool: Spool) -> Path:
    """A body that goes into a file as it comes."""
    path, file = spool.receive()
    with file:
        async for part in _parts(receive):
            file.write(part)
    return path


async def _cut(send: Any) -> None:
    """Close the connection without an answer; uvicorn has no public way, but its response cycle can."""
    send.__self__.transport.abort()
    await asyncio.sleep(0.01)  # until the loop has told uvicorn that the peer is gone


def answer(org: Org, request: Request, target: str = "") -> Reply:
    """The answer of any road; refusals become Salesforce's error bodies."""
    token = CALL.set(target or request.path)
    try:
        with org.store.transaction() if org.faults.spoil_requests else nullcontext():
            return _answer(org, request)
    except WholeRequest as exc:
        if request.path.startswith(endpoint.ROOT):
            return endpoint.refusal(request.path, exc.refused)
        return _with_usage(org, refusal(exc.refused))
    finally:
        CALL.reset(token)


def _answer(org: Org, request: Request) -> Reply:
    try:
        if request.path.startswith(REST):
            return _rest(org, request)
        return _other(org, request)
    except Refused as exc:
        return _with_usage(org, refusal(exc)) if request.path.startswith(REST) else refusal(exc)


def _rest(org: Org, request: Request) -> Reply:
    if request.path.rstrip("/") == REST:
        request.resource = "versions"
        return Reply(200, rest.versions())
    request.actor = _with_duplicate_options(request, request.actor or org.sessions.actor(request))
    if org.settings["enforceApiLimit"] and org.calls.used_today >= org.settings["dailyApiRequests"]:
        raise Refused("REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.", status=403)
    org.calls.count_api_call()
    return _with_usage(org, rest.dispatch(org, request))


def _with_duplicate_options(request: Request, actor: Actor) -> Actor:
    """The caller, with what `Sforce-Duplicate-Rule-Header: allowSave=true; includeRecordDetails=true` asks."""
    header = request.headers.get("sforce-duplicate-rule-header")
    if not header:
        return actor
    options = {name.strip().lower(): flag(value.strip()) for name, _, value in map(_cut_option, header.split(";"))}
    return replace(
        actor,
        saves_duplicates=options.get("allowsave", False),
        shows_duplicates=options.get("includerecorddetails", False),
    )


def _cut_option(option: str) -> tuple[str, str, str]:
    return option.partition("=")


def _with_usage(org: Org, reply: Reply) -> Reply:
    reply.headers["Sforce-Limit-Info"] = f"api-usage={org.calls.used_today}/{org.settings['dailyApiRequests']}"
    return reply


def _other(org: Org, request: Request) -> Reply:
    match request.segments:
        case ["health"]:
            return Reply(200, {"status": "ok"})
        case ["services", "oauth2", "userinfo"]:
            return identity.userinfo(org, request)
        case ["services", "oauth2", name] if (reply := oauth.answer(org, request, name)) is not None:
            return reply
        case ["services", "Soap", "u" | "c" as letter, version, *_] if request.method == "POST":
            return endpoint.answer(org, request, letter, version)
        case ["id", org_id, user_id]:
            return identity.identity(org, request, org_id, user_id)
        case ["standin", *more]:
            return control.answer(org, request, more)
        case [] | ["records", *_]:
            request.resource = "page"
            return page.answer(org, request)
    raise Refused("NOT_FOUND", "The requested resource does not exist", status=404)
