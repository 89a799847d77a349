"""What rides on the hourly schedule beside comparing: objects that changed, fields that must be read for every row."""

from collections.abc import Callable

from common.errors import IsthmusError, Misconfigured
from common.flows import drift, refill

_HINT = "The others go on. See `isthmus drift list`."


def run(
    looks: drift.World, refills: refill.World, tell: Callable[[IsthmusError], None], go_on: Callable[[], bool]
) -> dict[str, int]:
    """Look at each object, then go on with refills while there is time; how much changed, and was filled.

    Args:
        tell: Hears of each field that stopped, and of objects that cannot be described: the others are looked at all the same.

    Raises:
        Transient, Misconfigured: Salesforce or the database cannot be asked; the next run goes on.
    """
    changed = 0
    for sobject in sorted({m.sobject for m in looks.mappings.all() if m.active}):
        try:
            found = drift.look(looks, sobject)
        except Misconfigured as exc:
            if exc.reason != "object_missing":
                raise
            tell(exc)
            continue
        changed += len(found)
        for mapping, seen in found:
            if not seen.safe:
                tell(
                    Misconfigured("field_stopped", f"{mapping.sobject}.{seen.field}: {seen.what}: {seen.detail}", _HINT)
                )
    return {"changed": changed, "filled": refill.run(refills, go_on)}
