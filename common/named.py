"""What people name: a mapping, by its object or its table."""

from collections.abc import Sequence

from common.errors import Terminal
from common.mapping import Mapping


def mapped(known: Sequence[Mapping], name: str) -> list[Mapping]:
    """The mappings of an object or a table.

    Raises:
        Terminal: there is none; those that are there are named.
    """
    found = [m for m in known if name.lower() == m.sobject.lower() or name == m.table]
    if not found:
        names = ", ".join(sorted({m.sobject for m in known})) or "none"
        raise Terminal("mapping_missing", f"{name} is not mapped", f"Mapped objects: {names}.")
    return found


def one(known: Sequence[Mapping], name: str) -> Mapping:
    """The one mapping of an object or a table.

    Raises:
        Terminal: there is none, or several.
    """
    found = mapped(known, name)
    if len(found) > 1:
        tables = ", ".join(m.table for m in found)
        raise Terminal("mapping_unclear", f"{name} is mapped to several tables", f"Name one of them: {tables}.")
    return found[0]


def of_records(known: Sequence[Mapping], name: str) -> Mapping:
    """The one mapping of an object or a table that has records, which platform events have not.

    Raises:
        Terminal: there is none, or several.
    """
    mapping = one(known, name)
    if mapping.is_event:
        raise Terminal(
            "platform_event",
            f"{mapping.sobject} is a platform event",
            "Events are kept as they come: there is no record to read, load or filter.",
        )
    return mapping
