"""A mapping's filter: a condition of SOQL, held to what Salesforce says of it."""

from collections.abc import Iterator
from typing import Any

from common.errors import Misconfigured
from common.mapping import Direction, Mapping
from common.salesforce.session import Refused, Session

_HINT = "Write what stands after WHERE, such as \"Status__c = 'Open' AND Region__c IN ('EU', 'UK')\"."


def check(session: Session, mapping: Mapping) -> int:
    """How many records meet the mapping's filter.

    Raises:
        Misconfigured: it is no condition, or nothing is read that it could hold back.
    """
    if mapping.direction is Direction.PG_TO_SF:
        raise Misconfigured("filter", "nothing is read from Salesforce", "Leave the filter out.")
    if not _closed(mapping.filter):
        raise Misconfigured("filter", f"{mapping.filter!r}: its brackets or quotes are not closed", _HINT)
    try:
        counted = session.get("query", q=f"SELECT COUNT() FROM {mapping.sobject} WHERE ({mapping.filter})")
    except Refused as exc:
        raise Misconfigured("filter", f"{mapping.filter!r}: {exc.code} {exc.message}", _HINT) from exc
    return int(counted["totalSize"])


def meeting(session: Session, mapping: Mapping) -> Iterator[str]:
    """The Salesforce ids of the records that meet the mapping's filter; of all, where it has none."""
    page: Any = session.get("query", q=f"SELECT Id FROM {mapping.sobject} WHERE {mapping.among('Id != NULL')}")
    while True:
        yield from (record["Id"] for record in page["records"])
        if page["done"]:
            return
        page = session.get(page["nextRecordsUrl"].split("/", 4)[4])


def _closed(text: str) -> bool:
    """Whether no bracket and no quote reaches out of the condition, which stands in brackets of its own."""
    depth, quoted, escaped = 0, False, False
    for letter in text:
        if quoted:
            quoted = escaped or letter != "'"
            escaped = letter == "\\" and not escaped
            continue
        quoted = letter == "'"
        depth += (letter == "(") - (letter == ")")
        if depth < 0:
            return False
    return depth == 0 and not quoted
