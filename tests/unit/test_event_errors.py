"""What the event bus refuses, sorted by what to do next."""

import grpc
import pytest

from common.errors import Misconfigured
from common.events import Broken, Exhausted, Expired
from common.salesforce.events import errors


class Failed:
    """A failed call as gRPC tells it."""

    def __init__(self, code, status="INVALID_ARGUMENT"):
        self._code, self._status = code, status

    def trailing_metadata(self):
        return (("rpc-id", "r-1"), ("error-code", errors.PREFIX + self._code)) if self._code else None

    def code(self):
        return grpc.StatusCode[self._status]

    def details(self):
        return "in Salesforce's words rpcId: r-1"


@pytest.mark.parametrize(
    ("code", "kind", "reason"),
    [
        ("service.unavailable", Broken, "event_bus_unavailable"),
        ("subscription.internal.error", Broken, "event_bus_unavailable"),
        ("topic.api.unavailable", Broken, "event_bus_unavailable"),
        ("schema.api.unavailable", Broken, "event_bus_unavailable"),
        ("subscription.fetch.replay.repeated", Broken, "event_bus_unavailable"),
        ("service.protection.triggered", Broken, "event_bus_busy"),
        ("service.protection.stream.limit.triggered", Broken, "event_bus_busy"),
        ("concurrent.client.limit.exceeded", Broken, "event_bus_busy"),
        ("subscription.fetch.replayid.corrupted", Expired, "replay_id_expired"),
        ("subscription.fetch.replayid.validation.failed", Expired, "replay_id_expired"),
        ("subscription.limit.exceeded", Exhausted, "delivery_limit"),
        ("topic.not.found", Misconfigured, "channel_refused"),
        ("topic.meta.permission", Misconfigured, "channel_refused"),
        ("subscription.topic.cannot.subscribe", Misconfigured, "channel_refused"),
        ("service.tenant.license", Misconfigured, "channel_refused"),
        ("subscription.fetch.requested.events.invalid", Misconfigured, "event_bus_refused"),
        ("subscription.fetch.topic.mismatch", Misconfigured, "event_bus_refused"),
        ("a.code.of.next.year", Misconfigured, "event_bus_refused"),
    ],
)
def test_each_code_says_what_to_do(code, kind, reason):
    """Again, slowly, from the beginning, not today, or not without a person; always with Salesforce's words."""
    got = errors.translate(Failed(code))

    assert (kind, reason) == (type(got), got.reason)
    assert f"{code}: in Salesforce's words rpcId: r-1" == got.detail
    assert got.hint
    assert (errors.SLOW_SECONDS if reason == "event_bus_busy" else 0) == getattr(got, "pause_seconds", 0)


@pytest.mark.parametrize("status", ["UNAVAILABLE", "DEADLINE_EXCEEDED", "CANCELLED", "INTERNAL", "UNKNOWN"])
def test_a_broken_network_is_tried_again(status):
    """Where no code of Salesforce's came, the call never reached it."""
    assert Broken is type(errors.translate(Failed("", status)))


@pytest.mark.parametrize(
    ("code", "status", "wanted"),
    [
        ("service.auth.error", "UNAUTHENTICATED", True),
        ("service.auth.headers.invalid", "UNAUTHENTICATED", True),
        ("", "UNAUTHENTICATED", True),
        ("service.unavailable", "UNAVAILABLE", False),
    ],
)
def test_an_expired_session_is_recognised(code, status, wanted):
    """It is renewed; nothing else is."""
    assert wanted == errors.logged_out(Failed(code, status))
