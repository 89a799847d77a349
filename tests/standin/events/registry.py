"""All schemas that were ever handed out, by id and by object."""

from collections.abc import Iterable
from typing import Any

from tests.standin.events.avro import Schema, change_schema, event_schema
from tests.standin.schema import SObject

Json = dict[str, Any]


class Registry:
    """Makes an object's schema anew when its describe has changed; old ones stay known by id."""

    def __init__(self) -> None:
        self._texts: dict[str, str] = {}
        self._made: dict[int, tuple[SObject, Schema]] = {}

    def of_object(self, sobject: SObject) -> Schema:
        """The schema of an object's change events, or of a platform event."""
        found = self._made.get(id(sobject))
        if found is None or found[0] is not sobject:
            schema = event_schema(sobject) if sobject.name.endswith("__e") else change_schema(sobject)
            found = self._made[id(sobject)] = sobject, schema
            self.learn(schema.id, schema.text)
        return found[1]

    def learn(self, schema_id: str, text: str) -> None:
        self._texts.setdefault(schema_id, text)

    def text(self, schema_id: str) -> str | None:
        return self._texts.get(schema_id)

    def snapshot(self, used: Iterable[str]) -> Iterable[Json]:
        """Journal entries of the schemas that kept events use."""
        yield from ({"k": "event-schema", "id": one, "text": self._texts[one]} for one in sorted(set(used)))
