"""The protobuf classes of google.pubsub.v1 and google.protobuf that the broker reads and writes."""

from typing import Any, TypeAlias

import grpc
from google.protobuf import duration_pb2, empty_pb2, timestamp_pb2  # type: ignore[import-untyped]
from google.pubsub_v1 import types

# The generated classes carry no types: a message is Any, and the classes are named here once.
Message = Any
Handler: TypeAlias = "grpc.RpcMethodHandler[Any, Any]"  # generic in the stubs only
Methods: TypeAlias = dict[str, Handler]  # of one service, by name

Duration: Any = duration_pb2.Duration
Empty: Any = empty_pb2.Empty
Timestamp: Any = timestamp_pb2.Timestamp


def pb(name: str) -> Any:
    """The raw protobuf class under a google.pubsub_v1 type; ten times cheaper than its wrapper."""
    return getattr(types, name).pb()


Topic = pb("Topic")
Subscription = pb("Subscription")
PubsubMessage = pb("PubsubMessage")
ReceivedMessage = pb("ReceivedMessage")
