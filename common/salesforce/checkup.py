"""The org, examined: login, identity, clock, API calls, and what the integration user may do with mapped objects."""

from collections.abc import Iterator, Sequence
from email.utils import parsedate_to_datetime
from typing import Any

import requests

from common import clock, ids
from common.errors import Misconfigured
from common.finding import Finding, of_error, ok, problem, skipped, warning
from common.mapping import Mapping
from common.salesforce import describe, limits
from common.salesforce.session import Session

CALL_SECONDS = 20.0
SKEW_SECONDS = 5.0
LIMIT_PERCENT = 80  #: of the day's API calls; API_RESERVE leaves 20 percent to others


def login(session: Session, expected: dict[str, str]) -> Iterator[Finding]:
    """Whether it logs in, into the org that receivers and database expect; how much of the day's calls is left.

    Args:
        expected: Who expects which org, such as {"INBOUND": "00D..."}.

    Raises:
        IsthmusError: it does not.
    """
    yield ok("login", f"logs in to org {session.org_id}")
    for who, org_id in expected.items():
        if ids.to_18(org_id) != session.org_id:
            yield problem(
                "org", f"{who} expects org {ids.to_18(org_id)}, the login leads to {session.org_id}",
                "Set INBOUND's org_id and SF_LOGIN_URL to one org; after a sandbox refresh `isthmus rebase` binds the database anew.",
            )  # fmt: skip
    for row in limits.read(session):
        if row["limit"] == "DailyApiRequests":
            yield _calls(row)


def _calls(row: dict[str, Any]) -> Finding:
    used, allowed = row["used"], row["allowed"]
    said = f"{used} of {allowed} API calls of the day are used"
    if allowed and used * 100 >= allowed * LIMIT_PERCENT:
        return warning(
            "calls", said, "`isthmus status --org` says who spends them; cap a mapping (max_daily_calls), or buy more."
        )
    return ok("calls", said)


def time_of(login_url: str, now: clock.Clock) -> Iterator[Finding]:
    """How far Salesforce's clock is from this machine's, as its answers tell."""
    try:
        answer = requests.get(f"{login_url}/services/data/", timeout=CALL_SECONDS, allow_redirects=False)
    except requests.RequestException as exc:
        yield problem(
            "clock", f"{login_url} does not answer: {exc}", "Check SF_LOGIN_URL, and that this machine reaches it."
        )
        return
    told = answer.headers.get("Date")
    if not told:
        yield skipped("clock", "Salesforce's answer tells no time")
        return
    seconds = abs((parsedate_to_datetime(told) - now()).total_seconds())
    if seconds <= SKEW_SECONDS:
        yield ok("clock", f"Salesforce's clock is within {SKEW_SECONDS:.0f} s of this machine's")
        return
    yield warning(
        "clock", f"Salesforce's clock is {seconds:.0f} s from this machine's",
        "Let this machine's clock be set by NTP: versions are compared by times, and a signed nudge is good for five minutes.",
    )  # fmt: skip


def permissions(session: Session, mappings: Sequence[Mapping]) -> Iterator[Finding]:
    """What the integration user lacks for each mapped object; one call for each."""
    for mapping in mappings:
        try:
            described = describe.fetch(session, mapping.sobject)
        except Misconfigured as exc:
            yield of_error("permissions", exc)
            continue
        lacks = list(_lacking(mapping, described))
        if lacks:
            yield problem(
                "permissions", f"{mapping.sobject}: the integration user may not {', '.join(lacks)}",
                "Grant it in a permission set of the integration user: object settings, then field-level security.",
            )  # fmt: skip
        else:
            yield ok("permissions", f"{mapping.sobject}: the integration user may do what the mapping needs")


def _lacking(mapping: Mapping, described: dict[str, Any]) -> Iterator[str]:
    if mapping.to_postgres and not mapping.is_event and not described.get("queryable", True):
        yield "read it"
    if mapping.to_salesforce:
        wanted = {"createable": "create", "updateable": "edit", "deletable": "delete"}
        yield from (f"{verb} it" for key, verb in wanted.items() if not described.get(key, True))
    fields = {field["name"]: field for field in described["fields"]}
    if unseen := [f.name for f in mapping.fields if f.name not in fields]:
        yield f"see {', '.join(unseen)}"
    if mapping.to_salesforce:
        held = [f.name for f in mapping.fields if f.updateable and not fields.get(f.name, {}).get("updateable", True)]
        if held:
            yield f"edit {', '.join(held)}"
