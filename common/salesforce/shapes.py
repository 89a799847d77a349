"""What an object's fields look like now: its describe, if it changed, with the ids that stay when a field is renamed."""

from typing import Any

from common.drift import Shape
from common.errors import Misconfigured, Transient, Unknown
from common.ports import Described
from common.salesforce.describe import kind_of
from common.salesforce.session import Refused, Session

#: The Tooling API; FieldDefinition wants a filter on its entity, and knows no queryMore: an object has 900 fields at most.
DURABLE = (
    "SELECT QualifiedApiName, DurableId FROM FieldDefinition WHERE EntityDefinition.QualifiedApiName = '{}' LIMIT 2000"
)


class Describing:
    """Implements ports.Describer."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def describe(self, sobject: str, since: str) -> Described | None:
        """The object's fields; None where nothing changed since that Last-Modified.

        Raises:
            Misconfigured: there is no such object, or the integration user may not see it.
            Transient: Salesforce could not be asked.
        """
        try:
            answer = self._session.unless_unchanged(f"sobjects/{sobject}/describe", since)
        except Unknown as exc:
            raise Transient(exc.reason, exc.detail, exc.hint) from exc
        except Refused as exc:
            raise Misconfigured(
                "object_missing", f"{sobject}: {exc.code} {exc.message}",
                "The integration user must see the object; delete the mapping if the object is gone for good.",
            ) from exc  # fmt: skip
        if answer is None:
            return None
        described, modified = answer
        ids = self._durable_ids(described["name"])
        return Described([_shape(f, ids.get(f["name"], "")) for f in described["fields"]], modified)

    def _durable_ids(self, sobject: str) -> dict[str, str]:
        try:
            found = self._session.get("tooling/query", q=DURABLE.format(sobject))
        except (
            Refused
        ):  # it takes "View Setup and Configuration": without it a renamed field is one that went and one that came
            return {}
        return {r["QualifiedApiName"]: r["DurableId"] for r in found["records"]}


def _shape(field: dict[str, Any], durable_id: str) -> Shape:
    digits = int(field.get("precision") or field.get("digits") or 0)
    return Shape(
        name=field["name"],
        type=field["type"],
        kind=kind_of(field),
        length=int(field.get("length") or 0) or digits,
        scale=int(field.get("scale") or 0),
        required=not field.get("nillable", True) and not field.get("defaultedOnCreate"),
        createable=bool(field.get("createable")),
        updateable=bool(field.get("updateable")),
        values=tuple(v["value"] for v in field.get("picklistValues") or () if v.get("active", True)),
        relationship=field.get("relationshipName") or "",
        durable_id=durable_id,
    )
