"""Messages that ran out of attempts; replays."""

import json
from datetime import timedelta

import pytest

from common import codec, work
from common.change import Ending, Op
from common.errors import Terminal, Transient
from common.flows import dead_letters as flow
from tests.fakes.factories import NOON, a_change, a_mapping, an_edit_change, at

DATA = next(codec.encode([a_change(), a_change(event_id="second")], max_changes=200))


class FakeTopic:
    """Remembers what was published."""

    def __init__(self):
        self.sent = []

    def publish_raw(self, payloads, attributes):
        self.sent += [(payload, dict(attributes)) for payload in payloads]


class FakeGraveyard:
    """Remembers what was buried."""

    def __init__(self):
        self.outcomes = []
        self.bytes = []

    def bury(self, topic, outcomes):
        self.outcomes += [(topic, o) for o in outcomes]

    def bury_bytes(self, topic, event_id, data, exc, attempts=1):
        self.bytes.append((topic, event_id, data, exc))


@pytest.fixture
def topic():
    return FakeTopic()


@pytest.fixture
def graveyard():
    return FakeGraveyard()


def a_message(rounds=0, data=DATA, **attributes):
    attributes = attributes | ({flow.ROUND: str(rounds)} if rounds else {})
    return flow.Message("salesforce-changes", data, "m-1", NOON, attributes)


@pytest.mark.parametrize(("rounds", "minutes"), [(0, 0), (1, 10), (2, 30), (3, 70), (4, 150)])
def test_each_round_begins_later_than_the_one_before(rounds, minutes, topic, graveyard):
    """It is sent on again as it was, with its round counted; not a second before it is due."""
    due = NOON + timedelta(minutes=minutes)

    if minutes:
        with pytest.raises(Transient) as caught:
            flow.keep(a_message(rounds), topic, graveyard, lambda: due - timedelta(seconds=1), lambda sobject: False)
        assert ("not_due", []) == (caught.value.reason, topic.sent)
    ended = flow.keep(a_message(rounds), topic, graveyard, lambda: due, lambda sobject: False)

    assert [(DATA, {flow.ROUND: str(rounds + 1)})] == topic.sent
    assert ([], [], []) == (ended, graveyard.outcomes, graveyard.bytes)


def test_pubsubs_own_attributes_are_not_sent_on(topic, graveyard):
    """What the dead-letter road added would be wrong the next time; ours stay."""
    message = a_message(CloudPubSubDeadLetterSourceDeliveryCount="100", traceparent="00-1-2-01")

    flow.keep(message, topic, graveyard, lambda: NOON, lambda sobject: False)

    assert {flow.ROUND: "1", "traceparent": "00-1-2-01"} == topic.sent[0][1]


def test_after_the_last_round_every_change_is_kept(topic, graveyard):
    """Each change becomes a letter of its own; nothing is sent on."""
    ended = flow.keep(a_message(flow.ROUNDS), topic, graveyard, lambda: NOON, lambda sobject: False)

    assert [("salesforce-changes", o) for o in ended] == graveyard.outcomes
    assert [a_change().event_id, "second"] == [o.change.event_id for o in ended]
    assert {(Ending.FAILED, "attempts_used_up")} == {(o.ending, o.reason) for o in ended}
    assert [] == topic.sent


def test_what_waits_for_a_paused_mapping_is_never_kept(topic, graveyard):
    """After the last round it begins anew, as the hint that the record be read: nothing is buried, however long it waits."""
    ended = flow.keep(a_message(flow.ROUNDS), topic, graveyard, lambda: NOON, lambda sobject: sobject == "Account")

    ((data, attributes),) = topic.sent
    assert ([], [], {}) == (ended, graveyard.outcomes, attributes)
    assert [({}, True, NOON)] * 2 == [(c.fields, c.buried, c.stamp) for c in codec.decode(data)]


def test_a_pause_keeps_no_edit_of_postgres_on_its_way(topic, graveyard):
    """Those wait in the change log; their message is kept like any other."""
    data = next(codec.encode([an_edit_change()], max_changes=1))

    (ended,) = flow.keep(a_message(flow.ROUNDS, data), topic, graveyard, lambda: NOON, lambda sobject: True)

    assert (Ending.FAILED, []) == (ended.ending, topic.sent)


@pytest.mark.parametrize("data", [b"garbage", b"", b'{"v": 99}'])
def test_what_cannot_be_read_is_kept_as_bytes(data, topic, graveyard):
    """Garbage and a newer release's message alike, byte for byte."""
    assert [] == flow.keep(a_message(flow.ROUNDS, data), topic, graveyard, lambda: NOON, lambda sobject: False)

    ((kept_topic, event_id, kept, exc),) = graveyard.bytes
    assert ("salesforce-changes", "m-1", data) == (kept_topic, event_id, kept)
    assert "attempts_used_up" == exc.reason


