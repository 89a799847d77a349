"""What Salesforce's describe says of an object, as a mapping: which fields can be mapped, to what, and which cannot and why."""

from collections.abc import Mapping as Map
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from common.change import EVENT, MODSTAMP
from common.errors import Misconfigured
from common.family import ParentKey
from common.mapping import (
    ID,
    SYSTEM_COLUMNS,
    Direction,
    Field,
    Kind,
    Mapping,
    Policy,
    columns_for,
    relationship_column,
)
from common.ruling import Order, lay
from common.salesforce.session import Refused, Session

_KIND = {
    "id": Kind.ID, "reference": Kind.ID, "boolean": Kind.BOOLEAN, "int": Kind.INTEGER, "long": Kind.DECIMAL,
    "double": Kind.DECIMAL, "currency": Kind.DECIMAL, "percent": Kind.DECIMAL, "date": Kind.DATE,
    "datetime": Kind.DATETIME, "time": Kind.TIME,
    "email": Kind.EMAIL,
} | dict.fromkeys(
    ("string", "textarea", "picklist", "multipicklist", "combobox", "phone", "url", "encryptedstring",
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
_EVENTS_OWN = {ID, "EventUuid", "ReplayId"}  #: an event's name is its row's key; how it was delivered is no part of it


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
    parents: Map[str, str] | None = None, parent_keys: Sequence[str] | None = None, write_back: bool = False,
    orders: Map[str, Order] | None = None,
) -> Described:  # fmt: skip
    """Make a mapping of every field that can be mapped, or of some of them.

    Args:
        only: API names; none means every field.
        parents: Mapped objects with their external id fields.
        parent_keys: The lookups that get a relationship column; unset means each one that can have one.
        write_back: Records born without an external id get their row's key.
        orders: What people want of single fields: columns, rules.

    Raises:
        Misconfigured: a named field does not exist, cannot have a relationship column, a rule cannot be kept, or the
            external id field does not serve.
    """
    fields = {f["name"]: f for f in described["fields"]}
    _refuse_unknown(described["name"], only, fields)
    trouble = _check_external_id(described["name"], fields.get(external_id_field), external_id_field, direction)
    if trouble:
        external_id_field = ""
    if write_back:
        _refuse_write_back(described["name"], fields.get(external_id_field), direction)
    is_event = described["name"].endswith(EVENT)
    ours = _EVENTS_OWN if is_event else _OURS | {external_id_field}
    wanted = [f for name, f in fields.items() if name not in ours and (not only or name in only)]
    left_out = {f["name"]: why for f in wanted if (why := why_not(f))}
    mapped = [f for f in wanted if f["name"] not in left_out]
    named = {name: o.column for name, o in (orders or {}).items() if o.column}
    free = [f["name"] for f in mapped if f["name"] not in named]
    columns = columns_for(free, style=style, taken=SYSTEM_COLUMNS | set(named.values())) | named
    chosen = tuple(_field(f, columns[f["name"]]) for f in mapped)
    known = dict(parents or {}) | ({described["name"]: external_id_field} if external_id_field else {})
    mapping = Mapping(
        id=0,
        sobject=described["name"],
        table=table,
        direction=direction,
        fields=chosen,
        external_id_field=external_id_field,
        policy=policy,
        write_back_external_ids=write_back,
        parent_keys=_parent_keys(
            described["name"], chosen, known, _lookups(chosen, known, direction, parent_keys), style
        ),
    )
    mapping = lay(mapping, orders or {}, picklists(described))
    return Described(
        mapping, left_out, [f"{trouble}: rows take a key of their own"] if trouble and not is_event else []
    )


def picklists(described: dict[str, Any]) -> dict[str, list[str]]:
    """The values that each picklist offers."""
    return {f["name"]: [v["value"] for v in f.get("picklistValues") or ()] for f in described["fields"]}


def kind_of(described: dict[str, Any]) -> Kind | None:
    """What a field is here; None where it cannot be mapped."""
    return _KIND.get(described["type"])


def _field(described: dict[str, Any], column: str) -> Field:
    sendable = not described.get("calculated") and described["type"] != "encryptedstring"
    return Field(
        name=described["name"],
        column=column,
        kind=_KIND[described["type"]],
        createable=bool(described.get("createable")) and sendable,
        updateable=bool(described.get("updateable")) and sendable,
        refers_to=tuple(described.get("referenceTo") or ()),
        relationship=described.get("relationshipName") or "",
        required=not described.get("nillable", True) and not described.get("defaultedOnCreate"),
    )


def _lookups(
    fields: Sequence[Field], known: Map[str, str], direction: Direction, named: Sequence[str] | None
) -> Sequence[str]:
    """The lookups that get a relationship column: the named ones, else those that could use one."""
    if named is not None:
        return named
    if direction is Direction.SF_TO_PG:
        return []
    return [f.name for f in fields if f.createable and not _no_parent_key(f, known)]


def _no_parent_key(field: Field, known: Map[str, str]) -> str:
    """Why a field cannot have a relationship column, if it cannot."""
    if not field.refers_to or not field.relationship:
        return f"{field.name} is no lookup"
    if len(field.refers_to) > 1:
        return (
            f"{field.name} may point to any of {', '.join(field.refers_to)}: write the record's id into {field.column}"
        )
    if field.refers_to[0] not in known:
        return f"{field.refers_to[0]} is not mapped with an external id: map it first"
    return ""


def more_fields(
    described: dict[str, Any], mapping: Mapping, orders: Map[str, Order], *, style: str
) -> tuple[Mapping, tuple[Field, ...]]:
    """The mapping with fields that join it, and those fields.

    Args:
        orders: What is wanted of each new field, by name.

    Raises:
        Misconfigured: a field does not exist, cannot be mapped, is mapped already, or a rule cannot be kept.
    """
    fields = {f["name"]: f for f in described["fields"]}
    _refuse_unknown(mapping.sobject, list(orders), fields)
    ours = _OURS | {mapping.external_id_field}
    has = sorted(n for n in orders if n in ours or n in mapping.by_name)
    why = {n: reason for n in orders if (reason := why_not(fields[n]))}
    if has or why or not orders:
        trouble = f"{has[0]} is mapped already" if has else "; ".join(f"{n} ({w})" for n, w in why.items())
        raise Misconfigured("field", trouble or "no field is named", "Name fields that are not mapped yet.")
    taken = SYSTEM_COLUMNS | {mapping.key_column} | {f.column for f in mapping.captured}
    columns = columns_for(list(orders), style=style, taken=taken)
    new = [_field(fields[n], columns[n]) for n in orders]
    laid = lay(replace(mapping, fields=(*mapping.fields, *new)), orders, picklists(described))
    return laid, laid.fields[-len(new) :]


def ruled(described: dict[str, Any], mapping: Mapping, orders: Map[str, Order]) -> Mapping:
    """The mapping with other rules on some of its fields.

    Raises:
        Misconfigured: a field is not mapped, is gone, or a rule cannot be kept.
    """
    fields = {f["name"]: f for f in described["fields"]}
    _refuse_unknown(mapping.sobject, list(orders), fields)
    fresh = tuple(_field(fields[f.name], f.column) if f.name in orders else f for f in mapping.fields)
    return lay(replace(mapping, fields=fresh), orders, picklists(described))


def more_parent_keys(
    described: dict[str, Any], mapping: Mapping, known: Sequence[Mapping], lookups: Sequence[str], *, style: str
) -> tuple[ParentKey, ...]:
    """Relationship columns for a mapping that is there already.

    Raises:
        Misconfigured: a named field is not mapped, cannot have one, or has one.
    """
    columns = {f.name: f.column for f in mapping.fields}
    fields = [_field(f, columns[f["name"]]) for f in described["fields"] if f["name"] in columns]
    has = sorted({k.lookup for k in mapping.parent_keys} & set(lookups))
    if has or not lookups:
        trouble = f"{', '.join(has)} has its column already" if has else "no lookup is named"
        raise Misconfigured("parent_key", trouble, "Name lookups that have none yet.")
    parents = {m.sobject: m.external_id_field for m in known if m.external_id_field}
    taken = [k.column for k in mapping.parent_keys]
    return _parent_keys(described["name"], fields, parents, lookups, style, taken)


def _parent_keys(
    sobject: str,
    fields: Sequence[Field],
    known: Map[str, str],
    lookups: Sequence[str],
    style: str,
    taken: Sequence[str] = (),
) -> tuple[ParentKey, ...]:
    by_name = {f.name: f for f in fields}
    used = {*SYSTEM_COLUMNS, *taken, *(f.column for f in fields)}
    keys = []
    for name in lookups:
        field = by_name.get(name)
        trouble = _no_parent_key(field, known) if field else f"{sobject} has no mapped field {name}"
        if field is None or trouble:
            could = ", ".join(f.name for f in fields if not _no_parent_key(f, known)) or "none"
            raise Misconfigured("parent_key", trouble, f"Lookups that can have a column: {could}.")
        parent = field.refers_to[0]
        column = relationship_column(field.relationship, known[parent], style=style, taken=used)
        used.add(column)
        required = field.required or not field.updateable
        keys.append(ParentKey(name, field.relationship, parent, known[parent], column, field.column, required))
    return tuple(keys)


def why_not(described: dict[str, Any]) -> str:
    """Why a described field cannot be mapped; empty where it can."""
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


def refuse_write_back(described: dict[str, Any], mapping: Mapping) -> None:
    """Raises:
    Misconfigured: the mapping's external ids cannot be written back.
    """
    fields = {f["name"]: f for f in described["fields"]}
    _refuse_write_back(mapping.sobject, fields.get(mapping.external_id_field), mapping.direction)


def _refuse_write_back(sobject: str, field: dict[str, Any] | None, direction: Direction) -> None:
    if direction is Direction.BIDIRECTIONAL and field and field.get("updateable"):
        return
    raise Misconfigured(
        "write_back", f"{sobject}'s external ids cannot be written back",
        "It needs both directions, and an external id field that the integration user may edit.",
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
