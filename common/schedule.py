"""When the drainer is to look next: a pace, chosen after each run, that is written as the job's own cron line.

The schedule is the only memory of it, so an idle system asks nobody anything: no database is woken to find out.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

DAY = 24 * 60  #: minutes
STEPS = (1, 2, 5, 15)  #: minutes between two looks, one step slower each time that one finds nothing
IDLE = (15, 30, 60, 120, 180, 240, 360, 480, 720, DAY)  #: what the slowest pace may be: a cron line can say these
BUSY = timedelta(minutes=1)

_MINUTES = re.compile(r"(\*|\*/\d+|[\d,]+) \* \* \* \*")
_HOURS = re.compile(r"(\d+) ([\d,]+) \* \* \*")


@dataclass(frozen=True, slots=True)
class Due:
    """What the change log still holds for us."""

    at: datetime | None = None  #: when something of it can be claimed; None where nothing waits
    under_way: bool = False  #: something is being sent: it may come back as something to try again

    def next(self, now: datetime) -> datetime | None:
        """When a look is worth its cost; None where nothing is known to come."""
        times = [now + BUSY] if self.under_way else []
        if self.at is not None:
            times.append(max(self.at, now))
        return min(times, default=None)


@dataclass(frozen=True, slots=True)
class Pace:
    """Every so many minutes, counted from a minute of the day (UTC). The minutes divide a day."""

    minutes: int
    phase: int = 0

    def after(self, now: datetime) -> datetime:
        """The first look after now."""
        minute = now.astimezone(UTC).replace(second=0, microsecond=0)
        passed = (minute.hour * 60 + minute.minute - self.phase) % self.minutes
        return minute + timedelta(minutes=self.minutes - passed)

    def cron(self) -> str:
        """The line that Cloud Scheduler takes, for a job in UTC."""
        if self.minutes == 1:
            return "* * * * *"
        phase = self.phase % self.minutes
        if self.minutes < 60:
            return f"{_list(phase, self.minutes, 60)} * * * *"
        hours = "*" if self.minutes == 60 else _list(phase // 60, self.minutes // 60, 24)
        return f"{phase % 60} {hours} * * *"


def _list(first: int, step: int, end: int) -> str:
    return ",".join(str(n) for n in range(first, end, step))


def parse(cron: str) -> Pace | None:
    """The pace that a line of ours says; None for any other line."""
    if found := _MINUTES.fullmatch(cron):
        return _minutes(found[1])
    if found := _HOURS.fullmatch(cron):
        hours = [int(h) for h in found[2].split(",")]
        return _checked(Pace(DAY // len(hours), hours[0] * 60 + int(found[1])), cron)
    return None


def _minutes(text: str) -> Pace | None:
    if text == "*":
        return Pace(1)
    if text.startswith("*/"):
        step = int(text[2:])
        return Pace(step) if step and 60 % step == 0 else None
    minutes = [int(m) for m in text.split(",") if m]
    return _checked(Pace(60 // len(minutes), minutes[0]), f"{text} * * * *") if minutes else None


def _checked(pace: Pace, cron: str) -> Pace | None:
    return pace if pace.minutes and DAY % pace.minutes == 0 and pace.cron() == cron else None


def plan(now: datetime, due: Due, current: Pace | None, *, scheduled: bool, idle_minutes: int, sleepy: bool) -> Pace:
    """The pace from now on.

    While there is work, every minute. A scheduled look that found nothing makes the next one later, step by step. What
    is known to come at a certain time moves the pace so that a look meets that minute.

    Args:
        current: The job's pace; None where it is of somebody else's making.
        scheduled: The job itself called, so an empty log means that this pace was too fast.
        idle_minutes: The slowest pace.
        sleepy: The database sleeps when it is let alone: a look that is not known to be needed is kept for the slowest
            pace, and even work that is under way gets one look, not one a minute for a quarter of an hour.
    """
    wanted = due.next(now)
    pace = current or Pace(1)
    if sleepy:
        return _meeting(wanted, now, Pace(idle_minutes, pace.phase % idle_minutes))
    if wanted is not None and wanted <= now + BUSY:
        return Pace(1)
    if scheduled:
        pace = Pace(next((s for s in STEPS if s > pace.minutes), idle_minutes), pace.phase)
    if pace.minutes > idle_minutes or pace.minutes not in STEPS:
        pace = Pace(idle_minutes, pace.phase)
    return _meeting(wanted, now, Pace(pace.minutes, pace.phase % pace.minutes))


def _meeting(wanted: datetime | None, now: datetime, pace: Pace) -> Pace:
    """The pace, moved so that its first look is in the wanted minute; as it is where that is further off than a look."""
    if wanted is None:
        return pace
    minute = max(_ceiling(wanted), _ceiling(now + timedelta(microseconds=1)))
    if minute - now > timedelta(minutes=pace.minutes):
        return pace  # a usual look comes first, and will see to it
    return Pace(pace.minutes, (minute.hour * 60 + minute.minute) % pace.minutes)


def _ceiling(moment: datetime) -> datetime:
    """The whole minute at or after it, in UTC: not a second before it is due."""
    floor = moment.astimezone(UTC).replace(second=0, microsecond=0)
    return floor if floor == moment else floor + timedelta(minutes=1)
