"""The control API's part on records: undelete, merge, the recycle bin, duplicate rules, who may see what."""

from typing import Any

from tests.standin import merge, records
from tests.standin.errors import not_found
from tests.standin.org import Org
from tests.standin.rest.sobjects import table_of_id
from tests.standin.web import Reply, Request


def with_record(org: Org, record_id: str, order: str, request: Request) -> Reply:
    """POST records/{id}/undelete or records/{id}/merge."""
    table = table_of_id(org.store, record_id)
    if table is None or order not in ("undelete", "merge"):
        raise not_found()
    with org.store.transaction():
        if order == "merge":
            given: Any = request.json_object()
            losers, values = given["losers"], given.get("values", {})
            return Reply(200, merge.merge(org.store, table, record_id, losers, values, org.ui))
        records.undelete(org.store, table, record_id, org.ui)
    return Reply(200, {"undeleted": record_id})


def deleted(org: Org, request: Request) -> Reply:
    """What lies in the recycle bin, of one object or of all; DELETE empties it."""
    wanted = request.query.get("object")
    tables = [org.store.table(wanted)] if wanted else list(org.store.tables.values())
    if request.method == "DELETE":
        with org.store.transaction():
            for table in tables:
                for record_id in list(table.deleted):
                    org.store.purge(table, record_id)
    return Reply(200, [{"object": t.sobject.name, "id": record_id} for t in tables for record_id in t.deleted])


def duplicate_rules(org: Org, request: Request) -> Reply:
    """POST {"name", "object", "fields", "action", "message"}; DELETE all."""
    rules = org.store.duplicates
    if request.method == "POST":
        given = request.json_object()
        rules.define(given, org.store.table(given["object"]).sobject)
        org.rules_changed()
    elif request.method == "DELETE":
        rules.clear()
        org.rules_changed()
    return Reply(200, [rule.as_json() for rule in rules.all()])


def access(org: Org, request: Request) -> Reply:
    """POST {"username", "object", "hidden", "readOnly"} or {"username", "records"}; DELETE all limits."""
    if request.method == "POST":
        given = request.json_object()
        user_id = org.sessions.logins[given["username"].lower()].user_id
        if "records" in given:
            org.access.unshare(user_id, given["records"])
        else:
            name = org.store.table(given["object"]).sobject.name
            org.access.restrict_fields(user_id, name, given.get("hidden", []), given.get("readOnly", []))
        org.rules_changed()
    elif request.method == "DELETE":
        org.access.clear()
        org.rules_changed()
    return Reply(200, org.access.snapshot())
