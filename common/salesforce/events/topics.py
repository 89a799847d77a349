"""Names of topics; Change Data Capture guide, "Subscription Channels"."""

from collections.abc import Sequence

from common.change import EVENT
from common.events import Channel
from common.mapping import Direction, Mapping

DATA, EVENTS = "/data/", "/event/"


def of_object(sobject: str) -> str:
    """Where an object's changes are told: /data/AccountChangeEvent, /data/Employee__ChangeEvent for Employee__c; or where
    a platform event is: /event/Order_Event__e.
    """
    if sobject.endswith(EVENT):
        return EVENTS + sobject
    name = sobject.removesuffix("c") if sobject.endswith("__c") else sobject
    return f"{DATA}{name}ChangeEvent"


def of_mappings(mapped: Sequence[Mapping]) -> list[Channel]:
    """The channels that mappings need, by object."""
    names = sorted({m.sobject for m in mapped if m.direction is not Direction.PG_TO_SF})
    return [Channel(of_object(name), name) for name in names]
