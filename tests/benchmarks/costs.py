"""What each way of waking costs in a month: arithmetic, beside the free allowances it is measured by."""

from dataclasses import dataclass

HOURS = 730
MINUTES = HOURS * 60
FREE_VCPU_SECONDS = 180_000  #: Cloud Run functions, a month
OURS_VCPU_SECONDS = 90_000  #: what scheduled runs may take of it
FREE_PUBSUB_BYTES = 10 * 2**30
NEON_CU_HOURS = 100  #: Neon's free plan, a month
NEON_CU = 0.25  #: its smallest size
NEON_AWAKE_MINUTES = 5  #: after the last statement
RUN_SECONDS = 0.5  #: a look that finds nothing, one vCPU, billed; warm
COLD_SECONDS = 2.0  #: the same where the instance has to be started first
WARM_MINUTES = 10  #: about how long an idle instance is kept
NUDGE_BYTES = 2 * 1000  #: one publish and one push, each billed as 1,000 bytes at least
DOLLARS_PER_VCPU_SECOND = 0.000024


@dataclass(frozen=True, slots=True)
class Cost:
    """One way's month."""

    runs: float
    vcpu_seconds: float
    cu_hours: float  #: of a Neon database that nobody else keeps awake
    pubsub_bytes: float = 0

    @property
    def dollars(self) -> float:
        """Beyond the free allowance, had we all of it to ourselves."""
        return max(0.0, self.vcpu_seconds - FREE_VCPU_SECONDS) * DOLLARS_PER_VCPU_SECOND


def every(minutes: float, *, listen_seconds: float = 0, share: float = 1) -> Cost:
    """A schedule of one pace, for a share of the month."""
    runs = MINUTES * share / minutes
    seconds = (RUN_SECONDS if minutes <= WARM_MINUTES else COLD_SECONDS) + listen_seconds
    awake = min(1.0, (NEON_AWAKE_MINUTES + listen_seconds / 60) / minutes)
    return Cost(runs, runs * seconds, HOURS * share * awake * NEON_CU)


def adaptive(busy_hours_a_day: float, idle_minutes: float) -> Cost:
    """Every minute while there is work, the slowest pace else."""
    busy = busy_hours_a_day / 24
    return both(every(1, share=busy), every(idle_minutes, share=1 - busy))


def nudged(nudges: float, bursts: float, idle_minutes: float) -> Cost:
    """A nudge for each commit, coming in so many bursts; after each burst one look more; the slowest pace as a net.

    Args:
        bursts: Times that the database is woken for: what it is awake for anyway, since the application writes.
    """
    warm = nudges * RUN_SECONDS + bursts * (COLD_SECONDS + RUN_SECONDS)
    awake = bursts * (NEON_AWAKE_MINUTES + 2) / 60
    return both(Cost(bursts, warm, awake * NEON_CU, nudges * NUDGE_BYTES), every(idle_minutes))


def following() -> Cost:
    """`isthmus drain --follow`, always on."""
    return Cost(0, MINUTES * 60, HOURS * NEON_CU)


def both(one: Cost, other: Cost) -> Cost:
    return Cost(
        one.runs + other.runs, one.vcpu_seconds + other.vcpu_seconds,
        min(HOURS * NEON_CU, one.cu_hours + other.cu_hours), one.pubsub_bytes + other.pubsub_bytes,
    )  # fmt: skip


WAYS = {
    "schedule, every minute": every(1),
    "schedule, adaptive, 8 busy hours a day, else 15 minutes": adaptive(8, 15),
    "schedule, every 15 minutes (`SLEEPY_DATABASE`)": every(15),
    "nudge, 100,000 a month in 1,000 bursts, net once a day": nudged(100_000, 1_000, 1440),
    "listen window of 50 s in every minute": every(1, listen_seconds=50),
    "listen window of 50 s, 2 hours a day, else 15 minutes": both(
        every(1, listen_seconds=50, share=2 / 24), every(15, share=22 / 24)
    ),
    "`drain --follow`, always on": following(),
}
