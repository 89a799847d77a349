"""Rules as people order them: read, held to the mapping that they are for, and laid upon its fields. Pure."""

import json
import re
from collections.abc import Mapping as Map
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from common import rules
from common.errors import Misconfigured
from common.mapping import MAX_IDENTIFIER, RESERVED, SYSTEM_COLUMNS, Direction, Field, Kind, Mapping
from common.rules import Rules

COLUMN = "column"  #: the rule that names a field's column
_KINDS = {
    "trim": {Kind.TEXT}, "case": {Kind.TEXT}, "map": {Kind.TEXT}, "shift": {Kind.DATE, Kind.DATETIME},
}  # fmt: skip
_WORDS = (
    "Write FIELD:RULE or FIELD:RULE=VALUE: Phone:column=telephone, Status__c:map=Open:o,Closed:c, Due__c:shift=+9h."
)
_ONE_WAY = "Make the field read-only in Postgres (--rule {field}:readonly), or let the mapping go one way (--direction SF_TO_PG)."


@dataclass(frozen=True, slots=True)
class Order:
    """What a person wants of one field."""

    column: str = ""  #: empty: as names are made
    rules: Rules = rules.NONE


def parse(texts: Sequence[str]) -> dict[str, Order]:
    """`Status__c:map=Open:o,Closed:c` and the like, by field.

    Raises:
        Misconfigured: it is no rule.
    """
    held: dict[str, dict[str, Any]] = {}
    for text in texts:
        found = re.fullmatch(r"\s*(\w+)\s*:\s*(\w+)\s*(?:=(.*))?", text, re.DOTALL)
        if found is None:
            raise Misconfigured("rule", f"{text!r} is no rule", _WORDS)
        name, rule, value = found.groups()
        if value is None and rule not in ("trim", "readonly"):
            raise Misconfigured("rule", f"{text!r}: {rule} needs a value", _WORDS)
        held.setdefault(name, {})[rule] = True if value is None else _words(value) if rule == "map" else value
    return {name: order(name, wanted) for name, wanted in held.items()}


def order(name: str, held: Map[str, Any]) -> Order:
    """One field's rules, as they stand in a file or were given at the shell.

    Raises:
        Misconfigured: they are no rules.
    """
    try:
        plain = {k: v for k, v in held.items() if k != COLUMN}
        return Order(str(held.get(COLUMN) or ""), rules.read(plain))
    except ValueError as exc:
        raise Misconfigured("rule", f"{name}: {exc}", _WORDS) from exc


def _words(text: str) -> Any:
    if text.lstrip().startswith("{"):
        try:
            return json.loads(text)
        except ValueError as exc:
            raise Misconfigured("rule", f"{text!r} is no JSON: {exc}", _WORDS) from exc
    return dict(pair.rpartition(":")[::2] for pair in text.split(","))


def lay(mapping: Mapping, orders: Map[str, Order], words: Map[str, Sequence[str]] | None = None) -> Mapping:
    """The mapping with these orders carried out; fields that are not named stay as they are.

    Args:
        words: Picklists: field -> the values that Salesforce offers.

    Raises:
        Misconfigured: a field is not mapped, or a rule cannot be kept on it; why, and what to do instead.
    """
    known = {f.name for f in mapping.fields}
    missing = sorted(set(orders) - known)
    if missing:
        raise Misconfigured("rule", f"{missing[0]} is no mapped field", f"Mapped fields: {', '.join(sorted(known))}.")
    fields = tuple(_ordered(mapping, f, orders[f.name]) if f.name in orders else f for f in mapping.fields)
    laid = replace(mapping, fields=fields)
    for field in fields:
        if field.name in orders:
            _check(laid, field, (words or {}).get(field.name, ()))
    return laid


def _ordered(mapping: Mapping, field: Field, wanted: Order) -> Field:
    createable, updateable = (may and not wanted.rules.readonly for may in (field.createable, field.updateable))
    exact = mapping.direction is Direction.BIDIRECTIONAL and (createable or updateable)
    return replace(
        field,
        column=wanted.column or field.column,
        rules=replace(_typed(field, wanted.rules), exact=exact),
        createable=createable,
        updateable=updateable,
    )


def _typed(field: Field, held: Rules) -> Rules:
    """Constants of a boolean are booleans, however they were written."""
    if field.kind is not Kind.BOOLEAN:
        return held
    booleans = {"true": True, "false": False}
    default, constant = (booleans.get(v.lower(), v) if isinstance(v, str) else v for v in (held.default, held.constant))
    return replace(held, default=default, constant=constant)


def _check(mapping: Mapping, field: Field, words: Sequence[str]) -> None:
    trouble = (
        _column_trouble(mapping, field) or _kind_trouble(mapping, field) or _way_trouble(mapping, field)
        or _word_trouble(field, words)
    )  # fmt: skip
    if trouble:
        detail, hint = trouble
        raise Misconfigured("rule", f"{field.name}: {detail}", hint.replace("{field}", field.name))


def _column_trouble(mapping: Mapping, field: Field) -> tuple[str, str] | None:
    column = field.column
    if not re.fullmatch(r"[a-z_][a-z0-9_]*", column) or len(column) > MAX_IDENTIFIER or column in RESERVED:
        return (
            f"{column!r} is no column's name",
            "Use lower-case letters, digits and _; no word that SQL keeps for itself.",
        )
    if column in SYSTEM_COLUMNS | {mapping.key_column} or [f.column for f in mapping.captured].count(column) > 1:
        return f"the column {column} is taken", "Choose another name."
    return None


def _kind_trouble(mapping: Mapping, field: Field) -> tuple[str, str] | None:
    if field.rules and field.name in {k.lookup for k in mapping.parent_keys}:
        return "it has a relationship column, which holds the parent's key", "Map it with --parent-key none."
    if field.rules and field.kind is Kind.ID:
        return "ids join records: no rule may change them", "Only its column may be named."
    held = field.rules.written()
    for rule, kinds in _KINDS.items():
        if rule in held and field.kind not in kinds:
            return f"{rule} is for {' and '.join(sorted(kinds))}, and the field is {field.kind}", "Leave the rule out."
    if field.kind is Kind.DATE and held.get("shift") and not held["shift"].endswith("d"):
        return "a date moves by whole days", "Write +1d, for instance."
    return None


def _way_trouble(mapping: Mapping, field: Field) -> tuple[str, str] | None:
    sent = field.createable or field.updateable
    towards = mapping.direction is Direction.PG_TO_SF and field.rules.lossy != "map"
    if mapping.direction is Direction.SF_TO_PG or towards or not sent or not field.rules.lossy:
        return None
    reasons = {
        "constant": "the column always says the same, so there is nothing that an edit could bring back",
        "case": "the letters' case that Salesforce had cannot be found again",
        "default": "an empty field and one that says so could not be told apart on the way back",
        "map": "the value map makes one word of several, and nobody knows which one to send back",
    }
    meeting = field.rules.meeting
    which = f" ({meeting[0]} and {meeting[1]})" if meeting and field.rules.lossy == "map" else ""
    return f"{field.rules.lossy} cannot be undone: {reasons[field.rules.lossy]}{which}", _ONE_WAY


def _word_trouble(field: Field, words: Sequence[str]) -> tuple[str, str] | None:
    if field.rules.lossy:
        return None
    listed = {theirs for theirs, _ in field.rules.words}
    taken = sorted({ours for _, ours in field.rules.words} & (set(words) - listed))
    if not taken:
        return None
    return f"{taken[0]!r} is a value of its own in Salesforce, and the column's word for another one", "Map it too."
