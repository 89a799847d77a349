"""A field with rules."""

from dataclasses import replace
from typing import Any

from common import rules
from common.mapping import Field, Kind


def a_ruled_field(
    kind: Kind = Kind.TEXT, *, name: str = "F__c", column: str = "f", exact: bool = True, **held: Any
) -> Field:
    """One field with these rules, as they are stored."""
    return Field(name, column, kind, rules=replace(rules.read(held), exact=exact))
