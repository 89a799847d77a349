"""The broker's clock, which tests may move: wall clock plus a stored offset, moved by gRPC on its port."""

import threading
import time
from collections.abc import Callable

import grpc

from tests.stack.broker.wire import Duration, Empty, Message, Methods, Timestamp

SERVICE = "isthmus.testing.Clock"
SECOND_US = 1_000_000


class Clock:
    """Tells the broker's time in microseconds since 1970."""

    def __init__(self, offset_us: int = 0) -> None:
        self._offset_us = offset_us
        self._lock = threading.Lock()

    def now_us(self) -> int:
        return time.time_ns() // 1_000 + self._offset_us

    def move(self, by_us: int) -> int:
        """Move the clock, back or forth, and return its whole offset."""
        with self._lock:
            self._offset_us += by_us
            return self._offset_us


def timestamp(time_us: int) -> Message:
    seconds, micros = divmod(time_us, SECOND_US)
    return Timestamp(seconds=seconds, nanos=micros * 1_000)


def timestamp_us(stamp: Message) -> int:
    return int(stamp.seconds * SECOND_US + stamp.nanos // 1_000)


def duration_us(duration: Message) -> int:
    return int(duration.seconds * SECOND_US + duration.nanos // 1_000)


def clock_methods(clock: Clock, move: Callable[[int], None]) -> Methods:
    """The gRPC methods of the clock; `move` takes microseconds and does what a move entails."""

    def on_move(request: Message, _: grpc.ServicerContext) -> Message:
        move(duration_us(request))
        return timestamp(clock.now_us())

    def on_now(_: Message, __: grpc.ServicerContext) -> Message:
        return timestamp(clock.now_us())

    answer = Timestamp.SerializeToString
    return {
        "Move": grpc.unary_unary_rpc_method_handler(on_move, Duration.FromString, answer),
        "Now": grpc.unary_unary_rpc_method_handler(on_now, Empty.FromString, answer),
    }


def move_clock(host: str, seconds: float) -> float:
    """Move the clock of the broker at `host` (host:port); what falls due by that goes out at once.

    Returns:
        The broker's new time, in seconds since 1970.
    """
    whole, rest = divmod(round(seconds * SECOND_US), SECOND_US)
    return _ask(host, "Move", Duration(seconds=whole, nanos=rest * 1_000))


def read_clock(host: str) -> float:
    """The time of the broker at `host` (host:port), in seconds since 1970."""
    return _ask(host, "Now", Empty())


def _ask(host: str, method: str, request: Message) -> float:
    with grpc.insecure_channel(host) as channel:
        call = channel.unary_unary(
            f"/{SERVICE}/{method}",
            request_serializer=type(request).SerializeToString,
            response_deserializer=Timestamp.FromString,
        )
        return timestamp_us(call(request, timeout=10)) / SECOND_US
