"""What Pub/Sub pushes: envelopes, and when a message is acknowledged."""

import base64
import json
from datetime import UTC, datetime

import pytest

from common.change import Ending
from common.errors import Misconfigured, Terminal, Transient
from common.pubsub import push
from tests.fakes.factories import an_outcome


def an_envelope(**bent):
    """Google's documented push body, bent in its message."""
    message = {
        "attributes": {"isthmus-round": "2"},
        "data": base64.b64encode(b"payload").decode(),
        "messageId": "2070443601311540",
        "message_id": "2070443601311540",
        "publishTime": "2026-01-31T12:00:00.123Z",
        "publish_time": "2026-01-31T12:00:00.123Z",
    }
    return {"message": message | bent, "subscription": "projects/p/subscriptions/s", "deliveryAttempt": 5}


def without(envelope, *names):
    return envelope | {"message": {k: v for k, v in envelope["message"].items() if k not in names}}


ENVELOPE = an_envelope()


def answer(handle, *, body=ENVELOPE, bury=None):
    buried = []
    got = push.answer("a_door", body, handle=handle, bury=bury or (lambda d, e: buried.append((d, e))))
    return got, buried


def raising(exc):
    def handle(_):
        raise exc

    return handle


# -- the envelope -----------------------------------------------------------------------------------------


def test_the_envelope_is_opened():
    assert push.Delivery(
        data=b"payload",
        message_id="2070443601311540",
        published_at=datetime(2026, 1, 31, 12, 0, 0, 123000, tzinfo=UTC),
        attributes={"isthmus-round": "2"},
        subscription="projects/p/subscriptions/s",
        attempt=5,
    ) == push.open_envelope(an_envelope())


def test_what_an_envelope_may_lack():
    """Attributes, data, attempt and subscription are left out where there is nothing to say."""
    envelope = without(an_envelope(), "attributes", "data")
    del envelope["deliveryAttempt"], envelope["subscription"]

    delivery = push.open_envelope(envelope)

    assert (b"", {}, 1, "") == (delivery.data, delivery.attributes, delivery.attempt, delivery.subscription)


def test_the_time_may_be_spelt_the_other_way():
    """The emulator writes one spelling only."""
    delivery = push.open_envelope(without(an_envelope(), "publishTime"))

    assert 2026 == delivery.published_at.year


@pytest.mark.parametrize(
    "body",
    [
        None, 5, "text", [], {}, {"message": None}, {"message": []}, {"message": "x"},
        without(an_envelope(), "messageId"), an_envelope(data="not base64!"), an_envelope(data="YQ"),
        an_envelope(data=5), an_envelope(data=None), an_envelope(data="é"), an_envelope(publishTime="yesterday"),
        an_envelope(publishTime=5), an_envelope(publishTime="0001-01-01T00:00:00+14:00"),
        an_envelope(attributes=["traceparent"]), an_envelope(attributes="x"),
        an_envelope() | {"deliveryAttempt": "many"}, an_envelope() | {"deliveryAttempt": None},
    ],
)  # fmt: skip
def test_what_is_no_push_is_refused(body):
    """Whoever sends something else is told so; nothing is handled, nothing buried."""
    with pytest.raises(Terminal) as caught:
        push.open_envelope(body)
    (text, status), buried = answer(raising(AssertionError("handled")), body=body)

    assert "not_a_push" == caught.value.reason
    assert (push.MALFORMED, []) == (status, buried)
    assert "base64" in text


# -- the answer -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", [e for e in Ending if e is not Ending.LATER])
def test_every_ending_but_later_is_acknowledged(ending):
    """Failed ones were buried by the flow; waiting ones stand in the log."""
    got, buried = answer(lambda _: [an_outcome(ending=ending)])

    assert (("", push.ACK), []) == (got, buried)


def test_nothing_to_do_is_acknowledged():
    assert ("", push.ACK) == answer(lambda _: [])[0]


def test_one_that_may_heal_brings_the_message_again():
    got, buried = answer(lambda _: [an_outcome(), an_outcome(ending=Ending.LATER), an_outcome()])

    assert (("", push.NACK), []) == (got, buried)


@pytest.mark.parametrize(
    "exc", [Transient("database_busy", "secret words"), Misconfigured("schema_outdated", "secret words")]
)
def test_what_waiting_or_a_person_heals_is_not_acknowledged(exc, capsys):
    """Nothing is buried; the log says why."""
    got, buried = answer(raising(exc))

    assert ((f"{exc.reason}\n", push.NACK), []) == (got, buried)
    assert exc.reason == json.loads(capsys.readouterr().out)["reason"]


def test_what_can_never_succeed_is_buried_then_acknowledged():
    exc = Terminal("message_unreadable")

    got, buried = answer(raising(exc))

    assert ("", push.ACK) == got
    assert [("2070443601311540", exc)] == [(d.message_id, e) for d, e in buried]


@pytest.mark.parametrize("exc", [Transient("burial_limit"), Misconfigured("schema_outdated")])
def test_what_could_not_be_buried_comes_again(exc):
    """A full graveyard or an absent one loses nothing."""

    def bury(*_):
        raise exc

    got, _ = answer(raising(Terminal("message_unreadable")), bury=bury)

    assert (f"{exc.reason}\n", push.NACK) == got


def test_a_bug_rises():
    """It is no answer of ours: it becomes a 500, is delivered again, and pages."""
    with pytest.raises(ZeroDivisionError):
        answer(raising(ZeroDivisionError()))


def test_every_outcome_is_logged_with_its_attempt(capsys):
    answer(lambda _: [an_outcome(), an_outcome(ending=Ending.FAILED, reason="value_refused")])

    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]

    assert [("applied", 5), ("failed", 5)] == [(line["outcome"], line["attempt"]) for line in lines]


def test_the_trace_is_what_cloud_logging_links(capsys):
    """The publisher's traceparent becomes the name under which Google finds the trace."""
    traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

    answer(lambda _: [an_outcome()], body=an_envelope(attributes={"traceparent": traceparent}))

    told = json.loads(capsys.readouterr().out)["logging.googleapis.com/trace"]
    assert told.removeprefix("projects/").partition("/")[2] == "traces/4bf92f3577b34da6a3ce929d0e0e4736"
