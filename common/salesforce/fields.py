"""Fields that Salesforce refuses for a whole object: left out for a while, so that they cost no storm of calls."""

import re
import threading
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from common import clock

REST_SECONDS = 600.0  #: one refused call in ten minutes finds out that somebody has mended it

#: `No such column 'Foo__c' on sobject of type Account`; `Unable to create/update fields: Foo__c, Bar__c. Please check`
_QUOTED = re.compile(r"[Nn]o such column '([\w.]+)'")
_LISTED = re.compile(r"(?:create/update|create|update) fields?: ([\w.]+(?:\s*,\s*[\w.]+)*)")


def named_in(message: str, fields: Sequence[str], sent: Iterable[str]) -> frozenset[str]:
    """Which of the sent fields an error names: in its list of fields, else in its words."""
    words = {*fields, *_QUOTED.findall(message)}
    for listed in _LISTED.findall(message):
        words |= set(re.split(r"\s*,\s*", listed.rstrip(".")))
    lowered = {word.lower() for word in words}
    return frozenset(name for name in sent if name.lower() in lowered)


class StoppedFields:
    """What this process knows of refused fields, by object. Safe to share between threads."""

    def __init__(self, now: clock.Clock = clock.now) -> None:
        self._now = now
        self._lock = threading.Lock()
        self._held: dict[str, dict[str, tuple[str, datetime]]] = {}

    def stop(self, sobject: str, fields: Iterable[str], words: str) -> None:
        """Leave these fields out of what is sent, for a while."""
        until = self._now() + timedelta(seconds=REST_SECONDS)
        with self._lock:
            self._held.setdefault(sobject, {}).update(dict.fromkeys(fields, (words, until)))

    def of(self, sobject: str) -> Mapping[str, str]:
        """The object's stopped fields, each with Salesforce's words."""
        now = self._now()
        with self._lock:
            held = self._held.get(sobject, {})
            return {name: words for name, (words, until) in held.items() if until > now}
