"""gRPC methods out of plain functions: a reply, or a refusal that becomes the call's status."""

import functools
from collections.abc import Callable, Iterator
from typing import Any

import grpc

from tests.stack.broker.errors import Refused
from tests.stack.broker.wire import Handler, Message, pb

Unary = Callable[[Any, grpc.ServicerContext], Any]
Streaming = Callable[[Iterator[Any], grpc.ServicerContext], Iterator[Any]]


def unary(behaviour: Unary, request: str, response: Any) -> Handler:
    """Serve `behaviour`, which takes the named google.pubsub.v1 request and returns a `response` message."""

    @functools.wraps(behaviour)
    def answer(message: Message, context: grpc.ServicerContext) -> Message:
        try:
            return behaviour(message, context)
        except Refused as refusal:
            context.abort(refusal.code, refusal.message)

    return grpc.unary_unary_rpc_method_handler(answer, pb(request).FromString, response.SerializeToString)


def streaming(behaviour: Streaming, request: str, response: Any) -> Handler:
    """Serve a conversation: messages of the named type in, `response` messages out."""

    @functools.wraps(behaviour)
    def answer(messages: Iterator[Message], context: grpc.ServicerContext) -> Iterator[Message]:
        try:
            yield from behaviour(messages, context)
        except Refused as refusal:
            context.abort(refusal.code, refusal.message)

    return grpc.stream_stream_rpc_method_handler(answer, pb(request).FromString, response.SerializeToString)


def merged(old: Message, new: Message, mask: Message) -> Message:
    """A copy of `old` with the fields that the mask names taken from `new`."""
    result = type(old)()
    result.CopyFrom(old)
    for path in mask.paths:
        if path in result.DESCRIPTOR.fields_by_name:  # merging leaves alone what `new` does not have
            result.ClearField(path)
    mask.MergeMessage(new, result, replace_message_field=True, replace_repeated_field=True)
    return result


def page(items: list[Any], request: Message) -> tuple[list[Any], str]:
    """One page of `items`, and the token of the next; tokens are positions."""
    start = int(request.page_token or 0)
    stop = start + (request.page_size or len(items))
    return items[start:stop], str(stop) if stop < len(items) else ""
