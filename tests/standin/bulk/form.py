"""What both kinds of bulk jobs answer alike: choices in a body, lists, deletion."""

from collections.abc import Collection

from tests.standin.bulk.jobs import Job
from tests.standin.errors import Refused
from tests.standin.org import Org
from tests.standin.web import Json, Reply, Request, flag, wrong_method


def choice(given: Json, name: str, allowed: Collection[str], usual: str | None, code: str) -> str:
    """A value of a body that must be one of a few."""
    value = given.get(name, usual)
    if not isinstance(value, str) or value not in allowed:
        raise Refused(code, f"{name} must be one of {', '.join(allowed)}, not {value}")
    return value


def listing(org: Org, request: Request, road: str) -> Reply:
    """GET of all jobs of a road, a thousand at a time."""
    if request.method != "GET":
        raise wrong_method(request)
    asked = request.query
    page, following = org.bulk.listed(road, asked.get("queryLocator", ""))
    ours = asked.get("jobType", page[0].listed()["jobType"] if page else "")
    shown = [job.listed() for job in page if job.listed()["jobType"] == ours]
    if flag(asked.get("isPkChunkingEnabled")) or asked.get("concurrencyMode", "parallel").lower() != "parallel":
        shown = []
    root = f"/services/data/{request.version}/jobs/{road}"
    return Reply(
        200,
        {
            "done": not following,
            "records": shown,
            "nextRecordsUrl": f"{root}?queryLocator={following}" if following else None,
        },
    )


def delete(org: Org, job: Job, allowed: Collection[str]) -> Reply:
    """DELETE of one job, in the states that allow it."""
    if job.state not in allowed:
        raise Refused("INVALIDJOBSTATE", f"Deleting a Job in state {job.state} not allowed")
    org.bulk.remove(job)
    return Reply(204)
