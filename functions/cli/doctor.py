"""Command `doctor`: the deployment, looked at from outside; each finding with its remedy."""

import argparse
import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

import requests

from common import clock, config
from common.errors import IsthmusError, Misconfigured
from common.finding import Finding, Level, examined, of_error, ok, problem, skipped, warning
from common.mapping import Direction, Mapping
from common.postgres import checkup as database_checkup
from common.postgres import mappings
from common.postgres.connect import Database
from common.pubsub import checkup as topics_checkup
from common.salesforce import checkup as org_checkup
from common.salesforce.session import Session
from common.scheduler.job import Job
from functions.cli.tables import print_json

Groups = Any  #: argparse keeps the type of subparsers to itself
T = TypeVar("T")

ANSWER_SECONDS = 30
WISH = "`isthmus outbound-message register FILE.wsdl` makes its fields known."


def add_to(groups: Groups) -> None:
    command = groups.add_parser(
        "doctor", help="look whether everything is there and allowed",
        description="Looks from outside, changes nothing. Exits with 0, or 1 where something does not work.",
    )  # fmt: skip
    command.add_argument(
        "--deployment", metavar="FILE", help="what `terraform output -json` says: addresses and settings"
    )
    command.add_argument("--json", action="store_true", help="for programs")
    command.set_defaults(run=_run)


def _run(chosen: argparse.Namespace, env: config.Environment) -> None:
    deployed = _deployment(chosen.deployment)
    found = _shown(_findings({**deployed["environment"], **env}, deployed["receivers"]), quiet=chosen.json)
    if chosen.json:
        print_json([asdict(finding) for finding in found])
    if any(finding.level is Level.PROBLEM for finding in found):
        sys.exit(1)


def _deployment(file: str | None) -> dict[str, dict[str, str]]:
    """The outputs `environment` and `receivers`; empty where no file was named."""
    if file is None:
        return {"environment": {}, "receivers": {}}
    try:
        held = json.loads(Path(file).read_text(encoding="utf-8"))
        return {name: dict(held[name]["value"]) for name in ("environment", "receivers")}
    except (OSError, ValueError, KeyError, TypeError) as exc:
        raise Misconfigured(
            "deployment_unreadable", f"{file}: {type(exc).__name__} {exc}",
            "`terraform -chdir=terraform output -json > FILE` writes it, after an apply.",
        ) from exc  # fmt: skip


def _shown(findings: Iterator[Finding], *, quiet: bool) -> list[Finding]:
    """All of them; each is printed as it is found, since some take seconds."""
    found = []
    for finding in findings:
        found.append(finding)
        if not quiet:
            print(f"{finding.level:8} {finding.subject:12} {finding.says}")
            if finding.remedy:
                print(f"{'':21} -> {finding.remedy}")
    return found


def _findings(env: config.Environment, receivers: dict[str, str]) -> Iterator[Finding]:
    known: list[Mapping] = []
    yield from _inbound(env)
    yield from _with(env, "database", config.database, lambda s: _database(s, known))
    yield from _with(env, "salesforce", config.salesforce, lambda s: _salesforce(env, s, known))
    yield from _with(
        env,
        "topics",
        config.topics,
        lambda t: topics_checkup.topics([t.salesforce_changes, t.postgres_changes, t.work]),
    )
    yield from _with(env, "schedule", config.waking, _schedule)
    yield from _receivers(receivers)


def _inbound(env: config.Environment) -> Iterator[Finding]:
    if not env.get("INBOUND"):
        yield skipped("settings", "INBOUND is not set here: what receivers ask of callers is not looked at")
        return
    for read in (config.inbound, config.hmac_keys):
        try:
            read(env)
        except Misconfigured as exc:
            yield of_error("settings", exc)


def _with(
    env: config.Environment,
    subject: str,
    read: Callable[[config.Environment], T],
    look: Callable[[T], Iterator[Finding]],
) -> Iterator[Finding]:
    """Look with the settings that it takes; where they are missing or wrong, that is what was found."""
    try:
        settings = read(env)
    except Misconfigured as exc:
        yield of_error("settings", exc)
        return
    yield from examined(subject, lambda: look(settings))


def _database(settings: config.Database, known: list[Mapping]) -> Iterator[Finding]:
    with Database(settings) as database:
        yield from database_checkup.server(database, settings, clock.now)
        with database.transaction() as tx:
            known += mappings.read(tx)
            yield from database_checkup.triggers(tx, known)
            yield from _outbound(known, mappings.outbound_messages(tx))
    if not known:
        yield warning("mappings", "nothing is mapped yet", "`isthmus mapping create Account` maps an object.")


def _outbound(known: list[Mapping], messages: list[dict[str, Any]]) -> Iterator[Finding]:
    """Whether what Salesforce sends is complete, as far as its definitions were registered."""
    for mapping in known:
        if mapping.direction is Direction.PG_TO_SF or mapping.is_event:
            continue
        of_it = [m for m in messages if m["sf_object_name"].lower() == mapping.sobject.lower()]
        lacks = {name for message in of_it for name in mapping.lacking(message["fields"])}
        if not of_it:
            yield skipped(
                "outbound",
                f"no outbound message of {mapping.sobject} is registered: each that comes costs a read",
                WISH,
            )
        elif lacks:
            yield warning(
                "outbound", f"an outbound message of {mapping.sobject} lacks {', '.join(sorted(lacks))}: each costs a read",
                "Select those fields in Setup, Outbound Messages, and register its new WSDL.",
            )  # fmt: skip
        else:
            yield ok("outbound", f"outbound messages of {mapping.sobject} bring every mapped field")


def _salesforce(env: config.Environment, settings: config.Salesforce, known: list[Mapping]) -> Iterator[Finding]:
    yield from org_checkup.time_of(settings.login_url, clock.now)
    with Session(settings) as session:
        yield from org_checkup.login(session, _expected(env))
        yield from org_checkup.permissions(session, known)


def _expected(env: config.Environment) -> dict[str, str]:
    try:
        return {"INBOUND": config.inbound(env).org_id} if env.get("INBOUND") else {}
    except IsthmusError:
        return {}


def _schedule(settings: config.Waking) -> Iterator[Finding]:
    if not settings.job:
        yield skipped("schedule", "SCHEDULE_JOB is not set: a person keeps the drainer's schedule")
        return
    cron = Job(settings.job, host=settings.host).schedule(fresh=True)
    if cron:
        yield ok("schedule", f"the drainer looks at {cron!r}, UTC")
    else:
        yield warning(
            "schedule",
            f"{settings.job} is paused: only nudges wake the drainer",
            "`gcloud scheduler jobs resume` goes on.",
        )


def _receivers(receivers: dict[str, str]) -> Iterator[Finding]:
    if not receivers:
        yield skipped(
            "receivers", "their addresses are not known", "Name --deployment, what `terraform output -json` says."
        )
    for door, url in sorted(receivers.items()):
        try:
            answer = requests.get(url, timeout=ANSWER_SECONDS)
            alive = answer.status_code == requests.codes.ok and answer.json().get("door") == door
            said = f"{url} answers {answer.status_code}"
        except (requests.RequestException, ValueError) as exc:
            alive, said = False, f"{url}: {exc}"
        if alive:
            yield ok("receivers", f"{door} answers")
        else:
            yield problem(
                "receivers", f"{door} is not there: {said}",
                "Its log says why (Cloud Logging). 403: an organisation's policy forbids allUsers; set public_by = \"no_check\".",
            )  # fmt: skip
