"""Cloud Scheduler's errors, sorted by what to do next. The one place that looks at them."""

from typing import Any

from common.errors import IsthmusError, Misconfigured, Transient

_WISH = "Check SCHEDULE_JOB, and that the door's account holds cloudscheduler.jobs.get and cloudscheduler.jobs.update."
_REFUSED = ("NotFound", "PermissionDenied", "Unauthenticated", "InvalidArgument", "FailedPrecondition")


def translate(exc: Exception) -> IsthmusError:
    """Ours for theirs. What is not known here may heal by waiting."""
    words: Any = getattr(exc, "message", "") or str(exc)
    if type(exc).__name__ in _REFUSED:
        return Misconfigured("schedule_refused", str(words), _WISH)
    return Transient("schedule_unreachable", str(words), "The schedule stays as it is; the next run tries again.")
