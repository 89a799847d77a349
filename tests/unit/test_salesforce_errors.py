"""Salesforce's error codes, by what to do next."""

import json
import xml.etree.ElementTree as ET

import pytest

from common.change import Op
from common.ports import Send
from common.salesforce import errors
from common.salesforce.collection import answer
from tests.fakes.factories import ACCOUNT

#: Codes of whole requests; the StatusCode enumeration lists those of records only.
OF_REQUESTS = {
    "NOT_FOUND", "INVALID_SESSION_ID", "REQUEST_LIMIT_EXCEEDED", "INVALID_TYPE", "QUERY_TIMEOUT", "PROCESSING_HALTED",
    "REQUEST_RUNNING_TOO_LONG", "SERVER_UNAVAILABLE", "UNKNOWN_EXCEPTION", "INTERNAL_ERROR", "MALFORMED_ID",
    "INVALID_FIELD", "TOO_MANY_LOCK_FAILURE", "API_CURRENTLY_DISABLED", "API_DISABLED_FOR_ORG", "HTTP_420", "HTTP_429",
    errors._CONCURRENT, errors._PARENT,
}  # fmt: skip


def test_every_code_that_we_know_is_salesforces(samples):
    """A misspelt code would never be met: each one stands in Salesforce's own enumeration, or is one of a request."""
    text = (samples / "rest" / "StatusCode_enumeration_v63.xsd.xml").read_bytes()
    enumeration = {e.get("value") for e in ET.fromstring(text).iter("{http://www.w3.org/2001/XMLSchema}enumeration")}

    assert set() == set(errors._RULES) - enumeration - OF_REQUESTS


@pytest.mark.parametrize("code", sorted(errors._RULES))
def test_every_rule_says_what_to_do(code):
    """A stable lower-case reason, Salesforce's own words, and advice."""
    sent = errors.refused(code, "their words")

    assert (code.lower(), "their words", False) == (sent.reason, sent.detail, sent.unknown)
    assert sent.hint.endswith(".")


@pytest.mark.parametrize(
    "code", ["UNABLE_TO_LOCK_ROW", "SERVER_UNAVAILABLE", "INVALID_SESSION_ID", "INVALID_CROSS_REFERENCE_KEY"]
)
def test_what_passes_by_itself_is_tried_again(code):
    assert errors.refused(code, "").retry


@pytest.mark.parametrize(
    "code",
    ["REQUIRED_FIELD_MISSING", "STRING_TOO_LONG", "DUPLICATE_VALUE", "FIELD_CUSTOM_VALIDATION_EXCEPTION", "ENTITY_IS_DELETED",
     "SOMETHING_NEW_IN_2031", ""],
)  # fmt: skip
def test_what_never_passes_is_not_tried_again(code):
    """What nobody knows is shown to a person rather than tried for ever."""
    sent = errors.refused(code, "")

    assert not sent.retry
    assert sent.hint


def test_a_used_up_limit_waits_an_hour():
    """Trying it every two seconds would use it up again."""
    assert 3600 == errors.refused("REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.").retry_seconds


def test_a_lock_inside_a_trigger_is_a_lock():
    """Apex wraps the code in its own."""
    message = (
        "AccountTrigger: execution of AfterUpdate caused by: System.DmlException: UNABLE_TO_LOCK_ROW, unable to obtain"
    )

    sent = errors.refused("CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", message)

    assert ("unable_to_lock_row", True) == (sent.reason, sent.retry)


def test_an_unanswered_call_may_still_be_carried_out():
    sent = errors.unanswered("timeout")

    assert (True, True, "salesforce_silent") == (sent.retry, sent.unknown, sent.reason)


