"""The database, examined: schema, identity, pooler, connections, clock, triggers."""

from collections.abc import Iterator, Sequence
from contextlib import closing

from common import clock
from common.config import Database as Settings
from common.config import Target
from common.errors import IsthmusError, Misconfigured
from common.finding import Finding, of_error, ok, problem, warning
from common.mapping import Capture, Mapping
from common.postgres.connect import Database, Transaction
from common.postgres.listen import Listener
from common.postgres.queries import load

CONNECTIONS = 40  #: the doors' together, as Terraform counts them
SKEW_SECONDS = 5.0
TRIGGERS = ("isthmus_capture_delete", "isthmus_capture_insert", "isthmus_capture_update")

_Q = load("checkup")


def server(database: Database, settings: Settings, now: clock.Clock) -> Iterator[Finding]:
    """Whether it answers, with the schema and the identity that doors want; its clock, its connections, its pooler.

    Raises:
        IsthmusError: it does not, in the words by which a door would stop.
    """
    with database.transaction() as tx:
        [found] = tx.dicts(_Q["server"])
    yield ok(
        "database",
        f"answers on {settings.target.host or settings.cloud_sql_instance}, migrated, and is the one that was bound",
    )
    yield _skew(abs((clock.parse(found["now"]) - now()).total_seconds()))
    yield from _pooler(settings, found["max_connections"])


def _skew(seconds: float) -> Finding:
    if seconds <= SKEW_SECONDS:
        return ok("clock", f"the database's clock is {seconds:.1f} s from this machine's")
    return warning(
        "clock", f"the database's clock is {seconds:.0f} s from this machine's",
        "Let this machine's clock be set by NTP (doors in the cloud are); conflicts are decided by times.",
    )  # fmt: skip


def _pooler(settings: Settings, most: int) -> Iterator[Finding]:
    if unpooled := _unpooled(settings.target):
        yield warning(
            "pooler",
            f"DATABASE_URL leads past {unpooled}",
            "Give doors the pooled address; keep this one as DATABASE_DIRECT_URL.",
        )
    elif most < CONNECTIONS:
        yield warning(
            "pooler", f"the database takes {most} connections, the doors may open {CONNECTIONS}",
            "Put a pooler in transaction mode before it, or lower sizes and database.max_connections in Terraform.",
        )  # fmt: skip
    else:
        yield ok("pooler", f"{most} connections are enough")
    try:
        with closing(Listener(settings)):
            yield ok("direct", "LISTEN is heard, so migrations and listen windows have a session of their own")
    except Misconfigured as exc:
        yield warning("direct", exc.detail or exc.reason, exc.hint)
    except IsthmusError as exc:
        yield of_error("direct", exc)


def _unpooled(target: Target) -> str:
    """The pooler that a well-known address leaves out; empty where it does not, or nobody knows."""
    if target.host.endswith(".neon.tech") and "-pooler." not in target.host:
        return "Neon's pooler (its host has -pooler in its name)"
    if target.host.endswith((".supabase.co", ".pooler.supabase.com")) and target.port == 5432:
        return "Supabase's transaction pooler (port 6543 of its pooler)"
    return ""


def triggers(tx: Transaction, mappings: Sequence[Mapping]) -> Iterator[Finding]:
    """Whether each table that is sent has its capture triggers, all of them on."""
    for mapping in mappings:
        if not mapping.to_salesforce or mapping.capture is not Capture.TRIGGER:
            continue
        found = {row["name"]: row["is_on"] for row in tx.dicts(_Q["triggers"], table=mapping.table)}
        missing, off = [t for t in TRIGGERS if t not in found], [t for t in TRIGGERS if found.get(t) is False]
        if missing:
            yield problem(
                "triggers", f"{mapping.table} lacks {', '.join(missing)}: edits of it are not sent",
                f"`isthmus mapping capture {mapping.sobject} debezium`, then `... trigger`, makes them anew.",
            )  # fmt: skip
        elif off:
            yield problem(
                "triggers", f"{', '.join(off)} of {mapping.table} are switched off: edits of it are not sent",
                "; ".join(f"ALTER TABLE {mapping.table} ENABLE TRIGGER {name}" for name in off),
            )  # fmt: skip
        else:
            yield ok("triggers", f"{mapping.table} is captured")
