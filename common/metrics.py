"""Every metric, declared once, with its unit. Cloud Monitoring extracts them from the log lines."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Metric:
    name: str
    unit: str
    event: str  #: the log line's `event` that carries it
    key: str  #: the log line's key; empty counts the lines
    labels: tuple[str, ...] = ()
    only: tuple[tuple[str, str], ...] = ()  #: of those lines, the ones with these values
    help: str = ""


ALL = (
    Metric(
        "isthmus/lag", "ms", "change", "lag_ms", ("sobject", "door", "outcome"),
        help="Made on one side until settled on the other.",
    ),
    Metric("isthmus/changes", "1", "change", "", ("sobject", "door", "outcome"), help="Changes that ended their journey."),
    Metric(
        "isthmus/failures", "1", "change", "", ("sobject", "door", "reason"), (("outcome", "failed"),),
        help="Changes that can never succeed: each stands in the dead letters.",
    ),
    Metric("isthmus/burials", "1", "buried", "", ("door", "reason"), help="Messages that nobody can read, or do, kept among the dead letters."),
    Metric("isthmus/troubles", "1", "trouble", "", ("door", "reason"), help="Runs that could not go on, and why."),
    Metric("isthmus/events", "1", "pull", "events", ("sobject", "door"), help="Change events that were heard."),
    Metric("isthmus/drained", "1", "drain", "published", (), help="Records that the drainer published."),
    Metric("isthmus/salesforce_calls", "1", "send", "calls", ("door",), help="API calls spent on Salesforce."),
    Metric("isthmus/bulk_steps", "1", "bulk", "", ("door", "state"), help="Steps that Bulk API jobs have taken."),
    Metric("isthmus/api_usage", "1", "send", "api_used", ("door",), help="Calls the org has used of its daily limit."),
    Metric("isthmus/compared", "1", "reconcile", "compared", ("sobject",), help="Records that were compared with their rows."),
    Metric("isthmus/drift", "1", "reconcile", "drift", ("sobject",), help="Rows that were not as their records."),
    Metric("isthmus/pruned", "1", "prune", "rows", (), help="Rows that were settled long ago and are gone."),
)  # fmt: skip
