"""Formula fields in change events: worked out when the change is committed, since parents may change later."""

from tests.standin.querying.expressions import Getter, getter
from tests.standin.schema import SObject
from tests.standin.store import Committed, Store
from tests.standin.table import Record


class Computed:
    """The formula fields of each object as it is described now."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._known: dict[int, tuple[SObject, list[tuple[str, Getter]]]] = {}

    def added(self, change: Committed) -> Committed:
        """The change with the values of its object's formula fields; the same one where there are none."""
        getters = self._getters(change.sobject)
        if not getters:
            return change
        return change._replace(old=_with(getters, change.old), new=_with(getters, change.new))

    def _getters(self, sobject: SObject) -> list[tuple[str, Getter]]:
        known = self._known.get(id(sobject))
        if known is None or known[0] is not sobject:
            fields = [field for field in sobject.fields.values() if field.formula is not None]
            known = self._known[id(sobject)] = sobject, [(f.name, getter(self._store, sobject, f)) for f in fields]
        return known[1]


def _with(getters: list[tuple[str, Getter]], record: Record | None) -> Record | None:
    if record is None:
        return None
    values = ((name, get(record)) for name, get in getters)
    return {**record, **{name: value for name, value in values if value is not None}}
