"""Log lines: one per change, in Google's keys, without people's data."""

import json
from datetime import datetime

import pytest

from common import log
from common.change import UNSTAMPED, Ending
from common.errors import Transient
from tests.fakes.factories import NOON, a_change, an_outcome, at

TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def lines(capsys):
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_a_change_is_one_line(capsys):
    """Flat, with stable keys, and every number in its unit."""
    log.endings("a_door", [an_outcome(ending=Ending.STALE, reason="r")], now=at(1.5), trace=TRACE, attempt=3)

    assert [
        {
            "severity": "INFO",
            "message": "Account 001000000000001AAA stale",
            "event": "change",
            "door": "a_door",
            "sobject": "Account",
            "record_id": "001000000000001AAA",
            "event_id": "04l000000000001AAA",
            "outcome": "stale",
            "reason": "r",
            "lag_ms": 1500,
            "attempt": 3,
            "logging.googleapis.com/trace": "projects/-/traces/" + TRACE[3:35],
        }
    ] == lines(capsys)


def test_a_line_for_each_and_none_for_none(capsys):
    log.endings("a_door", [an_outcome()] * 3, now=NOON)
    assert 3 == len(lines(capsys))

    log.endings("a_door", [], now=NOON)
    assert [] == lines(capsys)


def test_what_nobody_dated_has_no_lag(capsys):
    """A mere wish that a record be read would count from 1970, and spoil the metric."""
    log.endings("a_door", [an_outcome(change=a_change(stamp=UNSTAMPED))], now=NOON)

    assert "lag_ms" not in lines(capsys)[0]


def test_without_a_trace_there_is_no_key(capsys):
    log.endings("a_door", [an_outcome()], now=NOON)

    assert "logging.googleapis.com/trace" not in lines(capsys)[0]


@pytest.mark.parametrize("ending", Ending)
def test_severity_says_whether_to_worry(ending, capsys):
    """Failures are errors, waits are warnings; a message that comes again is not news."""
    log.endings("a_door", [an_outcome(ending=ending)], now=NOON)

    worrying = {Ending.FAILED: "ERROR", Ending.WAITS: "WARNING", Ending.HELD: "WARNING", Ending.LATER: "DEBUG"}
    expected = worrying.get(ending, "INFO")
    assert expected == lines(capsys)[0]["severity"]


def test_no_field_value_is_logged(capsys):
    """They are people's data: neither values nor the other side's words about them appear."""
    secret = "Kim Minji, 010-1234-5678"
    change = a_change(fields={"Name": secret, "Secret__c": secret})

    log.endings("a_door", [an_outcome(change=change, ending=Ending.FAILED, reason="r", detail=secret)], now=NOON)

    assert secret not in capsys.readouterr().out


def test_a_line_stays_one_line(capsys):
    """A line break in a key or an odd character does not break the log."""
    log.endings("a_door", [an_outcome(change=a_change(record_id="a\nb\u2028c서\x00"))], now=NOON)

    assert "a\nb\u2028c서\x00" == json.loads(capsys.readouterr().out.removesuffix("\n"))["record_id"]


def test_half_a_surrogate_does_not_stop_the_log():
    """An external id may hold anything; a log line is no reason to fail a change that was applied."""
    import io
    import sys

    out, sys.stdout = sys.stdout, io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    try:
        log.endings("a_door", [an_outcome(change=a_change(record_id="cut \ud83d"))], now=NOON)
    finally:
        sys.stdout = out


def test_a_run_has_its_numbers(capsys):
    log.run("a_door", "drain", trace=TRACE, records=5, published=4)

    assert {
        "severity": "INFO",
        "message": "a_door drain",
        "event": "drain",
        "door": "a_door",
        "records": 5,
        "published": 4,
        "logging.googleapis.com/trace": "projects/-/traces/" + TRACE[3:35],
    } == lines(capsys)[0]


def test_trouble_names_reason_and_hint(capsys):
    log.trouble("a_door", Transient("database_busy", "words", "Wait."), trace=TRACE)

    (line,) = lines(capsys)
    assert ("WARNING", "trouble", "database_busy", "Wait.") == (
        line["severity"], line["event"], line["reason"], line["hint"],
    )  # fmt: skip
    assert "a_door: database_busy: words: Wait." == line["message"]


def test_metrics_read_keys_that_lines_have(capsys):
    """What Cloud Monitoring extracts from change lines is in them."""
    from common.metrics import ALL

    log.endings("a_door", [an_outcome()], now=datetime.now(NOON.tzinfo))
    (line,) = lines(capsys)

    for metric in (m for m in ALL if m.event == "change"):
        assert {*metric.labels, *([metric.key] if metric.key else [])} <= set(line)
