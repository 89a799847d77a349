"""What is watched exists: metrics are extracted from lines that doors write, and every query names a metric that there is."""

import json
import re
from collections.abc import Iterator
from itertools import combinations

import pytest

from common import log, metrics
from common.change import Ending
from common.errors import Terminal
from tests.fakes.factories import an_outcome, at
from tests.terraform.plan import Plan

#: Google's own, by their reference pages; those with distributions are asked for their buckets
GOOGLES = {
    "logging.googleapis.com/billing/bytes_ingested",
    "pubsub.googleapis.com/subscription/byte_cost",
    "pubsub.googleapis.com/subscription/dead_letter_message_count",
    "pubsub.googleapis.com/subscription/num_undelivered_messages",
    "pubsub.googleapis.com/subscription/oldest_unacked_message_age",
    "run.googleapis.com/container/billable_instance_time",
    "run.googleapis.com/container/instance_count",
    "run.googleapis.com/request_count",
    "run.googleapis.com/request_latencies_bucket",
}
GOOGLES_LABELS = {"le", "response_code_class", "service_name", "subscription_id"}
OURS = "logging.googleapis.com/user/"
SUFFIX = re.compile(r"_(sum|count|bucket)$")


@pytest.fixture(params=["defaults", "everything"])
def any_plan(request, plans) -> Plan:
    return plans[request.param]


def queries(plan: Plan) -> Iterator[str]:
    """Every query of the dashboards and the alerts."""
    for dashboard in boards(plan):
        yield from re.findall(r'"prometheusQuery": "((?:[^"\\]|\\.)*)"', json.dumps(dashboard))
    for policy in plan.of("google_monitoring_alert_policy"):
        yield json.dumps(policy.block("conditions")["condition_prometheus_query_language"][0]["query"])[1:-1]


def boards(plan: Plan) -> list[dict]:
    return [json.loads(r.values["dashboard_json"]) for r in plan.of("google_monitoring_dashboard")]


def test_every_query_names_metrics_that_exist(any_plan):
    """Ours are extracted under that very name, distributions by a part of theirs; Google's are in its reference."""
    made = {r.values["name"]: r.block("metric_descriptor")["value_type"] for r in any_plan.of("google_logging_metric")}

    for query in queries(any_plan):
        named = re.findall(r'\{\\"([^\\]+)\\"', query)
        assert named, query
        for name in named:
            if not name.startswith(OURS):
                assert name in GOOGLES
                continue
            short = name.removeprefix(OURS)
            assert ("DISTRIBUTION" if SUFFIX.search(short) else "INT64") == made[SUFFIX.sub("", short)], query


def test_every_query_groups_by_labels_that_exist(any_plan):
    """A label that no metric has would make one line of everything."""
    known = GOOGLES_LABELS | {label for metric in metrics.ALL for label in metric.labels}

    for query in queries(any_plan):
        grouped = {label.strip() for group in re.findall(r"by \(([^)]*)\)", query) for label in group.split(",")}
        assert grouped <= known, query
        assert query.count("(") == query.count(")")


def test_nothing_is_left_open(any_plan):
    """Templates are filled in, and name what this deployment has."""
    for query in queries(any_plan):
        assert "${" not in query
        assert "%{" not in query


def test_tiles_lie_side_by_side(plan):
    """On 48 columns, none over another."""
    for board in boards(plan):
        tiles = board["mosaicLayout"]["tiles"]
        assert all(tile["xPos"] + tile["width"] <= 48 for tile in tiles)
        for one, other in combinations(tiles, 2):
            beside = one["xPos"] + one["width"] <= other["xPos"] or other["xPos"] + other["width"] <= one["xPos"]
            above = one["yPos"] + one["height"] <= other["yPos"] or other["yPos"] + other["height"] <= one["yPos"]
            assert beside or above, (one["widget"]["title"], other["widget"]["title"])


def test_three_alerts_tell_somebody(plans):
    """Stuck, dead, no run: one condition each, each says what to do; e-mail or Slack hears of all."""
    for name, kind in (("defaults", "email"), ("everything", "slack")):
        policies = plans[name].of("google_monitoring_alert_policy")
        assert 3 == len(policies)
        assert {1} == {len(policy.values["conditions"]) for policy in policies}
        assert all("`isthmus " in policy.block("documentation")["content"] for policy in policies)
        assert [kind] == [
            channel.values["type"] for channel in plans[name].of("google_monitoring_notification_channel")
        ]


def test_a_drainer_that_looks_once_a_day_is_no_alarm(plans):
    """The window follows IDLE_MINUTES."""
    queried = {r.values["display_name"].split(":")[0]: q for r, q in _alerts(plans["a_drainer_that_sleeps"])}

    assert "[25h]" in queried["isthmus no run"]


def _alerts(plan: Plan) -> Iterator[tuple]:
    for policy in plan.of("google_monitoring_alert_policy"):
        yield policy, policy.block("conditions")["condition_prometheus_query_language"][0]["query"]


def test_their_price_is_printed(plan):
    """The output says what they cost a month."""
    assert re.fullmatch(r"\$\d\.\d\d to \$\d\.\d\d", plan.held["output_changes"]["alerts_cost"]["after"])


def test_our_lines_are_counted(plan, capsys):
    """A failed change, a buried message and a trouble each match the filter of their metric, with all its labels."""
    log.endings("upsert_postgres", [an_outcome(ending=Ending.FAILED, reason="r"), an_outcome()], now=at(1.5))
    log.run("upsert_postgres", "buried", reason="r")
    log.trouble("drain_change_log", Terminal("r"))
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]

    counted = {}
    for metric in plan.of("google_logging_metric"):
        wanted = dict(re.findall(r'jsonPayload\.(\w+)="([^"]*)"', metric.values["filter"]))
        matching = [line for line in lines if all(str(line.get(key)) == value for key, value in wanted.items())]
        counted[metric.values["name"]] = len(matching)
        assert all(label in line for line in matching for label in metric.values["label_extractors"])
    assert (2, 1, 1, 1) == tuple(counted[f"isthmus/{name}"] for name in ("changes", "failures", "burials", "troubles"))
