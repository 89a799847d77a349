"""Errors, sorted by what to do next.

IsthmusError
├── Transient       waiting may heal it: do not ack, send again
│   └── Unknown     a call whose end nobody knows: it may still be carried out
├── Terminal        waiting never heals it: bury with its reason, then ack
└── Misconfigured   a person must act: stop, bury nothing
"""


class IsthmusError(Exception):
    """Root. `reason` is stable and countable, `hint` says what to do, `detail` is the other side's own words."""

    def __init__(self, reason: str, detail: str = "", hint: str = "") -> None:
        super().__init__(": ".join(part for part in (reason, detail, hint) if part))
        self.reason = reason
        self.detail = detail
        self.hint = hint


class Transient(IsthmusError):
    """Waiting may heal it."""


class Unknown(Transient):
    """Nobody knows how the call ended: it may still be carried out later."""


class Terminal(IsthmusError):
    """Waiting never heals it."""


class Misconfigured(IsthmusError):
    """A person must act; every change would meet the same fate."""
