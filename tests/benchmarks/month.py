"""What a month of the whole mesh costs at so many changes: arithmetic, part by part. Google's US list prices, November 2026."""

from dataclasses import dataclass

from tests.benchmarks import costs

SCALES = (100_000, 1_000_000, 10_000_000, 100_000_000)
DOORS = 2  #: each change passes two: the one that hears of it or claims it, and the one that writes it
CHANGE_BYTES = 750  #: in a message, envelope and all
EGRESS_BYTES = 900  #: a change to a database, or an org, outside Google
LINE_BYTES = 500  #: our line for each change
REQUEST_BYTES = 1_000  #: Google's own line for each request
LEAST_BYTES = 1_000  #: that Pub/Sub bills for a publish, and for a push
LOOKS = {  # runs a month, seconds of each, vCPU: schedules that find nothing to do
    "drain": (costs.MINUTES, costs.RUN_SECONDS, 1.0),
    "pull": (costs.MINUTES, 2.0 + costs.RUN_SECONDS, 0.333),
    "reconcile": (costs.HOURS, 30.0, 1.0),
}
MEMORY_GIB = 0.5
GIB = 2**30

FREE_REQUESTS, DOLLARS_PER_REQUEST = 2_000_000, 0.40e-6
FREE_GIB_SECONDS, DOLLARS_PER_GIB_SECOND = 360_000, 0.0000025
DOLLARS_PER_PUBSUB_BYTE = 40 / 2**40
FREE_LOG_BYTES, DOLLARS_PER_LOG_GIB = 50 * GIB, 0.50
FREE_EGRESS_BYTES, DOLLARS_PER_EGRESS_GIB = GIB, 0.12
DOLLARS_PER_CU_HOUR, DOLLARS_PER_DATABASE_GB = 0.106, 0.35  # Neon's Launch plan
LOG_ROW_BYTES, LOG_SHARE = 1_500, 3 / 30  #: of the change log with its indexes; three days of thirty are kept


@dataclass(frozen=True, slots=True)
class Way:
    """How changes travel."""

    name: str
    together: int  #: changes in a message
    seconds: float  #: a door's, for one message
    at_a_time: float  #: messages that share one vCPU


ALONE = Way("one by one", 1, 0.1, 4)
BATCHED = Way("200 a message", 200, 0.4, 1)


@dataclass(frozen=True, slots=True)
class Month:
    """What is used."""

    requests: float
    vcpu_seconds: float
    gib_seconds: float
    pubsub_bytes: float
    log_bytes: float
    egress_bytes: float

    def bill(self) -> dict[str, float]:
        """Dollars beyond what is free, by part."""
        cpu = max(0.0, self.vcpu_seconds - costs.FREE_VCPU_SECONDS) * costs.DOLLARS_PER_VCPU_SECOND
        memory = max(0.0, self.gib_seconds - FREE_GIB_SECONDS) * DOLLARS_PER_GIB_SECOND
        return {
            "requests": max(0.0, self.requests - FREE_REQUESTS) * DOLLARS_PER_REQUEST,
            "computing": cpu + memory,
            "Pub/Sub": max(0.0, self.pubsub_bytes - costs.FREE_PUBSUB_BYTES) * DOLLARS_PER_PUBSUB_BYTE,
            "logs": max(0.0, self.log_bytes - FREE_LOG_BYTES) / GIB * DOLLARS_PER_LOG_GIB,
            "egress": max(0.0, self.egress_bytes - FREE_EGRESS_BYTES) / GIB * DOLLARS_PER_EGRESS_GIB,
        }


def of(changes: int, way: Way) -> Month:
    """A month with so many changes, either way, looks of the schedules included."""
    messages = changes / way.together
    looks = sum(runs for runs, _, _ in LOOKS.values())
    looking = sum(runs * seconds * cpu for runs, seconds, cpu in LOOKS.values())
    there = sum(runs * seconds for runs, seconds, _ in LOOKS.values())
    working = DOORS * messages * way.seconds / way.at_a_time
    requests = DOORS * messages + looks
    return Month(
        requests=requests,
        vcpu_seconds=working + looking,
        gib_seconds=(working + there) * MEMORY_GIB,
        pubsub_bytes=2 * messages * max(LEAST_BYTES, way.together * CHANGE_BYTES),
        log_bytes=changes * LINE_BYTES + requests * REQUEST_BYTES,
        egress_bytes=changes * EGRESS_BYTES,
    )


def database(changes: int, cu: float, hours: float) -> float:
    """Neon's Launch plan, dollars: hours awake of so many CU, and the change log's size."""
    return cu * hours * DOLLARS_PER_CU_HOUR + changes * LOG_ROW_BYTES * LOG_SHARE / 1e9 * DOLLARS_PER_DATABASE_GB


def table() -> list[str]:
    """The rows of terraform/README.md's table."""
    rows = []
    for changes in SCALES:
        for way in (ALONE, BATCHED):
            month = of(changes, way)
            bill = month.bill()
            used = (
                f"{month.requests / 1e6:.2f} M | {month.vcpu_seconds:,.0f} | {month.pubsub_bytes / GIB:.2f} | "
                f"{month.log_bytes / GIB:.2f}"
            )
            parts = " | ".join(f"${bill[part]:.2f}" for part in ("requests", "computing", "Pub/Sub", "logs", "egress"))
            rows.append(f"| {changes / 1e6:g} M, {way.name} | {used} | {parts} | **${sum(bill.values()):.2f}** |")
    return rows


if __name__ == "__main__":
    print("\n".join(table()))
