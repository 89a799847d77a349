"""What changed in a Salesforce object, and what that means for its mapping. Pure.

A change that loses nothing is taken over: a field's new name (found by its durable id), more room, other picklist values,
another type that the same column holds. One that could lose something stops that field alone: it is neither read nor sent,
edits of it wait as failed, the others go on; and what would mend it is said.
"""

from collections.abc import Mapping as Map
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from common.family import ParentKey
from common.mapping import Field, Kind, Mapping

REMOVED = "removed"
RETYPED = "retyped"


@dataclass(frozen=True, slots=True)
class Shape:
    """A field as Salesforce describes it."""

    name: str
    type: str
    kind: Kind | None = None  #: none: it cannot be mapped
    length: int = 0  #: letters; of a number its digits
    scale: int = 0  #: digits behind the point
    required: bool = False
    createable: bool = True
    updateable: bool = True
    values: tuple[str, ...] = ()  #: of a picklist
    relationship: str = ""  #: of a lookup
    durable_id: str = ""  #: stays when the field gets another name; empty where the user may not see it


@dataclass(frozen=True, slots=True)
class Drift:
    """One change of one field."""

    field: str
    what: str
    safe: bool
    detail: str = ""
    to: Kind | None = None  #: of a field that was retyped


@dataclass(frozen=True, slots=True)
class Seen:
    """What an object's new looks come to."""

    mapping: Mapping  #: as it is from now on
    drifts: Sequence[Drift] = ()
    restored: Sequence[str] = field(default_factory=tuple)  #: stopped fields that go on, and must be read for every row


def with_id(shape: Shape, known: Shape | None) -> Shape:
    """A shape with the durable id that was known of its name."""
    return replace(shape, durable_id=known.durable_id) if known else shape


def compare(mapping: Mapping, known: Map[str, Shape], now: Map[str, Shape]) -> Seen:
    """Hold a mapping to what its object looks like now.

    Args:
        known: When it was looked at last, by name; empty where it never was.
        now: By name.
    """
    names = _names(known, now)
    drifts = _of_unmapped(mapping, known, now, names)
    fields: list[Field] = []
    stopped: list[Field] = []
    restored: list[str] = []
    for old in (*mapping.fields, *mapping.stopped):
        new, found = _judge(replace(old, name=names.get(old.name, old.name)), old, known, now)
        drifts += found
        (stopped if new.stopped else fields).append(new)
        if old.stopped and not new.stopped:
            restored.append(new.name)
    external, found = _external_id(mapping, now, names)
    keys, orphaned = _parent_keys(mapping, {f.name: f for f in fields}, names)
    after = replace(
        mapping, fields=tuple(fields), stopped=(*stopped, *orphaned), external_id_field=external, parent_keys=keys
    )
    return Seen(after, [*drifts, *found], restored)


def _names(known: Map[str, Shape], now: Map[str, Shape]) -> dict[str, str]:
    """Old name -> new name, of fields whose durable id stands under another name."""
    by_id = {shape.durable_id: shape.name for shape in now.values() if shape.durable_id}
    moved = {shape.name: by_id.get(shape.durable_id, shape.name) for shape in known.values()}
    return {old: new for old, new in moved.items() if old != new}


def _of_unmapped(
    mapping: Mapping, known: Map[str, Shape], now: Map[str, Shape], names: Map[str, str]
) -> list[Drift]:  # fmt: skip
    if not known:
        return []
    mapped = {*mapping.by_name, mapping.external_id_field}
    came = [n for n in now if n not in known and n not in names.values()]
    went = [n for n in known if n not in now and n not in names and n not in mapped]
    found = [Drift(n, "added", True, _added(mapping, now[n])) for n in came if n not in mapped]
    return found + [Drift(n, REMOVED, True, "It was not mapped.") for n in went]


def _added(mapping: Mapping, shape: Shape) -> str:
    if shape.kind is None:
        return f"{shape.type}: it cannot be mapped."
    return f"{shape.type}: `isthmus mapping add-field {mapping.sobject} {shape.name}` maps it."


