"""What Salesforce's describe says of an object, as a mapping: which fields can be mapped, to what, and which cannot and why."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from common.change import MODSTAMP
from common.errors import Misconfigured
from common.mapping import ID, Direction, Field, Kind, Mapping, Policy, columns_for
from common.salesforce.session import Refused, Session

_KIND = {
    "id": Kind.ID, "reference": Kind.ID, "boolean": Kind.BOOLEAN, "int": Kind.INTEGER, "long": Kind.DECIMAL,
    "double": Kind.DECIMAL, "currency": Kind.DECIMAL, "percent": Kind.DECIMAL, "date": Kind.DATE,
    "datetime": Kind.DATETIME, "time": Kind.TIME,
} | dict.fromkeys(
    ("string", "textarea", "picklist", "multipicklist", "combobox", "email", "phone", "url", "encryptedstring",
     "anyType", "datacategorygroupreference"),
    Kind.TEXT,
)  # fmt: skip

_UNMAPPABLE = {
    "address": "compound: its parts (street, city, ...) are mapped one by one",
    "location": "compound: its latitude and longitude are mapped one by one",
    "base64": "binary: it can only be fetched file by file",
    "complexvalue": "compound: no plain value",
    "json": "no plain value",
}
KEY_LENGTH = 36  #: a uuid, which a row born in Postgres takes for its key
_OURS = {ID, MODSTAMP, "IsDeleted"}


@dataclass(frozen=True, slots=True)
class Described:
    """A mapping that could be, and what it leaves out."""

    mapping: Mapping
    left_out: dict[str, str]  #: API name -> why
    warnings: Sequence[str]


def fetch(session: Session, sobject: str) -> dict[str, Any]:
    """Describe an object.

    Raises:
        Misconfigured: there is no such object, or the integration user may not see it.
    """
    try:
        described: dict[str, Any] = session.get(f"sobjects/{sobject}/describe")
    except Refused as exc:
        raise Misconfigured(
            "object_missing", f"{sobject}: {exc.code} {exc.message}",
            "Check the API name (custom objects end in __c), and that the integration user may see it.",
        ) from exc  # fmt: skip
    return described


def to_mapping(
    described: dict[str, Any], *, table: str, direction: Direction, external_id_field: str,
    style: str = "snake", only: Sequence[str] = (), policy: Policy = Policy.LAST_WRITER_WINS,
) -> Described:  # fmt: skip
    """Make a mapping of every field that can be mapped, or of some of them.

    Args:
        only: API names; none means every field.

    Raises:
        Misconfigured: a named field does not exist, or the external id field does not serve.
    """
    fields = {f["name"]: f for f in described["fields"]}
    _refuse_unknown(described["name"], only, fields)
    trouble = _check_external_id(described["name"], fields.get(external_id_field), external_id_field, direction)
    if trouble:
        external_id_field = ""
    wanted = [f for name, f in fields.items() if name not in _OURS | {external_id_field} and (not only or name in only)]
    left_out = {f["name"]: why for f in wanted if (why := _why_not(f))}
    mapped = [f for f in wanted if f["name"] not in left_out]
    columns = columns_for([f["name"] for f in mapped], style=style)
    mapping = Mapping(
        id=0,
        sobject=described["name"],
        table=table,
        direction=direction,
        fields=tuple(_field(f, columns[f["name"]]) for f in mapped),
        external_id_field=external_id_field,
        policy=policy,
    )
    return Described(mapping, left_out, [f"{trouble}: rows take a key of their own"] if trouble else [])


def _field(described: dict[str, Any], column: str) -> Field:
    sendable = not described.get("calculated") and described["type"] != "encryptedstring"
    return Field(
        name=described["name"],
        column=column,
        kind=_KIND[described["type"]],
        createable=bool(described.get("createable")) and sendable,
        updateable=bool(described.get("updateable")) and sendable,
    )


def _why_not(described: dict[str, Any]) -> str:
    kind = described["type"]
    if kind in _KIND:
        return ""
    return _UNMAPPABLE.get(kind, f"type {kind} is not known here")


def _refuse_unknown(sobject: str, only: Sequence[str], fields: dict[str, Any]) -> None:
    unknown = [name for name in only if name not in fields]
    if unknown:
        raise Misconfigured(
            "field_missing", f"{sobject} has no field {', '.join(unknown)}",
            f"Its fields are: {', '.join(sorted(fields))}.",
        )  # fmt: skip


def _check_external_id(sobject: str, field: dict[str, Any] | None, name: str, direction: Direction) -> str:
    """Why the field is no external id, if it is none. The road to Salesforce needs one that is unique and writable."""
    if field is None:
        trouble = f"{sobject} has no field {name}"
    elif not field.get("externalId"):
        trouble = f"{sobject}.{name} is no external id"
    elif not field.get("unique"):
        trouble = f"{sobject}.{name} is not unique"
    elif not field.get("createable"):
        trouble = f"{sobject}.{name} cannot be written by the integration user"
    elif field["type"] != "string" or int(field.get("length") or 0) < KEY_LENGTH:
        trouble = f"{sobject}.{name} holds no text of {KEY_LENGTH} characters, which a new row's key has"
    else:
        return ""
    if direction is Direction.SF_TO_PG:
        return trouble
    raise Misconfigured(
        "external_id", trouble,
        f"Create a text field of 36 characters or more with 'External ID' and 'Unique' on {sobject}, name another "
        "one with --external-id, or map with --direction SF_TO_PG.",
    )  # fmt: skip
