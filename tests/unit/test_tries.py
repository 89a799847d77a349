"""How often a record is tried, and what counts as a try."""

from common.change import Ending, Op
from common.flows.to_salesforce import _settled
from common.ports import Owed, Send, Sent
from tests.fakes.factories import a_mapping, an_edit_change, at


class World:
    unknown_seconds = 720.0

    @staticmethod
    def now():
        return at(0)


def settled(sent: Sent, attempts: int = 1):
    return _settled(Owed(an_edit_change(), a_mapping(), Send(Op.UPSERT, None, "a-1"), attempts), sent, World())


def test_few_tries_end_as_a_failure():
    """With Salesforce's own words."""
    sent = Sent(reason="unknown_exception", detail="ErrorId 1", retry=True, tries=8)

    assert (Ending.WAITS, Ending.FAILED) == (settled(sent, 7).outcome.ending, settled(sent, 8).outcome.ending)
    assert "ErrorId 1" == settled(sent, 8).outcome.detail


def test_waits_grow_and_are_never_shorter_than_asked_for():
    early = settled(Sent(reason="busy", retry=True, retry_seconds=20), 1).next_attempt_at
    late = settled(Sent(reason="busy", retry=True, retry_seconds=20), 9).next_attempt_at

    assert at(20) == early
    assert late >= at(256)


def test_an_unknown_end_waits_until_it_has_become_impossible():
    assert at(720) == settled(Sent(reason="salesforce_silent", retry=True, unknown=True)).next_attempt_at


def test_what_was_not_called_is_no_try():
    assert settled(Sent(reason="api_reserve", retry=True, retry_seconds=3600, untried=True)).untried
