"""Mappings as a document: what is mapped, what is wanted, and the differences. Pure.

The document is plain data, as YAML or JSON gives it:

    mappings:
      - object: Account
        table: salesforce.account
        direction: BIDIRECTIONAL
        filter: BillingCity = 'Seoul'
        fields:
          Name: name
          Status__c: {column: status, map: {Open: o, Closed: c}}
        parent_keys: [ParentId]
"""

from collections.abc import Mapping as Map
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from common import ruling
from common.errors import Misconfigured
from common.mapping import Capture, Direction, Field, Mapping, Policy, snake
from common.ruling import COLUMN, Order

_KEYS = (
    "object", "table", "direction", "external_id", "policy", "capture", "filter", "write_back_external_ids", "fields",
    "parent_keys",
)  # fmt: skip
_HINT = "`isthmus mapping export` writes a document that fits."


@dataclass(frozen=True, slots=True)
class Wanted:
    """One mapping of the document. What is unset stays as it is, or is chosen as `isthmus mapping create` does."""

    sobject: str
    table: str
    direction: Direction = Direction.BIDIRECTIONAL
    external_id: str = ""
    policy: Policy = Policy.LAST_WRITER_WINS
    capture: Capture = Capture.TRIGGER
    filter: str = ""
    write_back: bool = False
    fields: Map[str, Order] | None = None  #: unset: every field that can be mapped
    parent_keys: tuple[str, ...] | None = None  #: lookups


class What(StrEnum):
    """What a difference takes."""

    CREATE = "create"
    ADD = "add"
    DROP = "drop"
    RULES = "rules"
    FILTER = "filter"
    POLICY = "policy"
    CAPTURE = "capture"
    WRITE_BACK = "write_back"
    PARENT_KEYS = "parent_keys"
    IMPOSSIBLE = "impossible"  #: not for a mapping that is there
    EXTRA = "extra"  #: the document does not name it; a person ends it


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing in which a mapping and the document differ."""

    what: What
    name: str  #: object <-> table
    said: str  #: for people
    wanted: Wanted | None = None
    mapping: Mapping | None = None
    fields: Sequence[str] = ()


def export(known: Sequence[Mapping]) -> dict[str, Any]:
    """The document of what is mapped. What is as it would be anyway is left out."""
    return {"mappings": [_written(m) for m in sorted(known, key=lambda m: (m.sobject, m.table))]}


def _written(mapping: Mapping) -> dict[str, Any]:
    held: dict[str, Any] = {"object": mapping.sobject, "table": mapping.table, "direction": mapping.direction.value}
    more = {
        "external_id": mapping.external_id_field, "policy": mapping.policy.value, "capture": mapping.capture.value,
        "filter": mapping.filter, "write_back_external_ids": mapping.write_back_external_ids,
    }  # fmt: skip
    plain = {"policy": Policy.LAST_WRITER_WINS.value, "capture": Capture.TRIGGER.value}
    held |= {key: value for key, value in more.items() if value and value != plain.get(key)}
    held["fields"] = {f.name: _field(f) for f in _mapped(mapping)}
    held["parent_keys"] = [k.lookup for k in mapping.parent_keys]
    return held


def _field(field: Field) -> Any:
    rules = field.rules.written()
    return {COLUMN: field.column} | rules if rules else field.column


def _mapped(mapping: Mapping) -> list[Field]:
    """Stopped ones too: they are mapped, and wait for a person."""
    return [*mapping.fields, *(f for f in mapping.stopped if "." not in f.name)]


def read(document: Any) -> list[Wanted]:
    """The mappings of a document.

    Raises:
        Misconfigured: it is none; what was found, and where.
    """
    listed = document.get("mappings") if isinstance(document, dict) else None
    if not isinstance(listed, list):
        raise Misconfigured("document", "it has no list `mappings`", _HINT)
    found = [_read(n, held) for n, held in enumerate(listed, 1)]
    names = [(w.sobject.lower(), w.table) for w in found]
    twice = next((n for n in names if names.count(n) > 1), None)
    if twice:
        raise Misconfigured("document", f"{twice[0]} <-> {twice[1]} is named twice", "Name each mapping once.")
    return found


def _read(number: int, held: Any) -> Wanted:
    if not isinstance(held, dict) or not isinstance(held.get("object"), str):
        raise Misconfigured("document", f"mapping {number} names no object", _HINT)
    name = held["object"]
    if unknown := sorted(set(held) - set(_KEYS)):
        raise Misconfigured("document", f"{name}: {unknown[0]!r} is no key; keys are: {', '.join(_KEYS)}", _HINT)
    try:
        return Wanted(
            sobject=name,
            table=str(held.get("table") or f"salesforce.{snake(name)}"),
            direction=Direction(held.get("direction", Direction.BIDIRECTIONAL)),
            external_id=str(held.get("external_id") or ""),
            policy=Policy(held.get("policy", Policy.LAST_WRITER_WINS)),
            capture=Capture(held.get("capture", Capture.TRIGGER)),
            filter=str(held.get("filter") or ""),
            write_back=held.get("write_back_external_ids") is True,
            fields=None if held.get("fields") is None else _orders(name, held["fields"]),
            parent_keys=None if held.get("parent_keys") is None else tuple(map(str, held["parent_keys"])),
        )
    except (ValueError, TypeError, AttributeError) as exc:
        raise Misconfigured("document", f"{name}: {exc}", _HINT) from exc


def _orders(name: str, held: Any) -> dict[str, Order]:
    if isinstance(held, list):
        held = dict.fromkeys(held)
    if not isinstance(held, dict):
        raise Misconfigured("document", f"{name}: fields are a list of names, or names with columns and rules", _HINT)
    return {
        field: ruling.order(f"{name}.{field}", said if isinstance(said, dict) else {COLUMN: said or ""})
        for field, said in held.items()
    }


# -- differences ---------------------------------------------------------------------------------


def compare(known: Sequence[Mapping], wanted: Sequence[Wanted]) -> list[Difference]:
    """In what the mappings that are there and the document differ, in the document's order."""
    by_name = {(m.sobject.lower(), m.table): m for m in known}
    found: list[Difference] = []
    for want in wanted:
        mapping = by_name.pop((want.sobject.lower(), want.table), None)
        name = f"{want.sobject} <-> {want.table}"
        if mapping is None:
            count = "every field" if want.fields is None else f"{len(want.fields)} fields"
            found.append(Difference(What.CREATE, name, f"{count}, {want.direction}", want))
        else:
            found += [
                Difference(what, name, said, want, mapping, names) for what, said, names in _between(mapping, want)
            ]
    hint = "is not in the document: `isthmus mapping delete` ends it"
    return found + [Difference(What.EXTRA, f"{m.sobject} <-> {m.table}", hint, mapping=m) for m in by_name.values()]


