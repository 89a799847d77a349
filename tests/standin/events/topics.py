"""Topics by name: what each one delivers, and what may be published to it."""

from dataclasses import dataclass
from typing import Any

from tests.standin.events.avro import change_event_name
from tests.standin.schema import SObject, from_upload
from tests.standin.store import Store

Json = dict[str, Any]

ALL_CHANGES = "/data/ChangeEvents"
DATA, EVENT = "/data/", "/event/"


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic that exists. `sobject` is None where events of several objects come."""

    name: str
    sobject: SObject | None
    can_publish: bool


class Topics:
    """Change events of the store's objects, custom channels, and platform events."""

    def __init__(self, store: Store, settings: Json) -> None:
        self._store = store
        self.settings = settings
        self.channels: dict[str, tuple[str, ...]] = {}  #: objects by the channel's name, X__chn
        self.platform_events: dict[str, SObject] = {}

    def find(self, name: str) -> Topic | None:
        """A topic by its exact name."""
        if name == ALL_CHANGES or (name.startswith(DATA) and name.removeprefix(DATA) in self.channels):
            return Topic(name, None, can_publish=False)
        if name.startswith(EVENT):
            sobject = self.platform_events.get(name.removeprefix(EVENT))
            return Topic(name, sobject, can_publish=True) if sobject else None
        table = self._store.tables.get(_object_of(name.removeprefix(DATA))) if name.startswith(DATA) else None
        return Topic(name, table.sobject, can_publish=False) if table else None

    def entities(self, topic: Topic) -> frozenset[str]:
        """Names of the objects whose events the topic delivers now."""
        if topic.sobject is not None:
            name = topic.sobject.name
            return frozenset((name,)) if topic.can_publish or self._selected(name) else frozenset()
        members = self.channels.get(topic.name.removeprefix(DATA))
        return frozenset(members) if members is not None else frozenset(filter(self._selected, self._store.tables))

    def _selected(self, entity: str) -> bool:
        chosen = self.settings["changeDataCapture"]
        return bool(chosen == "all" or entity in chosen)

    def untracked(self, entities: set[str]) -> frozenset[str]:
        """Those of these objects that no channel has selected."""
        if self.settings["changeDataCapture"] == "all":
            return frozenset()
        selected = {name for members in self.channels.values() for name in members}
        return frozenset(name for name in entities if not self._selected(name) and name not in selected)

    def names(self) -> list[str]:
        """Every topic that there is."""
        objects = (DATA + change_event_name(name) for name in self._store.tables)
        channels = (DATA + name for name in self.channels)
        return [ALL_CHANGES, *objects, *channels, *(EVENT + name for name in self.platform_events)]

    def add_channel(self, name: str, members: list[str]) -> None:
        """A custom channel; KeyError for an object that is not here."""
        if not name.endswith("__chn"):
            raise ValueError(f"{name!r}: a custom channel's name ends in __chn")
        self.channels[name] = tuple(self._store.tables[member].sobject.name for member in members)

    def define_event(self, given: Json, now: float) -> SObject:
        """A platform event, from our compact form."""
        if not given["name"].endswith("__e"):
            raise ValueError(f"{given['name']!r}: a platform event's name ends in __e")
        known = self.platform_events.get(given["name"])
        prefix = known.prefix if known else f"e{len(self.platform_events):02d}"
        sobject = from_upload({"nameField": False, "owner": False, **given}, now, prefix)
        self.platform_events[sobject.name] = sobject
        return sobject


def _object_of(event_name: str) -> str:
    """Account of AccountChangeEvent, Employee__c of Employee__ChangeEvent; anything else is no object's name."""
    name = event_name.removesuffix("ChangeEvent")
    if name == event_name:
        return ""
    return name + "c" if name.endswith("__") else name
