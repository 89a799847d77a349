"""GET /search: the simple part of SOSL, FIND {word} IN x FIELDS RETURNING Object(fields WHERE ...), by looking at all."""

import re
from typing import Any

from tests.standin.errors import Refused
from tests.standin.org import Org
from tests.standin.querying import query
from tests.standin.store import Store
from tests.standin.table import Record, Table
from tests.standin.web import Json, Reply, Request

MOST = 2000
_FIND = re.compile(
    r"\s*FIND\s*\{(?P<words>(?:[^{}\\]|\\.)+)\}"
    r"(?:\s+IN\s+(?P<scope>ALL|NAME|EMAIL|PHONE)\s+FIELDS)?"
    r"(?:\s+RETURNING\s+(?P<returning>.+?))?(?:\s+LIMIT\s+(?P<limit>\d+))?\s*\Z",
    re.IGNORECASE | re.DOTALL,
)
_OBJECT = re.compile(r"\s*(?P<name>\w+)\s*(?:\((?P<inner>[^()]*(?:\([^()]*\)[^()]*)*)\))?\s*(?:,|\Z)")
_CLAUSE = re.compile(r"\b(?:WHERE|ORDER\s+BY|LIMIT|OFFSET)\b", re.IGNORECASE)
TEXTS = ("string", "textarea", "email", "phone", "url", "picklist")


def answer(org: Org, request: Request) -> Reply:
    """The records in which every word of the search begins some word; `*` stands for the rest of one."""
    text = request.query.get("q", "")
    match = _FIND.match(text)
    if match is None:
        raise Refused("MALFORMED_SEARCH", f"No FIND clause that the stand-in understands: {text}")
    store = org.seen_by(request.who())
    words = [word.strip("*\"'").lower() for word in match["words"].replace("\\", "").split()]
    found: list[Json] = []
    for name, inner in _returning(store, match["returning"]):
        found += _in_object(store, request, name, inner, (words, (match["scope"] or "ALL").upper()))
    return Reply(200, {"searchRecords": found[: int(match["limit"] or MOST)]})


def _returning(store: Store, text: str | None) -> list[tuple[str, str]]:
    if text is None:
        return [(table.sobject.name, "Id") for table in store.tables.values() if table.sobject.raw["searchable"]]
    found, place = list[tuple[str, str]](), 0
    while place < len(text):
        match = _OBJECT.match(text, place)
        if match is None or match.end() == place:
            raise Refused("MALFORMED_SEARCH", f"unexpected token: {text[place:]}")
        found.append((match["name"], match["inner"] or "Id"))
        place = match.end()
    return found


def _in_object(store: Store, request: Request, name: str, inner: str, wanted: tuple[list[str], str]) -> list[Any]:
    clause = _CLAUSE.search(inner)
    fields, rest = (inner[: clause.start()], inner[clause.start() :]) if clause else (inner, "")
    answered = query.run(store, f"SELECT {fields} FROM {name} {rest}", deleted_too=False, version=request.version)
    table = store.table(name)
    return [answered.render(record) for record in answered.records if _has(table, record, *wanted)]


def _has(table: Table, record: Record, words: list[str], scope: str) -> bool:
    fields = [field for field in table.sobject.fields.values() if field.type in TEXTS]
    if scope == "NAME":
        fields = [field for field in fields if "name" in field.name.lower()]
    elif scope != "ALL":
        fields = [field for field in fields if field.type == scope.lower()]
    text = " ".join(str(record.get(field.name, "")) for field in fields).lower()
    return all(re.search(rf"(?<!\w){re.escape(word)}", text) for word in words)
