"""Names of topics; Change Data Capture guide, "Subscription Channels"."""

DATA = "/data/"


def of_object(sobject: str) -> str:
    """Where an object's changes are told: /data/AccountChangeEvent, /data/Employee__ChangeEvent for Employee__c."""
    name = sobject.removesuffix("c") if sobject.endswith("__c") else sobject
    return f"{DATA}{name}ChangeEvent"