def test_real_answers_of_collections(samples):
    """Each record of a partly failed upsert has its own end."""
    results = json.loads((samples / "rest" / "collections_upsert_response_partial_failure.json").read_text())

    got = [answer(Send(Op.UPSERT, None, "a-1"), result) for result in results]

    for result, sent in zip(results, got, strict=True):
        assert result["success"] == (not sent.reason)
        assert result["success"] == (sent.sfid is not None)
        if not result["success"]:
            assert result["errors"][0]["statusCode"].lower() == sent.reason
            assert result["errors"][0]["message"] == sent.detail


def test_a_real_rollback_is_tried_again_but_its_culprit_is_not(samples):
    results = json.loads((samples / "rest" / "collections_upsert_response_all_or_none_rollback.json").read_text())

    rolled_back, culprit = (answer(Send(Op.UPSERT, ACCOUNT, "a-1"), result) for result in results)

    assert (True, False) == (rolled_back.retry, culprit.retry)
    assert "malformed_id" == culprit.reason


@pytest.mark.parametrize("code", ["ENTITY_IS_DELETED", "INVALID_CROSS_REFERENCE_KEY", "NOT_FOUND"])
def test_deleting_what_is_gone_succeeds(code):
    """Somebody was faster; for a delete that is no error."""
    result = {"success": False, "errors": [{"statusCode": code, "message": "entity is deleted"}]}

    assert "" == answer(Send(Op.DELETE, ACCOUNT, "a-1"), result).reason
    assert code.lower() == answer(Send(Op.UPSERT, ACCOUNT, "a-1"), result).reason


@pytest.mark.parametrize(
    "result", [{}, {"success": False}, {"success": False, "errors": []}, {"success": False, "errors": [{}]}]
)
def test_an_answer_without_an_error_is_tried_again(result):
    """It neither worked nor said why."""
    assert answer(Send(Op.UPSERT, ACCOUNT, "a-1"), result).retry


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("TotalRequests Limit exceeded.", ("request_limit_exceeded", 3600)),
        ("ConcurrentRequests (Concurrent API Requests) Limit exceeded.", ("concurrent_limit", 20)),
        ("ConcurrentPerOrgLongTxn Limit exceeded.", ("concurrent_limit", 20)),
    ],
)
def test_two_limits_share_a_code(message, expected):
    """The daily one opens much later; too many calls at a time pass within seconds, and close nothing."""
    sent = errors.refused("REQUEST_LIMIT_EXCEEDED", message)

    assert expected == (sent.reason, sent.retry_seconds)
    assert (errors.whole("REQUEST_LIMIT_EXCEEDED", message) is errors.Whole.CLOSED) == (expected[1] == 3600)


@pytest.mark.parametrize(
    "code", ["UNKNOWN_EXCEPTION", "INTERNAL_ERROR", "INVALID_CROSS_REFERENCE_KEY", "ENTITY_IS_LOCKED"]
)
def test_what_may_never_pass_is_not_tried_for_ever(code):
    """A number of attempts, then a person sees it."""
    assert errors.refused(code, "").tries > 0


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("INVALID_FIELD", errors.Whole.FIELD),
        ("INVALID_FIELD_FOR_INSERT_UPDATE", errors.Whole.FIELD),
        ("INVALID_TYPE", errors.Whole.OBJECT),
        ("NOT_FOUND", errors.Whole.OBJECT),
        ("JSON_PARSER_ERROR", errors.Whole.CUT),
        ("SOMETHING_NEW_IN_2031", errors.Whole.CUT),
        ("UNKNOWN_EXCEPTION", errors.Whole.CUT),
        ("REQUEST_RUNNING_TOO_LONG", errors.Whole.CUT),
        ("SERVER_UNAVAILABLE", errors.Whole.WAIT),
        ("UNABLE_TO_LOCK_ROW", errors.Whole.WAIT),
        ("INVALID_SESSION_ID", errors.Whole.WAIT),
    ],
)
def test_a_whole_failure_is_cut_only_where_a_record_may_be_its_cause(code, kind):
    assert kind is errors.whole(code, "")
