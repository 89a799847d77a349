"""What a bulk query may not ask, and which columns it selects."""

from tests.standin.errors import Refused
from tests.standin.querying.aggregate import is_aggregate
from tests.standin.schema import SObject
from tests.standin.soql import Expression, Item, Query, TypeOf, parse

Selection = tuple[Expression, str]  #: what is selected, and its alias or ""
NOT_IN_BULK = "not supported in Bulk V2 Query with CSV content type"


def read(text: str) -> Query:
    """The tree of a query; refused is what the Bulk API leaves out of SOQL."""
    query = parse(text)
    if query.counts or is_aggregate(query):
        raise _unsupported("Aggregate functions and GROUP BY")
    if query.offset:
        raise _unsupported("OFFSET")
    return query


def columns(query: Query, sobject: SObject) -> list[Selection]:
    """What stands in the CSV, in the query's order."""
    return [each for item in query.fields for each in _selected(item, sobject)]


def _selected(item: object, sobject: SObject) -> list[Selection]:
    match item:
        case Query():
            raise _unsupported("Aggregate Relationships")
        case TypeOf():
            raise _unsupported("TYPEOF")
        case Item(expression, alias):
            return [(expression, alias or "")]
        case "FIELDS(STANDARD)":
            return [(field.name, "") for field in sobject.fields.values() if _plain(field.type, field.raw["custom"])]
        case str() if item.startswith("FIELDS("):
            raise _unsupported(item)
    _refuse_type(sobject, str(item))
    return [(str(item), "")]


def _plain(kind: str, custom: bool) -> bool:
    return not custom and kind not in ("address", "location", "base64")


def _refuse_type(sobject: SObject, path: str) -> None:
    """Compound fields and blobs have no place in a CSV."""
    field = sobject.find(path)
    if field is not None and field.type in ("address", "location"):
        raise Refused("FUNCTIONALITY_NOT_ENABLED", "Selecting compound data not supported in Bulk Query")
    if field is not None and field.type == "base64":
        raise _unsupported("Blob field")


def _unsupported(what: str) -> Refused:
    return Refused("API_ERROR", f"{what} {NOT_IN_BULK}")
