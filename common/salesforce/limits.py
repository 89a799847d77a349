"""The org's own count of what is limited by day, asked for by a person."""

from common.salesforce.session import Session

OURS = ("DailyApiRequests", "DailyBulkApiBatches", "DailyBulkV2QueryJobs", "DataStorageMB")  #: what syncing uses up


def read(session: Session) -> list[dict[str, object]]:
    """Used and allowed, of each limit that the org tells; one API call.

    Raises:
        Transient, Misconfigured: the org did not tell.
    """
    told = session.get("limits")
    return [_row(name, told[name]["Max"], told[name]["Remaining"]) for name in OURS if name in told]


def _row(name: str, most: str, remaining: str) -> dict[str, object]:
    return {"limit": name, "used": int(most) - int(remaining), "allowed": int(most)}
