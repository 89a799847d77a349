"""What an org has to map: its objects, their fields, and the mapping that a person's wish amounts to."""

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from common.change import EVENT
from common.desk import Plan, Row, Wish
from common.errors import Misconfigured, Terminal
from common.mapping import MAX_IDENTIFIER, Direction, Mapping, snake
from common.salesforce import conditions, describe
from common.salesforce.session import Session

_API_NAME = re.compile(r"[A-Za-z]\w{0,79}")


class Catalogue:
    """Implements desk.Catalogue."""

    def __init__(self, session: Session, external_id_field: str) -> None:
        self._session = session
        self._external_id_field = external_id_field

    @property
    def org_id(self) -> str:
        """18 characters; logs in where that has not happened yet."""
        return self._session.org_id

    def objects(self) -> list[Row]:
        """Every object that has records to keep equal, by name; one API call."""
        told = self._session.get("sobjects")["sobjects"]
        found = [
            {"name": o["name"], "label": o.get("label") or o["name"], "custom": bool(o.get("custom"))}
            for o in told
            if o["name"].endswith(EVENT) or (o.get("queryable", True) and o.get("retrieveable", True))
        ]
        return sorted(found, key=lambda o: o["name"].lower())

    def fields(self, sobject: str) -> list[Row]:
        """The object's fields, by name; one API call.

        Raises:
            Misconfigured: there is no such object.
        """
        described = self._describe(sobject)
        return sorted((_field(f) for f in described["fields"]), key=lambda f: str(f["name"]).lower())

    def plan(self, wish: Wish, known: Sequence[Mapping]) -> Plan:
        """A mapping out of the org's own description of the object.

        Raises:
            Terminal, Misconfigured: it cannot be mapped like this.
        """
        refuse_odd_name(wish.table)
        described = self._describe(wish.sobject)
        is_event = described["name"].endswith(EVENT)
        if is_event:
            _refuse_beyond_events(wish)
        table = wish.table or snake(described["name"])
        found = describe.to_mapping(
            described,
            table=table if "." in table else f"salesforce.{table}",
            direction=Direction.SF_TO_PG if is_event else wish.direction,
            external_id_field=wish.external_id_field or self._external_id_field,
            only=wish.fields,
            policy=wish.policy,
            parents={m.sobject: m.external_id_field for m in known if m.external_id_field},
        )
        mapping = replace(found.mapping, filter=wish.filter)
        if not wish.filter:
            return Plan(mapping, found.left_out, found.warnings)
        meeting = conditions.check(self._session, mapping)
        return Plan(mapping, found.left_out, [*found.warnings, f"{meeting} records meet the filter"])

    def _describe(self, sobject: str) -> dict[str, Any]:
        if not _API_NAME.fullmatch(sobject):
            raise Misconfigured("object_missing", repr(sobject), "Use an API name, such as Account or My_Object__c.")
        return describe.fetch(self._session, sobject)


def _refuse_beyond_events(wish: Wish) -> None:
    if wish.direction is Direction.PG_TO_SF or wish.filter or wish.external_id_field:
        raise Terminal(
            "platform_event", f"{wish.sobject} is a platform event",
            "Events come from Salesforce only, and are kept whole: leave filter and external id out.",
        )  # fmt: skip


def refuse_odd_name(table: str) -> None:
    """Postgres cuts a longer name silently, and its trigger would then log edits under a name that nobody knows.

    Raises:
        Terminal: the table's name is none that we take.
    """
    parts = table.split(".", 1) if table else []
    if any(not re.fullmatch(r"[\w$-]+", part) or len(part.encode()) > MAX_IDENTIFIER for part in parts):
        raise Terminal(
            "table_name", repr(table), f"Use letters, digits, _, $ and -, at most {MAX_IDENTIFIER} bytes a name."
        )


def _field(told: dict[str, Any]) -> Row:
    return {
        "name": told["name"],
        "label": told.get("label") or told["name"],
        "type": told["type"],
        "sendable": bool(told.get("createable") or told.get("updateable")) and not told.get("calculated"),
        "required": not told.get("nillable", True) and not told.get("defaultedOnCreate"),
        "external_id": bool(told.get("externalId") and told.get("unique")),
        "why_not": describe.why_not(told),
    }
