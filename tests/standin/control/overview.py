"""The page's first view: what the org holds, what was called, what waits, what is ordered to go wrong."""

from collections.abc import Iterable
from html import escape
from itertools import islice
from typing import Any
from urllib.parse import unquote_plus

from tests.standin.calls import KEPT
from tests.standin.clock import rest_time
from tests.standin.faults.fault import KINDS, LIMITS
from tests.standin.org import Org

SHOWN_CALLS = 15
SHOWN_JOBS = 10
STEPS = (("1 minute", 60), ("1 hour", 3600), ("1 day", 86_400))

SHORT = 12  #: characters that stay in one line

_LONG = ' class="long"'
_SCRIPT = """<script>
async function order(method, path, body) {
  await fetch('/standin/' + path, {method, body: body && JSON.stringify(body)})
  location.reload()
}
</script>"""


def home(org: Org) -> str:
    """The body of the page at /."""
    left = f"{_objects(org)}{_queues(org)}{_jobs(org)}{_events(org)}"
    right = f"{_clock(org)}{_faults(org)}{_calls(org)}"
    note = "<p>Change a record here as a person in Salesforce would: whoever listens is told.</p>"
    end = '<p><small>Control API: <a href="/standin/">/standin/</a>, explained in the stand-in\'s README.</small></p>'
    return f'{_SCRIPT}{note}<div class="two"><div>{left}</div><div>{right}</div></div>{end}'


def _table(title: str, heads: Iterable[str], rows: Iterable[str], none: str) -> str:
    inside = "".join(rows)
    if not inside:
        return f"<h2>{title}</h2><p><small>{none}</small></p>"
    return f"<h2>{title}</h2><table><tr>{''.join(f'<th>{head}</th>' for head in heads)}</tr>{inside}</table>"


def _row(*cells: Any) -> str:
    inside = (f"<td{_LONG if len(str(cell)) > SHORT else ''}>{escape(str(cell))}</td>" for cell in cells)
    return f"<tr>{''.join(inside)}</tr>"


def _objects(org: Org) -> str:
    rows = (
        f'<tr><td><a href="/records/{name}">{escape(table.sobject.label)}</a> <small>{name}</small></td>'
        f"<td>{table.living():,}</td><td>{len(table.deleted):,}</td>"
        f'<td><a href="/records/{name}/new">new</a></td></tr>'
        for name, table in sorted(org.store.tables.items())
    )
    return _table("Objects", ("Object", "Records", "Recycle bin", ""), rows, "None.")


def _queues(org: Org) -> str:
    rows = (
        _row(q["name"], q["queued"], q["inFlight"], q["delivered"], q["dropped"], q["lastError"] or "")
        for q in org.queue.overview(0)
    )
    heads = ("Name", "Queued", "In flight", "Delivered", "Given up", "Last error")
    return _table("Outbound messages", heads, rows, "None is defined.")


def _jobs(org: Org) -> str:
    jobs = [job for road in ("ingest", "query") for job in org.bulk.listed(road, "")[0]]
    newest = sorted(jobs, key=lambda job: job.created_at, reverse=True)[:SHOWN_JOBS]
    rows = (_row(job.operation, job.object, job.state, f"{job.processed:,}", f"{job.failed:,}") for job in newest)
    return _table("Bulk jobs", ("Operation", "Object", "State", "Processed", "Failed"), rows, "None.")


def _events(org: Org) -> str:
    streams = [stream.shown() for stream in org.events.streams]
    rows = (_row(one["topic"] or "not told yet", one["pending"], one["position"]) for one in streams)
    none = f"Nobody listens; {org.events.usage.delivered:,} events were delivered in 24 hours."
    return _table("Event subscriptions", ("Topic", "Still asked for", "Read up to"), rows, none)


def _clock(org: Org) -> str:
    moved = f", moved by {org.clock.offset_seconds:,.0f} s" if org.clock.offset_seconds else ""
    steps = "".join(
        f"<button onclick=\"order('POST','clock',{{move_seconds:{seconds}}})\">+ {name}</button> "
        for name, seconds in STEPS
    )
    used = f"{org.calls.used_today:,} of {int(org.settings['dailyApiRequests']):,} API calls in 24 hours"
    return f"<h2>Clock</h2><p>{rest_time(org.clock.now())}{moved}; {used}</p><p>{steps}</p>"


def _faults(org: Org) -> str:
    rows = (_fault_row(fault) for fault in org.faults.all())
    waiting = f"<p>{len(org.late)} calls are still to be carried out.</p>" if len(org.late) else ""
    listed = _table("Faults in force", ("Fault", "Where", "How often", "Happened"), rows, "None.")
    end = "<p><button onclick=\"order('DELETE','faults')\">End all</button></p>" if org.faults.all() else ""
    return f"{listed}{waiting}{end}"


def _fault_row(fault: dict[str, Any]) -> str:
    kind = next(name for name in KINDS if name in fault)
    value = fault[kind]
    if isinstance(value, dict):
        value = value.get("statusCode") or f"{value['status']} {value['errorCode']}"
    more = {name: value for name, value in fault.items() if name not in (*LIMITS, kind, "happened")}
    where = " ".join([fault["match"], *(f"{name}={value}" for name, value in more.items())])
    often = f"{fault['probability']:.0%}" + (f", {fault['times']} times" if fault["times"] is not None else "")
    return _row(f"{kind}: {value}", where, often, fault["happened"])


def _calls(org: Org) -> str:
    theirs = (call for call in reversed(org.calls.recent(KEPT)) if call["path"].startswith(("/services/", "/id/")))
    newest = islice(theirs, SHOWN_CALLS)
    rows = (
        _row(rest_time(call["at"])[11:19], call["method"], _short(call["path"]), call["status"] or "cut", call["ms"])
        for call in newest
    )
    return _table("Last calls", ("At", "", "Path", "Status", "ms"), rows, "None yet.")


def _short(path: str, most: int = 80) -> str:
    path = unquote_plus(path.removeprefix("/services/data/"))
    return path if len(path) <= most else path[: most - 1] + "…"
