"""GET /recent: what the caller changed last; the stand-in does not watch who looks at what."""

from collections.abc import Iterable
from itertools import islice

from tests.standin.org import Org
from tests.standin.table import Table
from tests.standin.web import Json, Reply, Request

MOST = 200


def answer(org: Org, request: Request) -> Reply:
    """Up to `limit` records of all objects, the last changed first."""
    asked = request.query.get("limit", "")
    most = min(int(asked), MOST) if asked.isdigit() else MOST
    return Reply(200, items(org.seen_by(request.who()).tables.values(), request, most))


def items(tables: Iterable[Table], request: Request, most: int) -> list[Json]:
    """The caller's own changes, each record with its name."""
    found = [(table, record_id) for table in tables for record_id in islice(_changed(table, request), most)]
    found.sort(key=lambda one: (one[0].records[one[1]]["SystemModstamp"], one[1]), reverse=True)
    return [_item(table, record_id, request.version) for table, record_id in found[:most]]


def _changed(table: Table, request: Request) -> Iterable[str]:
    user_id = request.who().user_id
    for record_id in table.stamps.newest():
        record = table.records.get(record_id)
        if record is not None and not record["IsDeleted"] and record.get("LastModifiedById") == user_id:
            yield record_id


def _item(table: Table, record_id: str, version: str) -> Json:
    name = table.sobject.name
    url = f"/services/data/{version}/sobjects/{name}/{record_id}"
    field = table.sobject.name_field
    shown = {"attributes": {"type": name, "url": url}, "Id": record_id}
    return shown | ({field: table.records[record_id].get(field)} if field else {})