def _judge(named: Field, old: Field, known: Map[str, Shape], now: Map[str, Shape]) -> tuple[Field, list[Drift]]:
    """A mapped field as it is from now on, and what changed."""
    was, shape = known.get(old.name), now.get(named.name)
    if shape is None:
        return _stop(old, REMOVED, "Salesforce has no such field any more, or the user may not see it.")
    drifts = []
    if named.name != old.name:
        named = replace(named, former=(*old.former, old.name))
        drifts.append(Drift(named.name, "renamed", True, f"It was {old.name}; the column keeps its name."))
    if shape.kind is None or not _alike(shape.kind, named.kind):
        stopped, found = _stop(named, RETYPED, f"{named.kind} -> {shape.kind or shape.type}", shape.kind)
        return stopped, drifts + found
    if shape.kind is not named.kind:
        drifts.append(Drift(named.name, RETYPED, True, f"{named.kind} -> {shape.kind}: the column holds both."))
    if named.stopped:
        drifts.append(Drift(named.name, "restored", True, "It goes on, and is read for every row."))
    named = replace(
        named,
        kind=shape.kind,
        stopped="",
        required=shape.required and bool(named.refers_to),
        relationship=shape.relationship or named.relationship,
    )
    return _opened(named, shape), drifts + (_other_changes(named.name, was, shape) if was else [])


def _stop(old: Field, what: str, detail: str, to: Kind | None = None) -> tuple[Field, list[Drift]]:
    found = [] if old.stopped else [Drift(old.name, what, False, detail, to)]
    return replace(old, stopped=what), found


def _alike(one: Kind, other: Kind) -> bool:
    return one is other or {one, other} == {Kind.TEXT, Kind.EMAIL}


def _opened(old: Field, shape: Shape) -> Field:
    """What may be written is learnt; what may not any more is left to Salesforce to refuse, so that no edit ends unseen."""
    if old.rules.readonly:
        return old
    return replace(old, createable=old.createable or shape.createable, updateable=old.updateable or shape.updateable)


def _other_changes(name: str, was: Shape, shape: Shape) -> list[Drift]:
    found = []
    room, before = (shape.length, shape.scale), (was.length, was.scale)
    if room != before:
        wider = shape.length >= was.length and shape.scale >= was.scale
        found.append(Drift(name, "widened" if wider else "narrowed", True, f"{_room(was)} -> {_room(shape)}"))
    if gone_or_new := sorted(set(shape.values) ^ set(was.values)):
        words = [f"+{v}" if v in shape.values else f"-{v}" for v in gone_or_new]
        found.append(Drift(name, "values", True, ", ".join(words)))
    for fact, word, other in (
        ("required", "required", "optional"), ("createable", "createable", "not createable"),
        ("updateable", "updateable", "not updateable"),
    ):  # fmt: skip
        if getattr(shape, fact) is not getattr(was, fact):
            found.append(Drift(name, word if getattr(shape, fact) else other, True))
    return found


def _room(shape: Shape) -> str:
    return f"{shape.length},{shape.scale}" if shape.scale else str(shape.length)


def _parent_keys(
    mapping: Mapping, fields: Map[str, Field], names: Map[str, str]
) -> tuple[tuple[ParentKey, ...], list[Field]]:
    """Relationship columns follow their lookups; those whose lookup is stopped are stopped with it."""
    keys = [replace(k, lookup=names.get(k.lookup, k.lookup)) for k in mapping.parent_keys]
    stand = [replace(k, relationship=fields[k.lookup].relationship) for k in keys if k.lookup in fields]
    gone = [Field(k.name, k.column, Kind.TEXT, stopped=REMOVED) for k in keys if k.lookup not in fields]
    return tuple(stand), gone


def _external_id(mapping: Mapping, now: Map[str, Shape], names: Map[str, str]) -> tuple[str, list[Drift]]:
    old = mapping.external_id_field
    new = names.get(old, old)
    if not old or new in now:
        said = f"It was {old}, the external id, and is followed."
        return new, [Drift(new, "renamed", True, said)] if new != old else []
    return old, [
        Drift(
            old,
            REMOVED,
            False,
            "It is the external id: nothing can be read or sent. Bring it back, or map the object anew.",
        )
    ]
