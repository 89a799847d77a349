"""Names of topics; Change Data Capture guide, "Subscription Channels"."""

from common.change import EVENT

DATA, EVENTS = "/data/", "/event/"


def of_object(sobject: str) -> str:
    """Where an object's changes are told: /data/AccountChangeEvent, /data/Employee__ChangeEvent for Employee__c; or where
    a platform event is: /event/Order_Event__e.
    """
    if sobject.endswith(EVENT):
        return EVENTS + sobject
    name = sobject.removesuffix("c") if sobject.endswith("__c") else sobject
    return f"{DATA}{name}ChangeEvent"