def test_an_outage_of_a_day_buries_nothing(topic, graveyard):
    """All rounds together outlast a day of a hundred attempts each."""
    for rounds in range(flow.ROUNDS):
        flow.keep(a_message(rounds), topic, graveyard, lambda: at(86_400), lambda sobject: False)

    assert (flow.ROUNDS, []) == (len(topic.sent), graveyard.outcomes)


@pytest.mark.parametrize("rounds", ["many", "-1", "1.5", ""])
def test_a_round_that_is_no_number_counts_as_none(rounds, topic, graveyard):
    """A stranger's attribute must not keep a message in the dead subscription until it expires there."""
    flow.keep(a_message(**{flow.ROUND: rounds}), topic, graveyard, lambda: NOON, lambda sobject: False)

    assert [(DATA, {flow.ROUND: "1"})] == topic.sent


# -- replay ------------------------------------------------------------------------------------------------


class World:
    """A replay's world with two tables that map Account."""

    def __init__(self, reopened=0):
        self.topic = FakeTopic()
        self.asked = []
        self.reopened = reopened

    @property
    def replay(self):
        def reopen(table, record_id):
            self.asked.append((table, record_id))
            return self.reopened

        mappings = [a_mapping(), a_mapping(id=2, table="public.account")]
        return flow.Replay(lambda short: self._topic(short), reopen, lambda _: mappings)

    def _topic(self, short):
        self.short = short
        return self.topic


def a_letter(change, topic="salesforce-changes"):
    """A letter as the database shows it."""
    (data,) = codec.encode([change], max_changes=1)
    return {"id": 7, "topic": topic, "payload": {"message": json.loads(data)}}


@pytest.mark.parametrize("op", Op)
def test_a_change_of_salesforce_is_replayed_as_a_hint(op):
    """An old letter brings no old value back: its record is read as it is now, deleted ones included."""
    world = World()

    flow.replay(a_letter(a_change(op=op, read_at=at(5))), None, world.replay)

    ((data, attributes),) = world.topic.sent
    (hint,) = codec.decode(data)
    assert ("salesforce-changes", {}) == (world.short, attributes)
    assert ({}, True, None, a_change().stamp) == (hint.fields, hint.buried, hint.read_at, hint.stamp)


def test_an_edit_is_replayed_from_the_log():
    """The log holds the edit itself; no message is published."""
    world = World(reopened=1)

    done = flow.replay(a_letter(an_edit_change(), "postgres-changes"), None, world.replay)

    assert [("salesforce.account", "a-1"), ("public.account", "a-1")] == world.asked
    assert "2 edits are open again" == done
    assert [] == world.topic.sent


def test_an_edit_that_is_no_longer_failed_is_not_replayed():
    with pytest.raises(Terminal) as caught:
        flow.replay(a_letter(an_edit_change(), "postgres-changes"), None, World().replay)

    assert "nothing_failed" == caught.value.reason


def test_an_unreadable_message_is_replayed_as_it_was():
    """Byte for byte, to the topic it came from."""
    world = World()

    flow.replay({"id": 7, "topic": "postgres-changes", "payload": {"bytes": "x"}}, b"\x00raw", world.replay)

    assert ("postgres-changes", [(b"\x00raw", {})]) == (world.short, world.topic.sent)


def test_an_empty_message_is_replayed_too():
    """No bytes at all are bytes."""
    world = World()

    flow.replay({"id": 7, "topic": "postgres-changes", "payload": {"bytes": ""}}, b"", world.replay)

    assert [(b"", {})] == world.topic.sent


def test_replayed_work_finds_its_reader_again():
    """Its subscriptions filter by kind, which is an attribute, so that one is put back."""
    world = World()
    data = work.encode(work.Work(work.BULK_POLL, {"job": "750x"}))

    flow.replay({"id": 7, "topic": "work", "payload": {"bytes": ""}}, data, world.replay)

    assert [(data, {"kind": work.BULK_POLL})] == world.topic.sent


def test_damaged_work_is_not_replayed():
    """Without its kind nobody would get it: it would be gone."""
    world = World()

    with pytest.raises(Terminal) as caught:
        flow.replay({"id": 7, "topic": "work", "payload": {"bytes": ""}}, b"?", world.replay)

    assert ("work_unreadable", []) == (caught.value.reason, world.topic.sent)


def test_of_dead_work_everything_but_nudges_is_kept(topic, graveyard):
    """What a nudge was about stands in the change log; a job's poll is found nowhere else."""
    for kind in (work.NUDGE, work.BULK_POLL):
        data = work.encode(work.Work(kind))
        letter = flow.Message("work", data, "m-1", NOON, {flow.ROUND: str(flow.ROUNDS), "kind": kind})
        assert [] == flow.keep(letter, topic, graveyard, lambda: NOON, lambda sobject: False)

    ((short, _, data, exc),) = graveyard.bytes
    assert ("work", work.BULK_POLL, "attempts_used_up") == (short, work.decode(data).kind, exc.reason)
