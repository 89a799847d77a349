"""Successive edits of a record, as one."""

import pytest

from common.change import Op
from common.errors import Misconfigured, Transient
from common.flows.drain import CLAIM, merge, run
from common.ports import Batch, Claimed
from tests.fakes.factories import an_edit_change, an_entry, at


def test_one_edit_is_itself():
    """What was edited travels, with the time it was edited."""
    assert Batch((1,), Op.UPSERT, {"name": "a"}, at(1)) == merge([an_entry(1, new={"name": "a"})])


def test_later_values_win():
    """Updates make one update; a column that only the first one wrote stays."""
    batch = merge([an_entry(1, new={"name": "a", "city": "x"}), an_entry(2, new={"name": "b"})])

    assert Batch((1, 2), Op.UPSERT, {"name": "b", "city": "x"}, at(2)) == batch


def test_an_emptied_column_is_sent_as_empty():
    assert {"name": None} == merge([an_entry(1, new={"name": "a"}), an_entry(2, new={"name": None})]).values


def test_an_insert_with_updates_is_one_insert():
    """The row's filled columns as they were left; columns that nobody ever filled are not sent."""
    batch = merge([an_entry(1, "INSERT", new={"name": "a", "city": None, "zip": None}), an_entry(2, new={"city": "x"})])

    assert Batch((1, 2), Op.UPSERT, {"name": "a", "city": "x"}, at(2)) == batch


@pytest.mark.parametrize("attempts", [0, 1])
def test_a_column_emptied_after_its_insert_is_sent_as_empty(attempts):
    """An earlier attempt may have created the record with the old value: only an explicit null takes it away."""
    entries = [
        an_entry(1, "INSERT", new={"name": "a", "city": "x"}, attempts=attempts),
        an_entry(2, new={"city": None}),
    ]

    assert {"name": "a", "city": None} == merge(entries).values


def test_inserted_and_deleted_again_is_nothing():
    """Salesforce never hears of it, but its log rows are settled."""
    entries = [an_entry(1, "INSERT", new={"name": "a"}), an_entry(2), an_entry(3, "DELETE", old={"name": "a"})]

    batch = merge(entries)

    assert ((1, 2, 3), None) == (batch.rows, batch.op)


@pytest.mark.parametrize("attempted", [0, 1])
def test_inserted_and_deleted_after_an_attempt_is_a_deletion(attempted):
    """A lost attempt may have created the record, whichever row was attempted."""
    entries = [
        an_entry(1, "INSERT", new={"name": "a"}, attempts=int(attempted == 0)),
        an_entry(2, new={"name": "b"}, attempts=int(attempted == 1)),
        an_entry(3, "DELETE", old={"name": "b"}),
    ]

    assert Batch((1, 2, 3), Op.DELETE, {}, at(3)) == merge(entries)


def test_inserted_and_deleted_with_a_salesforce_id_is_a_deletion():
    """The record exists: its id came back while the edits waited."""
    entries = [an_entry(1, "INSERT", new={"name": "a"}), an_entry(2, "DELETE", old={"sfid": "001000000000001AAA"})]

    assert Op.DELETE is merge(entries).op


def test_updated_and_deleted_is_a_deletion():
    """What was edited before no longer matters."""
    batch = merge([an_entry(1, new={"name": "a"}), an_entry(2, "DELETE", old={"sfid": None})])

    assert Batch((1, 2), Op.DELETE, {}, at(2)) == batch


def test_deleted_and_inserted_are_two_lives():
    """The new life waits until the old one is over; nothing of it is settled with the old one."""
    entries = [an_entry(1, new={"name": "a"}), an_entry(2, "DELETE"), an_entry(3, "INSERT", new={"name": "b"})]

    first, second = merge(entries), merge(entries[2:])

    assert Batch((1, 2), Op.DELETE, {}, at(2)) == first
    assert Batch((3,), Op.UPSERT, {"name": "b"}, at(3)) == second


def test_failed_edits_are_taken_up_by_later_ones():
    """A refused edit's other columns go along with the edit that mends it."""
    entries = [
        an_entry(1, new={"name": "too long", "city": "x"}, attempts=3),
        an_entry(2, new={"name": "short"}),
    ]

    assert Batch((1, 2), Op.UPSERT, {"name": "short", "city": "x"}, at(2)) == merge(entries)


# -- the run ---------------------------------------------------------------------------------------------


class FakeLog:
    """A log that hands out prepared claims."""

    def __init__(self, *claims):
        self.claims = list(claims)
        self.released = []

    def claim(self, limit, merge):
        assert CLAIM == limit
        return self.claims.pop(0)

    def release(self, changes):
        self.released += changes


class FakeTopic:
    def __init__(self, refuse=""):
        self.messages = []
        self.refuse = refuse

    def publish(self, changes, *, trace=""):
        if changes[0].sobject == self.refuse:
            raise Transient("publish_failed")
        self.messages.append(list(changes))


def test_run_ends_when_the_log_is_empty():
    """A full claim means that there may be more; the first one that is not full is the last."""
    log = FakeLog(Claimed(CLAIM, [an_edit_change()] * CLAIM), Claimed(2, [an_edit_change()]))
    topic = FakeTopic()

    done = run(log, topic, go_on=lambda: True)

    assert (CLAIM + 2, CLAIM + 1) == (done.records, done.published)
    assert [CLAIM, 1] == [len(m) for m in topic.messages]


def test_run_ends_when_its_time_is_up():
    log = FakeLog(*[Claimed(CLAIM, [an_edit_change()])] * 3)
    answers = iter([True, True, False])

    done = run(log, FakeTopic(), go_on=lambda: next(answers))

    assert 2 == done.published


def test_run_publishes_each_object_in_messages_of_its_own():
    """In the log's order, which puts parents first."""
    changes = [an_edit_change(sobject=s) for s in ("Lead", "Account", "Lead")]
    topic = FakeTopic()

    run(FakeLog(Claimed(3, changes)), topic, go_on=lambda: True)

    assert [["Lead", "Lead"], ["Account"]] == [[c.sobject for c in m] for m in topic.messages]


def test_run_gives_back_what_it_could_not_publish():
    """Only what was not confirmed goes back to the log, all of it, and the trouble is told."""
    changes = [an_edit_change(sobject=s) for s in ("Account", "Lead", "Opportunity")]
    log = FakeLog(Claimed(3, changes))

    with pytest.raises(Transient):
        run(log, FakeTopic(refuse="Lead"), go_on=lambda: True)

    assert ["Lead", "Opportunity"] == [c.sobject for c in log.released]


def test_run_gives_back_when_a_person_must_act():
    """A topic that is missing is no reason to sit on the claims until their lease is over."""

    class Missing(FakeTopic):
        def publish(self, changes, *, trace=""):
            raise Misconfigured("topic_refused")

    log = FakeLog(Claimed(1, [an_edit_change()]))

    with pytest.raises(Misconfigured):
        run(log, Missing(), go_on=lambda: True)

    assert 1 == len(log.released)
