"""Parents and children: which record must be in Salesforce before which, and how a circle of them is broken. Pure."""

from collections.abc import Collection, Hashable, Iterable, Sequence
from collections.abc import Mapping as Map
from dataclasses import dataclass
from typing import TypeVar

PARENT_MISSING = "parent_missing"  #: Salesforce has no record with the external id that a lookup was given by
WAITING_FOR_PARENT = "waiting_for_parent"
PARENT_CYCLE = "parent_cycle"
PARENT_DELETED = "parent_deleted"


@dataclass(frozen=True, slots=True)
class ParentKey:
    """A relationship column: the external id of the record that a lookup points to."""

    lookup: str  #: API name of the lookup: AccountId
    relationship: str  #: Account, Parent__r
    sobject: str  #: the parent's object
    field: str  #: the parent's external id field
    column: str
    lookup_column: str
    required: bool = False  #: the record cannot be created without it, or it can only be set then
    table: str = ""  #: where the parents' rows are; empty while their object is not mapped
    key_column: str = "id"  #: of that table

    @property
    def name(self) -> str:
        """What a Change, SOQL and a CSV of the Bulk API call it: `Account.External_Id__c`."""
        return f"{self.relationship}.{self.field}"


@dataclass(frozen=True, slots=True)
class Child:
    """A relationship column from its parent's side."""

    table: str
    key_column: str
    lookup_column: str
    column: str


@dataclass(frozen=True, slots=True, order=True)
class Row:
    """One row of a mapped table."""

    table: str
    key: str

    def __str__(self) -> str:
        return f"{self.table}/{self.key}"

    @classmethod
    def parse(cls, text: str) -> "Row":
        """From its text; a key may hold a slash, a table's name may not."""
        table, _, key = text.partition("/")
        return cls(table, key)


Node = TypeVar("Node", bound=Hashable)
Edge = tuple[Node, Node]  #: child, parent


def levels(nodes: Iterable[Node], parents: Map[Node, Collection[Node]]) -> dict[Node, int]:
    """How deep each one stands: 0 has no parent among them. Those of a circle share the level where it was entered."""
    depth: dict[Node, int] = {}
    for start in nodes:
        path: list[Node] = [start]
        while path:
            node = path[-1]
            above = [p for p in parents.get(node, ()) if p != node]
            unseen = [p for p in above if p not in depth and p not in path]
            if unseen:
                path.append(unseen[0])
                continue
            depth.setdefault(node, max((depth[p] + 1 for p in above if p in depth), default=0))
            path.pop()
    return depth


def circle(start: Node, parents: Map[Node, Collection[Node]]) -> list[Edge[Node]]:
    """A circle through `start`, as its edges from `start` on; nothing where there is none."""
    came: dict[Node, Node] = {}
    waiting = [start]
    while waiting:
        node = waiting.pop()
        for parent in sorted(parents.get(node, ()), key=str):
            if parent == start:
                return _back(start, node, came)
            if parent not in came:
                came[parent] = node
                waiting.append(parent)
    return []


def _back(start: Node, last: Node, came: Map[Node, Node]) -> list[Edge[Node]]:
    edges = [(last, start)]
    while last != start:
        edges.append((came[last], last))
        last = came[last]
    return edges[::-1]


def losing_columns(keys: Sequence[ParentKey], edits: Sequence[Map[str, object]]) -> set[str]:
    """Of a lookup's two columns the one that was written last counts; in one and the same edit the relationship column.

    But a value always beats its absence: an edit that fills one and empties the other means the filled one.

    Args:
        edits: A record's edits in their order, by column; without a new row's empty columns.
    """
    lost = set()
    for key in keys:
        touching = [e for e in edits if key.column in e or key.lookup_column in e]
        if touching:
            lost.add(key.lookup_column if _by_key(key, touching[-1]) else key.column)
    return lost


def _by_key(key: ParentKey, edit: Map[str, object]) -> bool:
    if key.column not in edit:
        return False
    return edit[key.column] is not None or edit.get(key.lookup_column) is None


def whom(keys: Sequence[ParentKey], fields: Map[str, object], words: str) -> Row | None:
    """The parent that Salesforce did not find: the one whose key its words name, else the first that was given by key."""
    given = [(key, str(fields[key.name])) for key in keys if fields.get(key.name)]
    named = [pair for pair in given if pair[1].lower() in words.lower()] or given
    return Row(named[0][0].table or named[0][0].sobject, named[0][1]) if named else None
