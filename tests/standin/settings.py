"""What tests can set of the org, with the value that Salesforce seems to have; and what each may be set to."""

import math
from typing import Any

from tests.standin.bulk import register
from tests.standin.errors import Refused
from tests.standin.events import settings as events

Json = dict[str, Any]
SETTINGS: Json = {
    "collectionParseErrors": "request",  #: what an unreadable record refuses: or "record"
    "checkReferences": True,
    "dailyApiRequests": 100_000,
    "enforceApiLimit": False,
    "sessionTimeoutSeconds": 0,
    "requireSecurityToken": False,
    "loginHosts": ["login.salesforce.com", "test.salesforce.com"],
    "jwtAudiences": [],
    "soapLogin": True,
    **register.SETTINGS,
    "roundDecimals": False,
    "cursorMinutes": 15,
    **events.SETTINGS,
}
MOST = 10**12  #: of any number: far beyond what is meant, and what every answer can still hold


def checked(given: Json) -> Json:
    """The settings of an order; Refused where one is unknown or its value means nothing."""
    for name, value in given.items():
        if name not in SETTINGS:
            raise Refused("BAD_ORDER", f"{name} is no setting; there are {', '.join(SETTINGS)}")
        if not _fits(name, value):
            raise Refused("BAD_ORDER", f"{name} cannot be {str(value)[:80]!r}; usually it is {SETTINGS[name]!r}")
    return given


def _fits(name: str, value: Any) -> bool:
    usual = SETTINGS[name]
    if name == "collectionParseErrors":
        return value in ("request", "record")
    if name == "bulkFailAfterRecords":
        return value is None or _is_count(value)
    if name == "changeDataCapture":
        return value == "all" or _is_names(value)
    if isinstance(usual, bool):
        return isinstance(value, bool)
    if isinstance(usual, list):
        return _is_names(value)
    if isinstance(usual, str):
        return isinstance(value, str)
    if name.endswith(("Seconds", "Minutes")) or name.startswith("bulkSeconds"):
        return type(value) in (int, float) and math.isfinite(value) and 0 <= value <= MOST
    return _is_count(value)


def _is_count(value: Any) -> bool:
    return type(value) is int and 0 <= value <= MOST


def _is_names(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(name, str) for name in value)
