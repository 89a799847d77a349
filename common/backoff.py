"""How long to wait before the next attempt."""

import random

FIRST_SECONDS = 2.0
LONGEST_SECONDS = 3600.0  #: an hour: Salesforce's longer troubles last that long


def seconds(attempts: int, *, first: float = FIRST_SECONDS, longest: float = LONGEST_SECONDS) -> float:
    """Exponential with full jitter on the upper half, so that a crowd of failures does not come back as a crowd.

    Args:
        attempts: How often it has failed, from 1.
    """
    ceiling = min(longest, first * 2.0 ** min(max(attempts - 1, 0), 30))
    return ceiling / 2 + random.random() * ceiling / 2
