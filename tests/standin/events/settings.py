"""What about events can be set through the control API, with its defaults."""

from typing import Any

SETTINGS: dict[str, Any] = {
    "changeDataCapture": "all",  #: objects selected for capture: "all", or a list of names
    "mergeEvents": True,  #: equal changes of several records in one transaction are one event
    "diffFields": True,  #: texts of 1,000 characters and more travel as differences
    "maxTransactionChanges": 100_000,  #: what is beyond becomes one overflow event per object
    "eventKeepaliveSeconds": 270.0,  #: at most this long without a message while events are asked for
    "eventIdleSeconds": 60.0,  #: a stream on which nothing is asked for ends after this long
    "publishIdleSeconds": 1800.0,  #: a publishing stream on which nothing is published ends after this long
    "dailyDeliveredEvents": 25_000,  #: of an Enterprise org
    "enforceDeliveryLimit": False,
}
