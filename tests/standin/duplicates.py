"""Duplicate rules: records that agree in a rule's fields are refused, or told of, as Salesforce does it."""

from dataclasses import asdict, dataclass
from typing import Any

from tests.standin.errors import Refused
from tests.standin.schema import SObject
from tests.standin.table import Record, Table

Json = dict[str, Any]
BLOCK, ALERT = "block", "alert"
DEFAULT_MESSAGE = "Use one of these records?"


@dataclass(frozen=True, slots=True)
class Rule:
    """Records of `object` that agree in all `fields` are duplicates; `alert` lets a caller save them all the same."""

    name: str
    object: str
    fields: tuple[str, ...]
    action: str = BLOCK
    message: str = DEFAULT_MESSAGE

    def as_json(self) -> Json:
        return asdict(self)


class DuplicatesDetected(Refused):
    """A record that a rule takes for a duplicate; its error body carries the matches."""

    def __init__(self, rule: Rule, matches: list[Json]) -> None:
        super().__init__("DUPLICATES_DETECTED", rule.message)
        self.rule = rule
        self.matches = matches

    def as_error(self) -> Json:
        """A single call's error; Salesforce writes the key `duplicateResut`."""
        return {"duplicateResut": self._result(), "errorCode": self.code, "message": self.message}

    def _result(self) -> Json:
        rule = self.rule
        found = {
            "entityType": rule.object,
            "errors": [],
            "matchEngine": "ExactMatchEngine",
            "matchRecords": self.matches,
            "rule": f"{rule.name}_match",
            "size": len(self.matches),
            "success": True,
        }
        return {
            "allowSave": rule.action == ALERT,
            "duplicateRule": rule.name,
            "duplicateRuleEntityType": rule.object,
            "errorMessage": rule.message,
            "matchResults": [found],
        }


class DuplicateRules:
    """The rules in force, by object."""

    def __init__(self) -> None:
        self._rules: dict[str, list[Rule]] = {}

    def define(self, given: Json, sobject: SObject) -> Rule:
        """Put a rule in force; one with the same name is replaced."""
        fields = tuple(_name_of(sobject, name) for name in given["fields"])
        action = given.get("action", BLOCK)
        if action not in (BLOCK, ALERT) or not fields:
            raise Refused("BAD_ORDER", "a duplicate rule has fields, and its action is block or alert")
        rule = Rule(given["name"], sobject.name, fields, action, given.get("message", DEFAULT_MESSAGE))
        kept = [other for other in self._rules.get(sobject.name, ()) if other.name != rule.name]
        self._rules[sobject.name] = [*kept, rule]
        return rule

    def all(self) -> list[Rule]:
        return [rule for rules in self._rules.values() for rule in rules]

    def clear(self) -> None:
        self._rules.clear()

    def check(self, table: Table, record: Record, old: Record | None, caller: Any) -> None:
        """Refuse a record that a rule matches; `caller` says whether alerts are passed and what is shown.

        An update is looked at only when it changes one of the rule's fields.
        """
        for rule in self._rules.get(table.sobject.name, ()):
            if rule.action == ALERT and caller.saves_duplicates:
                continue
            if old is not None and all(old.get(name) == record.get(name) for name in rule.fields):
                continue
            found = _matching(table, rule, record)
            if found:
                raise DuplicatesDetected(rule, [_match(rule, one, caller) for one in found])


def _name_of(sobject: SObject, name: str) -> str:
    field = sobject.find(name)
    if field is None:
        raise Refused("BAD_ORDER", f"{sobject.name} has no field {name}")
    return field.name


def _matching(table: Table, rule: Rule, record: Record) -> list[Record]:
    values = {name: _folded(record.get(name)) for name in rule.fields}
    if None in values.values():
        return []  # an empty field matches nothing
    others = (table.records[i] for i in table.lookup(rule.fields[0]).find(record[rule.fields[0]]))
    return [
        other
        for other in others
        if other["Id"] != record.get("Id") and all(_folded(other.get(name)) == value for name, value in values.items())
    ]


def _folded(value: Any) -> Any:
    return value.lower() if isinstance(value, str) else value


def _match(rule: Rule, record: Record, caller: Any) -> Json:
    url = f"/services/data/v{caller.version}/sobjects/{rule.object}/{record['Id']}"
    shown: Json = {"attributes": {"type": rule.object, "url": url}, "Id": record["Id"]}
    if caller.shows_duplicates:
        shown |= {name: record.get(name) for name in rule.fields}
    return {"additionalInformation": [], "fieldDiffs": [], "matchConfidence": 100.0, "record": shown}