Part = tuple[What, str, Sequence[str]]


def _between(mapping: Mapping, want: Wanted) -> list[Part]:
    found: list[Part] = []
    external = want.external_id or mapping.external_id_field
    for fact, here, there in (
        ("direction", mapping.direction, want.direction), ("external id", mapping.external_id_field, external),
    ):  # fmt: skip
        if here != there:
            found.append((What.IMPOSSIBLE, f"{fact} {here} -> {there}: delete the mapping and create it anew", ()))
    for what, now, then in (
        (What.FILTER, mapping.filter, want.filter), (What.POLICY, mapping.policy, want.policy),
        (What.CAPTURE, mapping.capture, want.capture),
        (What.WRITE_BACK, mapping.write_back_external_ids, want.write_back),
    ):  # fmt: skip
        if now != then:
            found.append((what, f"{what} {_word(now)} -> {_word(then)}", ()))
    return found + _of_fields(mapping, want) + _of_parent_keys(mapping, want)


def _word(value: object) -> str:
    return str(value) if value not in ("", False, None) else "none"


def _of_fields(mapping: Mapping, want: Wanted) -> list[Part]:
    if want.fields is None:
        return []
    here = {f.name: f for f in _mapped(mapping)}
    found: list[Part] = []
    if new := [n for n in want.fields if n not in here]:
        found.append((What.ADD, f"fields come: {', '.join(new)}", new))
    if gone := [n for n in here if n not in want.fields]:
        found.append((What.DROP, f"fields leave, their columns stay: {', '.join(gone)}", gone))
    other = [n for n, order in want.fields.items() if n in here and order.rules.written() != here[n].rules.written()]
    if other:
        found.append((What.RULES, f"other rules: {', '.join(other)}", other))
    for name, order in want.fields.items():
        if name in here and order.column not in ("", here[name].column):
            said = f"{name} is in the column {here[name].column}, not {order.column}: a column keeps its name"
            found.append((What.IMPOSSIBLE, said, [name]))
    return found


def _of_parent_keys(mapping: Mapping, want: Wanted) -> list[Part]:
    if want.parent_keys is None:
        return []
    here = {k.lookup for k in mapping.parent_keys}
    found: list[Part] = []
    if new := [n for n in want.parent_keys if n not in here]:
        found.append((What.PARENT_KEYS, f"relationship columns come: {', '.join(new)}", new))
    if gone := sorted(here - set(want.parent_keys)):
        found.append((What.IMPOSSIBLE, f"relationship columns of {', '.join(gone)} stay: drop them by hand", gone))
    return found
